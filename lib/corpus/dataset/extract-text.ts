// Gives a dump's articles as plain text with links, without names or tokens.
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import { openBatches } from '../dump/dump.ts';
import { inputName, standardInput } from '../dump/input-bytes.ts';
import { type ExtractOptions, type Kept, readingOf } from '../wikitext/extract.ts';
import { type ByteProgress, ReadingProgress } from './byte-progress.ts';
import { dumpWorkers, noArticleIn, type TextBatch, workOn } from './dump-work.ts';
import type { Sample } from './sample.ts';

const LINE_END = 0x0a;

export interface ExtractTextOptions extends ExtractOptions {
  /**
   * MediaWiki `pages-articles` XML: .bz2, .gz, .zst or plain; `-` is standard input. Several are read one after the other, such
   * as the pieces of one dump.
   */
  dump: string | readonly string[];
  /** What is kept besides running text. */
  keep?: readonly Kept[] | undefined;
  /** Which articles are taken; all unless given. */
  sample?: Sample | undefined;
  /** At most so many articles: the first. */
  limit?: number | undefined;
  /** Threads to read pages with; the text does not depend on it. Default: one a core. */
  workers?: number;
  signal?: AbortSignal;
  /** Called with how many articles there have been, and how far the dump is read. */
  onProgress?: (articles: number, bytes: ByteProgress) => void;
  /** Called with what looks wrong but does not stop the work. */
  onWarning?: (message: string) => void;
}

/**
 * The articles of a dump that have text, in their order, as lines of JSON in UTF-8: `title`, `id`, `revision`, `time`
 * and `url` of the page as far as the dump has them, `text`, and `anchors` with
 * `start` and `end` in code points and the `target`, a title before redirects are followed. Each piece is valid until the
 * next one is asked for.
 *
 * @throws LeiaError `format` (damaged or wrong input), `mismatch` (no article in it), `io`, `interrupted`, `execution`
 *   (a thread failed).
 */
export async function* extractText(
  options: ExtractTextOptions,
): AsyncGenerator<Pick<TextBatch, 'articles' | 'lines'>, void, undefined> {
  const { workers = availableParallelism(), signal, sample, keep } = options;
  const { limit = Number.POSITIVE_INFINITY } = options;
  const dumps = [options.dump].flat();
  const progress = new ReadingProgress(await Promise.all(dumps.map(sizeOf)));
  const reading = readingOf(options);
  const pool = dumpWorkers(workers);
  let [pages, done] = [0, 0];
  try {
    for (const [i, dump] of dumps.entries()) {
      const { siteinfo, batches, reclaim } = await openBatches(dump, { onRead: progress.of(i) });
      const job = { kind: 'text', file: inputName(dump), siteinfo, reading, sample, keep } as const;
      for await (const batch of workOn(batches(), job, pool, reclaim)) {
        const { oddities } = batch;
        const { articles, lines } = firstOf(batch, limit - done);
        for (const oddity of oddities) options.onWarning?.(oddity);
        pages += batch.pages;
        done += articles;
        options.onProgress?.(done, progress);
        if (signal?.aborted) throw new LeiaError('interrupted', 'interrupted');
        yield { articles, lines };
        if (done === limit) return;
        reclaim([lines.buffer]);
      }
    }
    if (done === 0 && sample !== undefined) {
      throw new LeiaError('mismatch', 'no article is in the sample; take a larger share');
    }
    const name = dumps.map(inputName).join(', ');
    if (done === 0) throw new LeiaError('mismatch', noArticleIn(name, pages));
  } finally {
    await pool.close();
  }
}

/** The first articles of a batch, at most so many. */
function firstOf(batch: TextBatch, most: number): Pick<TextBatch, 'articles' | 'lines'> {
  const { articles, lines } = batch;
  if (articles <= most) return { articles, lines };
  let end = 0;
  for (let i = 0; i < most; i++) end = lines.indexOf(LINE_END, end) + 1;
  return { articles: most, lines: lines.subarray(0, end) };
}

/** In bytes; 0 if that is not known, as of a pipe. */
async function sizeOf(path: string): Promise<number> {
  if (path === standardInput) return 0;
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw fileError('open', path, error);
  }
}

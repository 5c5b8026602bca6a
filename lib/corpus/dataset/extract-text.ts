// Gives a dump's articles as plain text with links, without names or tokens.
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import { openBatches } from '../dump/dump.ts';
import { inputName, standardInput } from '../dump/input-bytes.ts';
import type { Siteinfo } from '../dump/siteinfo.ts';
import { type ExtractOptions, type Kept, readingOf } from '../wikitext/extract.ts';
import {
  type ArticleFilter,
  addLeftOut,
  allLeftOut,
  checkFilter,
  type FilterOptions,
  type LeftOut,
  openFilter,
} from './article-filter.ts';
import { type ByteProgress, ReadingProgress } from './byte-progress.ts';
import {
  checkSameWiki,
  dumpWorkers,
  noArticleIn,
  type TextBatch,
  templatesOf,
  workOn,
} from './dump-work.ts';

const LINE_END = 0x0a;

/** What {@link extractText} reads, and how. */
export interface ExtractTextOptions extends ExtractOptions, FilterOptions {
  /**
   * MediaWiki `pages-articles` XML: .bz2, .gz, .zst or plain; `-` is standard input. Several are read one after the other, such
   * as the pieces of one dump.
   */
  dump: string | readonly string[];
  /** What is kept besides running text. */
  keep?: readonly Kept[] | undefined;
  /** Threads to read pages with; the text does not depend on it. Default: one a core. */
  workers?: number;
  signal?: AbortSignal;
  /** Called with how many articles there have been, and how far the dump is read. */
  onProgress?: (articles: number, bytes: ByteProgress) => void;
  /** Called with what looks wrong but does not stop the work. */
  onWarning?: (message: string) => void;
}

/** Some articles in a row, as lines of JSON in UTF-8, and how many before its end are left out. */
export type TextPiece = Pick<TextBatch, 'articles' | 'lines' | 'leftOut'>;

/**
 * The articles of a dump that have text, in their order, as lines of JSON in UTF-8: `title`, `id`, `revision`, `time`
 * and `url` of the page as far as the dump has them, `text`, and `anchors` with
 * `start` and `end` in code points, the `target`, a title before redirects are followed, and if templates make links
 * `english`, the title that a template says the page has in English, or ''. Each piece is valid until the
 * next one is asked for, and says how many articles before its end are left out.
 *
 * @throws LeiaError `format` (damaged or wrong input), `mismatch` (no article in it, or none that is not left out; dumps
 *   of several wikis, where the filter knows one), `usage` (filters that contradict each other), `io`, `interrupted`,
 *   `execution` (a thread failed).
 */
export async function* extractText(
  options: ExtractTextOptions,
): AsyncGenerator<TextPiece, void, undefined> {
  checkFilter(options);
  const { workers = availableParallelism(), signal, keep } = options;
  const { limit = Number.POSITIVE_INFINITY } = options;
  const dumps = [options.dump].flat();
  const sizes = await Promise.all(dumps.map(sizeOf));
  const progress = new ReadingProgress(sizes);
  const reading = readingOf(options);
  const pool = dumpWorkers(workers);
  const filterOf = (wiki: Siteinfo): Promise<ArticleFilter> => {
    const before = new ReadingProgress(sizes);
    return openFilter(options, wiki, dumps, async function* (dump) {
      const onRead = before.of(dumps.indexOf(dump));
      for await (const templates of templatesOf(dump, pool, onRead)) {
        options.onProgress?.(0, before);
        if (signal?.aborted) throw new LeiaError('interrupted', 'interrupted');
        yield templates;
      }
    });
  };
  const leftOut: LeftOut = {};
  let wiki: { siteinfo: Siteinfo; filter: ArticleFilter } | undefined;
  let [pages, done] = [0, 0];
  try {
    for (const [i, dump] of dumps.entries()) {
      const onRead = progress.of(i);
      const { siteinfo, batches, reclaim, close } = await openBatches(dump, { onRead });
      await using _ = { [Symbol.asyncDispose]: close };
      wiki ??= { siteinfo, filter: await filterOf(siteinfo) };
      const { filter } = wiki;
      if (filter.titles !== undefined || filter.disambiguation !== undefined) {
        checkSameWiki(wiki.siteinfo, siteinfo, dumps[0]!, dump);
      }
      const job = { kind: 'text', file: inputName(dump), siteinfo, reading, filter, keep } as const;
      for await (const batch of workOn(batches(), job, pool, reclaim)) {
        const { oddities } = batch;
        const { articles, lines } = firstOf(batch, limit - done);
        for (const oddity of oddities) options.onWarning?.(oddity);
        addLeftOut(leftOut, batch.leftOut);
        pages += batch.pages;
        done += articles;
        options.onProgress?.(done, progress);
        if (signal?.aborted) throw new LeiaError('interrupted', 'interrupted');
        yield { articles, lines, leftOut: batch.leftOut };
        if (done === limit) return;
        reclaim([lines.buffer]);
      }
    }
    const name = dumps.map(inputName).join(', ');
    if (done === 0) {
      throw new LeiaError('mismatch', allLeftOut(leftOut) ?? noArticleIn(name, pages));
    }
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

// Makes a dataset of a dump: every article's text, its links with their English names, its tokens. The dump is read
// twice, since a link can only be resolved once all redirects are known; between the two, only titles are kept. Both
// readings use all cores. The dataset is written shard by shard, and a killed run resumes after the last whole shard.
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { LeiaError } from '../../system/error.ts';
import type { WorkerPool } from '../../system/worker-pool.ts';
import { openBatches } from '../dump/dump.ts';
import { defaultBatchBytes } from '../dump/page-batches.ts';
import type { Siteinfo } from '../dump/siteinfo.ts';
import { type NameSource, readings, readNamesInto } from '../names/name-source.ts';
import { TitleIndexBuilder } from '../names/title-index.ts';
import { wikipediaSite } from '../names/wikipedia-site.ts';
import { defaultReading, type ExtractOptions, readingOf } from '../wikitext/extract.ts';
import { dumpWorkers, noArticleIn, workOn } from './dump-work.ts';
import type { PrepareCounts } from './encode-articles.ts';
import {
  type Articles,
  type ByteProgress,
  checkInterrupted,
  type DatasetOptions,
  describeFile,
  makeDataset,
  type Prepared,
} from './make-dataset.ts';
import { shareTokenizer } from './threads.ts';

/** The method of the paper decodes character references twice. */
export const preparedReading = { ...defaultReading, references: 'twice' } as const;

/** How pages are read is `preparedReading`, but for what is said. */
export interface PrepareOptions extends DatasetOptions, ExtractOptions {
  /** MediaWiki `pages-articles` XML: .bz2, .gz or plain. */
  dump: string;
  names: NameSource;
  /** Threads to read pages with; the result does not depend on it. Default: one a core. */
  workers?: number;
  /** XML that a thread works on at a time, in bytes. Default 1 MiB, less if shards are small. */
  batchBytes?: number;
}

/**
 * Prepares a dataset of a dump, or resumes one that was interrupted. A dataset that is already there
 * and was made of the same input is left as it is.
 *
 * @throws LeiaError `format` (damaged or wrong input), `mismatch` (nothing could be linked), `usage` (the
 *   folder holds another dataset), `io`, `interrupted`, `execution` (a thread failed).
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { dump, names } = options;
  options.onProgress?.('checksums', 0);
  const source = {
    dump: await describeFile(dump, options),
    ...readingOf(options, preparedReading),
    names: { kind: names.kind, ...(await describeFile(names.path, options)) },
  };
  const bytes = { dump: source.dump.bytes, names: source.names.bytes };
  const pool = dumpWorkers(options.workers ?? availableParallelism());
  try {
    return await makeDataset(options, source, [dump, names.path], () =>
      openArticles(options, bytes, pool),
    );
  } finally {
    await pool.close();
  }
}

/** The first pass, and what the second will read. */
async function openArticles(
  options: PrepareOptions,
  bytes: { dump: number; names: number },
  pool: WorkerPool,
): Promise<Articles> {
  const { dump, language, names, tokenizer, signal, onProgress } = options;
  const reading = readingOf(options, preparedReading);
  const { batchBytes = batchBytesFor(options) } = options;
  const index = new TitleIndexBuilder();
  const { siteinfo, pages, articles } = await readTitles(options, index, bytes.dump, pool);
  if (isOfAnother(siteinfo, language)) {
    options.onWarning?.(
      `${dump} says that its language is '${siteinfo.language}', not '${language}'`,
    );
  }
  const table: ByteProgress = { done: 0, total: bytes.names * readings(names.kind) };
  let entries = 0;
  const nameProgress = (): void => {
    onProgress?.('names', entries, undefined, table);
    checkInterrupted(signal);
  };
  const onName = (done: number): void => {
    entries = done;
    if (entries % 1000 === 0) nameProgress();
  };
  const onNameBytes = (done: number): void => {
    table.done = done;
    nameProgress();
  };
  try {
    await readNamesInto(index, names, { language, siteinfo }, onName, onNameBytes);
  } catch (error) {
    throw mismatchOf(error, options, siteinfo);
  }
  nameProgress();
  const titles = index.share();
  const file = basename(dump);
  const progress: ByteProgress = { done: 0, total: bytes.dump };
  const onRead = (done: number): void => {
    progress.done = done;
  };
  return {
    async *batches(position) {
      const { batches, reclaim } = await openBatches(dump, { batchBytes, onRead });
      const shared = shareTokenizer(tokenizer);
      const job = { kind: 'articles', file, siteinfo, reading, titles, tokenizer: shared } as const;
      yield* workOn(batches(position), job, pool, reclaim, tokenizer);
    },
    total: articles,
    progress: () => progress,
    report: { pages, redirects: index.redirects, names: index.names.size },
    whyUseless: (counts) => whyUseless(counts, pages, options),
  };
}

/** Whether a dump says that it is of another edition. Its text may have another code than that: `nb` in the edition `no`. */
function isOfAnother({ language: written }: Siteinfo, language: string): boolean {
  return written !== '' && wikipediaSite(written) !== wikipediaSite(language);
}

/** Names that do not fit the language may fit the dump: then the language is wrong. */
function mismatchOf(
  error: unknown,
  { dump, language, names }: PrepareOptions,
  siteinfo: Siteinfo,
): unknown {
  const isMismatch = error instanceof LeiaError && error.code === 'mismatch';
  if (!isMismatch || !isOfAnother(siteinfo, language)) return error;
  return new LeiaError(
    'mismatch',
    `--language is '${language}', but ${dump} says that it is in '${siteinfo.language}', and ${names.path} does not fit '${language}' either; give the language of the edition that both are of`,
    { cause: error },
  );
}

/** A shard ends where a piece does, so it should have several. */
function batchBytesFor({ shardBytes = Number.POSITIVE_INFINITY }: PrepareOptions): number {
  return Math.min(defaultBatchBytes, Math.ceil(shardBytes / 8));
}

/** Says why the dataset is useless, if it is. */
function whyUseless(
  { articles, withoutLinks, linked, anchors }: PrepareCounts,
  pages: number,
  { dump, names }: PrepareOptions,
): string | undefined {
  if (articles === 0) return noArticleIn(dump, pages);
  if (articles === withoutLinks) return `${dump}: no article with text and links in it`;
  if (linked > 0) return undefined;
  return `none of the ${anchors} links of ${dump} has an English name in ${names.path}; is it of this language's edition?`;
}

/** The first pass reads redirects and titles, which have to be known before the first link is resolved. */
async function readTitles(
  options: PrepareOptions,
  index: TitleIndexBuilder,
  bytes: number,
  pool: WorkerPool,
): Promise<{ siteinfo: Siteinfo; pages: number; articles: number }> {
  const { dump, names, signal, onProgress } = options;
  const { batchBytes = batchBytesFor(options) } = options;
  const progress: ByteProgress = { done: 0, total: bytes };
  const onRead = (done: number): void => {
    progress.done = done;
  };
  const { siteinfo, batches, reclaim } = await openBatches(dump, { batchBytes, onRead });
  const byPage = names.kind === 'langlinks';
  const job = { kind: 'titles', file: basename(dump), siteinfo, byPage } as const;
  let [pages, articles] = [0, 0];
  for await (const batch of workOn(batches(), job, pool, reclaim)) {
    pages += batch.pages;
    articles += batch.articles;
    for (const [from, to] of batch.redirects) index.redirect(from, to);
    for (const [id, title] of batch.byPage) index.page(id, title);
    onProgress?.('titles', pages, undefined, progress);
    checkInterrupted(signal);
  }
  return { siteinfo, pages, articles };
}

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
import {
  type ArticleFilter,
  allLeftOut,
  checkFilter,
  type FilterOptions,
  openFilter,
} from './article-filter.ts';
import { type ByteProgress, ReadingProgress } from './byte-progress.ts';
import { checkSameWiki, dumpWorkers, noArticleIn, templatesOf, workOn } from './dump-work.ts';
import type { PrepareCounts } from './encode-articles.ts';
import {
  type Articles,
  checkInterrupted,
  type DatasetOptions,
  describeFile,
  filterSource,
  hasDate,
  type InputFile,
  makeDataset,
  type Prepared,
} from './make-dataset.ts';
import { shareTokenizer } from './threads.ts';

/** The method of the paper decodes character references twice. */
export const preparedReading = { ...defaultReading, references: 'twice' } as const;

/** How pages are read is `preparedReading`, but for what is said. */
export interface PrepareOptions extends DatasetOptions, ExtractOptions, FilterOptions {
  /** MediaWiki `pages-articles` XML: .bz2, .gz, .zst or plain. Several are pieces of one dump, or dumps of one wiki. */
  dump: string | readonly string[];
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
  const { names } = options;
  checkFilter(options);
  const files = [options.dump].flat();
  options.onProgress?.('checksums', 0);
  const dumps: InputFile[] = [];
  for (const file of files) dumps.push(await describeFile(file, options));
  const source = {
    ...(dumps.length === 1 ? { dump: dumps[0]! } : { dumps }),
    ...readingOf(options, preparedReading),
    names: { kind: names.kind, ...(await describeFile(names.path, options)) },
    ...(await filterSource(options)),
  };
  const pool = dumpWorkers(options.workers ?? availableParallelism());
  const input: Input = {
    dumps: files,
    sizes: dumps.map(({ bytes }) => bytes),
    namesBytes: source.names.bytes,
    pool,
  };
  try {
    const read = [...files, names.path, options.only ?? [], options.pageProps ?? []].flat();
    return await makeDataset(options, source, read, () => openArticles(options, input));
  } finally {
    await pool.close();
  }
}

/** What is read, and with which threads. */
interface Input {
  dumps: readonly string[];
  /** In bytes, of each dump. */
  sizes: readonly number[];
  namesBytes: number;
  pool: WorkerPool;
}

/** The first pass, and what the second will read. */
async function openArticles(options: PrepareOptions, input: Input): Promise<Articles> {
  const { language, names, tokenizer, signal, onProgress } = options;
  const { dumps, sizes, pool } = input;
  const reading = readingOf(options, preparedReading);
  const { batchBytes = batchBytesFor(options) } = options;
  const index = new TitleIndexBuilder();
  const { siteinfo, pages, articles, newest } = await readTitles(options, input, index);
  if (isOfAnother(siteinfo, language)) {
    options.onWarning?.(
      `${nameOf(dumps)} says that its language is '${siteinfo.language}', not '${language}'`,
    );
  }
  const filter = await readFilter(options, input, siteinfo);
  const table: ByteProgress = { done: 0, total: input.namesBytes * readings(names.kind) };
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
    throw mismatchOf(error, options, nameOf(dumps), siteinfo);
  }
  nameProgress();
  const titles = index.share();
  const progress = new ReadingProgress(sizes);
  return {
    async *batches({ file: first, position }, details) {
      const shared = shareTokenizer(tokenizer);
      for (const [file, dump] of dumps.entries()) {
        if (file < first) continue;
        const onRead = progress.of(file);
        const { batches, reclaim } = await openBatches(dump, { batchBytes, onRead });
        const of = { file: basename(dump), siteinfo, reading, titles, tokenizer: shared };
        const job = { kind: 'articles', ...of, filter, details } as const;
        const from = file === first ? position : 0;
        for await (const batch of workOn(batches(from), job, pool, reclaim, tokenizer)) {
          yield { ...batch, file };
        }
      }
    },
    total: articles,
    limit: options.limit,
    progress: () => progress,
    report: {
      ...{ pages, redirects: index.redirects, names: index.names.size },
      // Of a dump named `latest` nothing says when it was made, but not before this.
      ...(newest !== '' && !dumps.every(hasDate) && { newestRevision: newest }),
    },
    whyUseless: (counts) => whyUseless(counts, pages, nameOf(dumps), options),
  };
}

/** Whether a dump says that it is of another edition. Its text may have another code than that: `nb` in the edition `no`. */
function isOfAnother({ language: written }: Siteinfo, language: string): boolean {
  return written !== '' && wikipediaSite(written) !== wikipediaSite(language);
}

/** Names that do not fit the language may fit the dump: then the language is wrong. */
function mismatchOf(
  error: unknown,
  { language, names }: PrepareOptions,
  dump: string,
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

/** What decides which articles are taken. */
function readFilter(
  options: PrepareOptions,
  { dumps, sizes, pool }: Input,
  wiki: Siteinfo,
): Promise<ArticleFilter> {
  const progress = new ReadingProgress(sizes);
  let templates = 0;
  return openFilter(options, wiki, dumps, async function* (dump) {
    for await (const found of templatesOf(dump, pool, progress.of(dumps.indexOf(dump)))) {
      templates += found.names.length;
      options.onProgress?.('templates', templates, undefined, progress);
      checkInterrupted(options.signal);
      yield found;
    }
  });
}

/** Says why the dataset is useless, if it is. */
function whyUseless(
  { articles, withoutLinks, leftOut, linked, anchors }: PrepareCounts,
  pages: number,
  dump: string,
  { names }: PrepareOptions,
): string | undefined {
  if (articles === 0) return noArticleIn(dump, pages);
  const left = articles - Object.values(leftOut).reduce((sum, count) => sum + count, 0);
  if (left === 0) return allLeftOut(leftOut);
  if (left === withoutLinks) return `${dump}: no article with text and links in it`;
  if (linked > 0) return undefined;
  return `none of the ${anchors} links of ${dump} has an English name in ${names.path}; is it of this language's edition?`;
}

/** Dumps in messages. */
function nameOf(dumps: readonly string[]): string {
  return dumps.length === 1 ? dumps[0]! : `${dumps[0]} and ${dumps.length - 1} more`;
}

/** The first pass reads redirects and titles, which have to be known before the first link is resolved. */
async function readTitles(
  options: PrepareOptions,
  { dumps, sizes, pool }: Input,
  index: TitleIndexBuilder,
): Promise<{ siteinfo: Siteinfo; pages: number; articles: number; newest: string }> {
  const { names, signal, onProgress } = options;
  const { batchBytes = batchBytesFor(options) } = options;
  const progress = new ReadingProgress(sizes);
  const byPage = names.kind === 'langlinks';
  let first: Siteinfo | undefined;
  let [pages, articles, newest] = [0, 0, ''];
  for (const [i, dump] of dumps.entries()) {
    const onRead = progress.of(i);
    const { siteinfo, batches, reclaim, close } = await openBatches(dump, { batchBytes, onRead });
    first ??= siteinfo;
    try {
      checkSameWiki(first, siteinfo, dumps[0]!, dump);
    } catch (error) {
      await close();
      throw error;
    }
    const job = { kind: 'titles', file: basename(dump), siteinfo, byPage } as const;
    for await (const batch of workOn(batches(), job, pool, reclaim)) {
      pages += batch.pages;
      articles += batch.articles;
      if (batch.newest > newest) newest = batch.newest;
      for (const [from, to] of batch.redirects) index.redirect(from, to);
      for (const [id, title] of batch.byPage) index.page(id, title);
      onProgress?.('titles', pages, undefined, progress);
      checkInterrupted(signal);
    }
  }
  return { siteinfo: first!, pages, articles, newest };
}

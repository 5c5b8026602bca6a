// What threads do with pieces of a dump: in the first pass collect titles and redirects, in the second make
// encoded articles. A dump of one piece is done without threads, which take longer to start.
import type { Transferable } from 'node:worker_threads';
import { addon } from '../core/addon.ts';
import { WorkerPool } from '../core/worker-pool.ts';
import { englishName } from '../leia/names.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Article } from './article.ts';
import { type ArticleBatch, ArticleEncoder, type LinkedArticle } from './encode-articles.ts';
import { type PageBatch, readPages } from './page-reader.ts';
import type { Siteinfo } from './siteinfo.ts';
import { normaliseTitle } from './title.ts';
import { type SharedTitles, TitleIndex } from './title-index.ts';
import { ArticleExtractor } from './wikitext/extract.ts';
import type { LineOptions } from './wikitext/lines.ts';

interface Source {
  /** Names the dump in errors. */
  file: string;
  siteinfo: Siteinfo;
}

export interface TitleJob extends Source {
  kind: 'titles';
  /** Whether titles are needed by page number. */
  byPage: boolean;
}

export interface ArticleJob extends Source {
  kind: 'articles';
  lists: LineOptions['lists'];
  titles: SharedTitles;
  /** Folder of the tokenizer. */
  tokenizer: string;
  /** Shared by the threads; see {@link loadInTurn}. */
  turn: Turn;
}

/** 0, or 1 while a thread has its turn. */
export type Turn = Int32Array<SharedArrayBuffer>;

/** In milliseconds; a tokenizer is loaded in a third of a second. */
const longestWait = 30_000;

export const newTurn = (): Turn => new Int32Array(new SharedArrayBuffer(4));

export type DumpJob = TitleJob | ArticleJob;

/** Titles of a piece, all normalised. */
export interface TitleBatch {
  pages: number;
  articles: number;
  redirects: [from: string, to: string][];
  /** Of articles, if asked for. */
  byPage: [id: number, title: string][];
}

type Work = (
  batch: PageBatch,
) => Promise<{ result: TitleBatch | ArticleBatch; transfer: Transferable[] }>;

/** Begins a job; `loaded` is its tokenizer, if that is there already. */
export async function startWork(job: DumpJob, loaded?: Tokenizer): Promise<Work> {
  const { file, siteinfo } = job;
  const source = { file, namespaces: siteinfo.namespaces };
  if (job.kind === 'titles') {
    return async (batch) => ({ result: titlesOf(readPages(batch, source), job), transfer: [] });
  }
  const extractor = new ArticleExtractor(siteinfo, { lists: job.lists });
  const index = new TitleIndex(job.titles);
  const encoder = new ArticleEncoder(loaded ?? (await loadInTurn(job)));
  return async (batch) => {
    const end = batch.start + batch.bytes.length;
    const oddities: string[] = [];
    const articles: LinkedArticle[] = [];
    for (const page of readPages(batch, source)) {
      if (page.namespace !== 0 || page.redirect !== undefined) continue;
      const article = extractor.extract(page);
      const { title, oddity } = article;
      if (oddity) oddities.push(`page '${title.slice(0, 100)}': ${oddity}`);
      articles.push(link(article, index));
    }
    const result = await encoder.encode(articles, end, oddities);
    const { records, lines, ends } = result.encoded;
    const transfer = [records, lines, ends].map(({ buffer }) => buffer as ArrayBuffer);
    return { result, transfer };
  };
}

/**
 * A thread's own tokenizer. Loading takes several times the memory that is needed afterwards: so one thread
 * does it after the other, while those before work already, and gives back what is free then. Only memory
 * depends on it, so nobody waits for long, should a thread end in its turn.
 */
async function loadInTurn({ tokenizer, turn }: ArticleJob): Promise<Tokenizer> {
  const patience = performance.now() + longestWait;
  while (Atomics.compareExchange(turn, 0, 0, 1) !== 0) {
    const left = patience - performance.now();
    if (left <= 0) break;
    Atomics.wait(turn, 0, 1, left);
  }
  try {
    return await Tokenizer.load(tokenizer);
  } finally {
    addon().releaseFreeMemory();
    Atomics.store(turn, 0, 0);
    Atomics.notify(turn, 0, 1);
  }
}

function titlesOf(pages: ReturnType<typeof readPages>, { siteinfo, byPage }: TitleJob): TitleBatch {
  const batch: TitleBatch = { pages: pages.length, articles: 0, redirects: [], byPage: [] };
  for (const { id, title, namespace, redirect } of pages) {
    if (redirect !== undefined) {
      batch.redirects.push([normaliseTitle(title, siteinfo), normaliseTitle(redirect, siteinfo)]);
    } else if (namespace === 0) {
      batch.articles++;
      if (byPage) batch.byPage.push([id, normaliseTitle(title, siteinfo)]);
    }
  }
  return batch;
}

/** Where the links of an article lead in the end, and what that is called in English. */
function link({ title, text, anchors }: Article, index: TitleIndex): LinkedArticle {
  let filtered = 0;
  const linked = anchors.map(({ start, end, target }) => {
    const page = index.resolve(target);
    const name = page.name === undefined ? null : englishName(page.name);
    if (page.name !== undefined && name === null) filtered++;
    return { start, end, target: page.title, name };
  });
  return { title, text, anchors: linked, filtered };
}

/** Threads for jobs on dumps; they start when there is something to do. */
export function dumpWorkers(workers: number): WorkerPool {
  const script = import.meta.url.endsWith('.ts') ? 'dump-worker.ts' : 'dump-worker.js';
  return new WorkerPool({
    script: new URL(script, import.meta.url),
    workers,
    where: (batch) => `the page(s) at byte ${(batch as PageBatch).start} of the XML`,
  });
}

/** The results of a job over all pieces, in order. */
export async function* workOn<Job extends DumpJob>(
  batches: AsyncGenerator<PageBatch, void, undefined>,
  job: Job,
  pool: WorkerPool,
  tokenizer?: Tokenizer,
): AsyncGenerator<Job extends TitleJob ? TitleBatch : ArticleBatch, void, undefined> {
  type Result = Job extends TitleJob ? TitleBatch : ArticleBatch;
  const first = await batches.next();
  const second = first.done ? first : await batches.next();
  if (first.done) return;
  if (second.done) {
    const { result } = await (await startWork(job, tokenizer))(first.value);
    yield result as Result;
    return;
  }
  const all = async function* (): AsyncGenerator<PageBatch, void, undefined> {
    yield first.value;
    yield second.value;
    yield* batches;
  };
  yield* pool.map<PageBatch, Result>(job, all(), ({ bytes }) => [bytes.buffer as ArrayBuffer]);
}

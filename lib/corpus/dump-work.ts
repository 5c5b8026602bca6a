// What threads do with pieces of a dump: in the first pass collect titles and redirects, in the second make
// encoded articles.
import { type Work, WorkerPool } from '../core/worker-pool.ts';
import { englishName } from '../leia/names.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Article } from './article.ts';
import {
  type ArticleBatch,
  ArticleEncoder,
  encodedBuffers,
  type LinkedArticle,
} from './encode-articles.ts';
import { type PageBatch, readPages } from './page-reader.ts';
import type { Siteinfo } from './siteinfo.ts';
import { loadInTurn, type SharedTokenizer, workInThreads } from './threads.ts';
import { normaliseTitle } from './title.ts';
import { type SharedTitles, TitleIndex } from './title-index.ts';
import { ArticleExtractor, type Lists } from './wikitext/extract.ts';

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
  lists: Lists;
  titles: SharedTitles;
  tokenizer: SharedTokenizer;
}

export type DumpJob = TitleJob | ArticleJob;

/** Titles of a piece, all normalised. */
export interface TitleBatch {
  pages: number;
  articles: number;
  redirects: [from: string, to: string][];
  /** Of articles, if asked for. */
  byPage: [id: number, title: string][];
}

/** Begins a job; `loaded` is its tokenizer, if that is there already. */
export async function startWork(
  job: DumpJob,
  loaded?: Tokenizer,
): Promise<Work<PageBatch, TitleBatch | ArticleBatch>> {
  const { file, siteinfo } = job;
  const source = { file, namespaces: siteinfo.namespaces };
  if (job.kind === 'titles') {
    return async (batch) => ({ result: titlesOf(readPages(batch, source), job), transfer: [] });
  }
  const extractor = new ArticleExtractor(siteinfo, { lists: job.lists });
  const index = new TitleIndex(job.titles);
  const encoder = new ArticleEncoder(loaded ?? (await loadInTurn(job.tokenizer)));
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
    return { result, transfer: encodedBuffers(result) };
  };
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
export function workOn<Job extends DumpJob>(
  batches: AsyncGenerator<PageBatch, void, undefined>,
  job: Job,
  pool: WorkerPool,
  tokenizer?: Tokenizer,
): AsyncGenerator<Job extends TitleJob ? TitleBatch : ArticleBatch, void, undefined> {
  type Result = Job extends TitleJob ? TitleBatch : ArticleBatch;
  const here = () => startWork(job, tokenizer) as Promise<Work<PageBatch, Result>>;
  return workInThreads(batches, job, pool, here, ({ bytes }) => [bytes.buffer as ArrayBuffer]);
}

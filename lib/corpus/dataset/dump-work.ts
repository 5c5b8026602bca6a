// What threads do with pieces of a dump: collect titles and redirects and then make encoded articles, or just give
// the text of the articles.

import { membersOf } from '../../leia/dataset-records.ts';
import { type Done, type Work, WorkerPool } from '../../system/worker-pool.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { DumpBatches } from '../dump/page-batches.ts';
import { type PageBatch, type PageSource, readPages } from '../dump/page-reader.ts';
import { sourceOf } from '../dump/page-source.ts';
import type { Page, Siteinfo } from '../dump/siteinfo.ts';
import { normaliseTitle } from '../dump/title.ts';
import { englishName } from '../names/english-name.ts';
import { type SharedTitles, TitleIndex } from '../names/title-index.ts';
import type { Article } from '../wikitext/article.ts';
import { ArticleExtractor, type Kept, type Reading } from '../wikitext/extract.ts';
import {
  type ArticleBatch,
  ArticleEncoder,
  encodedBuffers,
  type LinkedArticle,
} from './encode-articles.ts';
import { isInSample, type Sample } from './sample.ts';
import { openShared, type SharedTokenizer, workInThreads } from './threads.ts';

interface Source {
  /** Which articles are taken; all unless given. */
  sample?: Sample | undefined;
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
  reading: Reading;
  titles: SharedTitles;
  tokenizer: SharedTokenizer;
}

export interface TextJob extends Source {
  kind: 'text';
  reading: Reading;
  keep?: readonly Kept[] | undefined;
}

export type DumpJob = TitleJob | ArticleJob | TextJob;

/** Titles of a piece, all normalised. */
export interface TitleBatch {
  pages: number;
  articles: number;
  redirects: [from: string, to: string][];
  /** Of articles, if asked for. */
  byPage: [id: number, title: string][];
}

/** The articles that have text, as lines of JSON in UTF-8: title, where it comes from, text, anchors. */
export interface TextBatch {
  /** All of the piece, articles or not. */
  pages: number;
  articles: number;
  lines: Uint8Array<ArrayBuffer>;
  /** What is odd about some of them, for a warning. */
  oddities: string[];
}

type Batch = TitleBatch | ArticleBatch | TextBatch;

/** Begins a job; `loaded` is its tokenizer, if that is there already. */
export async function startWork(job: DumpJob, loaded?: Tokenizer): Promise<Work<PageBatch, Batch>> {
  const { file, siteinfo } = job;
  const source = { file, namespaces: siteinfo.namespaces };
  if (job.kind === 'titles') {
    return async (batch) => {
      const result = titlesOf(readPages(batch, source), job);
      return { result, transfer: [], spent: [batch.bytes.buffer] };
    };
  }
  const keep = job.kind === 'text' ? job.keep : undefined;
  const extractor = new ArticleExtractor(siteinfo, { ...job.reading, keep });
  if (job.kind === 'text') return async (batch) => textOf(batch, source, extractor, job);
  const index = new TitleIndex(job.titles);
  const encoder = new ArticleEncoder(loaded ?? (await openShared(job.tokenizer)));
  return async (batch) => {
    const end = batch.start + batch.bytes.length;
    const oddities: string[] = [];
    const articles: LinkedArticle[] = [];
    for (const page of readPages(batch, source)) {
      if (!isTaken(page, job)) continue;
      const article = extractor.extract(page);
      if (article.oddity) oddities.push(article.oddity);
      articles.push({ ...link(article, index), source: sourceOf(page, siteinfo) });
    }
    const result = await encoder.encode(articles, end, oddities);
    return { result, transfer: encodedBuffers(result), spent: [batch.bytes.buffer] };
  };
}

const ENGLISH = { caseRule: 'first-letter', language: 'en' } as const;

function isArticle({ namespace, redirect }: Page): boolean {
  return namespace === 0 && redirect === undefined;
}

/** Whether a page is an article, and in the sample. */
function isTaken(page: Page, { sample }: Source): boolean {
  return isArticle(page) && isInSample(page.id, sample);
}

/** The text of a piece, in the piece's own memory if it has room. */
function textOf(
  { bytes, start }: PageBatch,
  source: PageSource,
  extractor: ArticleExtractor,
  job: TextJob,
): Done<TextBatch> {
  const { siteinfo } = job;
  const pages = readPages({ bytes, start }, source);
  const outcomes = pages
    .filter((page) => isTaken(page, job))
    .map((page) => extractor.writeLine(page, membersOf(sourceOf(page, siteinfo))));
  const oddities = outcomes.flatMap(({ oddity }) => oddity ?? []);
  const lines = extractor.takeLines(new Uint8Array(bytes.buffer));
  const articles = outcomes.filter(({ written }) => written).length;
  const result = { pages: pages.length, articles, lines, oddities };
  const spent = lines.buffer === bytes.buffer ? [] : [bytes.buffer];
  return { result, transfer: [lines.buffer], spent };
}

/** What to say of a dump whose pages are all something else than articles. */
export function noArticleIn(dump: string, pages: number): string {
  return `${dump}: none of its ${pages} pages is an article with text; redirects and pages of other namespaces, such as templates, are none`;
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

/**
 * Follows the redirects of an article's links and adds the English names of the pages they lead to. What a template
 * says a page is called in English counts if nothing else is known of it.
 */
function link({ title, text, anchors }: Article, index: TitleIndex): LinkedArticle {
  let [filtered, fromTemplates] = [0, 0];
  const links = anchors.map(({ start, end, target, english }) => {
    const page = index.resolve(target);
    const said = page.name === undefined && english !== undefined ? englishTitle(english) : '';
    const known = page.name ?? said;
    const name = known === '' ? null : englishName(known);
    if (said !== '') fromTemplates++;
    if (known !== '' && name === null) filtered++;
    return { start, end, target: page.title, name };
  });
  return { title, text, links, filtered, fromTemplates };
}

/** A title as a template has it; empty if it names no page but a section. */
function englishTitle(written: string): string {
  const title = normaliseTitle(written.replace(/^\s*:?\s*en\s*:/i, ''), ENGLISH);
  return title.includes('#') ? '' : title;
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

/** What is made of a piece. */
type BatchOf<Job> = Job extends TitleJob
  ? TitleBatch
  : Job extends ArticleJob
    ? ArticleBatch
    : TextBatch;

/** The results of a job over all pieces, in order. `reclaim` gets the memory of finished pieces, to use it again. */
export function workOn<Job extends DumpJob>(
  batches: AsyncGenerator<PageBatch, void, undefined>,
  job: Job,
  pool: WorkerPool,
  reclaim: DumpBatches['reclaim'],
  tokenizer?: Tokenizer,
): AsyncGenerator<BatchOf<Job>, void, undefined> {
  const here = () => startWork(job, tokenizer) as Promise<Work<PageBatch, BatchOf<Job>>>;
  return workInThreads(batches, job, pool, here, {
    transfer: ({ bytes }) => [bytes.buffer],
    reclaim,
  });
}

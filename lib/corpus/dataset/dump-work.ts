// What threads do with pieces of a dump: collect titles and redirects and then make encoded articles, or just give
// the text of the articles; and look for templates that tell what an article is.

import { membersOf } from '../../leia/dataset-records.ts';
import { LeiaError } from '../../system/error.ts';
import { type Done, type Work, WorkerPool } from '../../system/worker-pool.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { openBatches } from '../dump/dump.ts';
import { inputName } from '../dump/input-bytes.ts';
import type { DumpBatches } from '../dump/page-batches.ts';
import { type PageBatch, type PageSource, readPages } from '../dump/page-reader.ts';
import { sourceOf } from '../dump/page-source.ts';
import type { Page, Siteinfo } from '../dump/siteinfo.ts';
import { normaliseTitle } from '../dump/title.ts';
import { englishName } from '../names/english-name.ts';
import { type SharedTitles, TitleIndex } from '../names/title-index.ts';
import type { Article } from '../wikitext/article.ts';
import { ArticleExtractor, type Kept, type Reading } from '../wikitext/extract.ts';
import { type ArticleFilter, ArticleSieve, addLeftOut, type LeftOut } from './article-filter.ts';
import { DisambiguationPages, type DisambiguationTemplates } from './disambiguation.ts';
import {
  type ArticleBatch,
  ArticleEncoder,
  type BatchDetails,
  encodedBuffers,
  type LinkedArticle,
} from './encode-articles.ts';
import { openShared, type SharedTokenizer, workInThreads } from './threads.ts';

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
  reading: Reading;
  filter: ArticleFilter;
  titles: SharedTitles;
  tokenizer: SharedTokenizer;
  details: BatchDetails;
}

export interface TextJob extends Source {
  kind: 'text';
  reading: Reading;
  keep?: readonly Kept[] | undefined;
  filter: ArticleFilter;
}

export interface TemplateJob extends Source {
  kind: 'templates';
}

export type DumpJob = TitleJob | ArticleJob | TextJob | TemplateJob;

/** Titles of a piece, all normalised. */
export interface TitleBatch {
  pages: number;
  articles: number;
  redirects: [from: string, to: string][];
  /** Of articles, if asked for. */
  byPage: [id: number, title: string][];
  /** When the last written of all versions was, ISO 8601 in UTC; '' if that is not known. */
  newest: string;
}

/** The articles that have text, as lines of JSON in UTF-8: title, where it comes from, text, anchors. */
export interface TextBatch {
  /** All of the piece, articles or not. */
  pages: number;
  articles: number;
  /** Not among them. */
  leftOut: LeftOut;
  lines: Uint8Array<ArrayBuffer>;
  /** What is odd about some of them, for a warning. */
  oddities: string[];
}

type Batch = TitleBatch | ArticleBatch | TextBatch | DisambiguationTemplates;

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
  if (job.kind === 'templates') {
    const wiki = new DisambiguationPages(siteinfo);
    return async (batch) => {
      const result = wiki.templatesIn(readPages(batch, source));
      return { result, transfer: [], spent: [batch.bytes.buffer] };
    };
  }
  const keep = job.kind === 'text' ? job.keep : undefined;
  const extractor = new ArticleExtractor(siteinfo, { ...job.reading, keep });
  const sieve = new ArticleSieve(job.filter, siteinfo);
  if (job.kind === 'text') return async (batch) => textOf(batch, source, extractor, sieve, job);
  const index = new TitleIndex(job.titles);
  const encoder = new ArticleEncoder(loaded ?? (await openShared(job.tokenizer)));
  return async (batch) => {
    const end = batch.start + batch.bytes.length;
    const oddities: string[] = [];
    const articles: LinkedArticle[] = [];
    for (const page of readPages(batch, source)) {
      if (!isArticle(page)) continue;
      const unseen = sieve.ofPage(page);
      if (unseen !== undefined) {
        articles.push({ ...nothing, title: page.title, leftOut: unseen });
        continue;
      }
      const article = extractor.extract(page);
      if (article.oddity) oddities.push(article.oddity);
      const leftOut = sieve.ofText(article.text);
      articles.push({
        ...link(article, index),
        source: sourceOf(page, siteinfo),
        ...(leftOut && { leftOut }),
      });
    }
    const result = await encoder.encode(articles, end, oddities, job.details);
    return { result, transfer: encodedBuffers(result), spent: [batch.bytes.buffer] };
  };
}

const nothing = { text: '', links: [], filtered: 0, fromTemplates: 0 };

const ENGLISH = { caseRule: 'first-letter', language: 'en' } as const;

function isArticle({ namespace, redirect }: Page): boolean {
  return namespace === 0 && redirect === undefined;
}

/** The text of a piece, in the piece's own memory if it has room. */
function textOf(
  { bytes, start }: PageBatch,
  source: PageSource,
  extractor: ArticleExtractor,
  sieve: ArticleSieve,
  { siteinfo }: TextJob,
): Done<TextBatch> {
  const leftOut: LeftOut = {};
  const isTaken = (page: Page): boolean => {
    const reason =
      sieve.ofPage(page) ??
      (sieve.judgesText ? sieve.ofText(extractor.extract(page).text) : undefined);
    if (reason !== undefined) addLeftOut(leftOut, { [reason]: 1 });
    return reason === undefined;
  };
  const pages = readPages({ bytes, start }, source);
  const outcomes = pages
    .filter((page) => isArticle(page) && isTaken(page))
    .map((page) => extractor.writeLine(page, membersOf(sourceOf(page, siteinfo))));
  const oddities = outcomes.flatMap(({ oddity }) => oddity ?? []);
  const lines = extractor.takeLines(new Uint8Array(bytes.buffer));
  const articles = outcomes.filter(({ written }) => written).length;
  const result = { pages: pages.length, articles, leftOut, lines, oddities };
  const spent = lines.buffer === bytes.buffer ? [] : [bytes.buffer];
  return { result, transfer: [lines.buffer], spent };
}

/** What to say of a dump whose pages are all something else than articles. */
export function noArticleIn(dump: string, pages: number): string {
  return `${dump}: none of its ${pages} pages is an article with text; redirects and pages of other namespaces, such as templates, are none`;
}

/** Such times are in the order of their letters. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

function titlesOf(pages: ReturnType<typeof readPages>, { siteinfo, byPage }: TitleJob): TitleBatch {
  const batch: TitleBatch = {
    ...{ pages: pages.length, articles: 0, redirects: [], byPage: [], newest: '' },
  };
  for (const { id, title, namespace, redirect, time = '' } of pages) {
    if (time > batch.newest && TIME.test(time)) batch.newest = time;
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
    : Job extends TextJob
      ? TextBatch
      : DisambiguationTemplates;

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

/** What the templates of a dump say of disambiguation pages, piece by piece. */
export async function* templatesOf(
  dump: string,
  pool: WorkerPool,
  onRead: (bytes: number) => void,
): AsyncGenerator<DisambiguationTemplates, void, undefined> {
  const { siteinfo, batches, reclaim } = await openBatches(dump, { onRead });
  const job = { kind: 'templates', file: inputName(dump), siteinfo } as const;
  yield* workOn(batches(), job, pool, reclaim);
}

function wikiOf({ dbName, language }: Siteinfo): string {
  return dbName || language;
}

/**
 * Links of one wiki do not lead to pages of another.
 *
 * @throws LeiaError `mismatch` if two dumps are of different wikis.
 */
export function checkSameWiki(a: Siteinfo, b: Siteinfo, dump: string, other: string): void {
  if (wikiOf(a) === wikiOf(b)) return;
  throw new LeiaError(
    'mismatch',
    `${dump} is of '${wikiOf(a)}' and ${other} of '${wikiOf(b)}'; make a dataset of each`,
  );
}

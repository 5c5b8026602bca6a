// Which articles of a dump are taken: by their titles, their length, as a sample, without disambiguation pages. What is
// left out is counted by the first reason that there is. The result does not depend on threads, pieces or interruptions:
// each page is judged by itself.
import { LeiaError } from '../../system/error.ts';
import { standardInput } from '../dump/input-bytes.ts';
import { readLines } from '../dump/lines.ts';
import type { Page, Siteinfo } from '../dump/siteinfo.ts';
import { normaliseTitle } from '../dump/title.ts';
import { readPagesWith } from '../names/page-props.ts';
import {
  type SharedStrings,
  StringTable,
  StringTableBuilder,
  shared,
} from '../names/string-table.ts';
import { codePoints } from './code-points.ts';
import {
  DisambiguationPages,
  type DisambiguationTemplates,
  withRedirects,
} from './disambiguation.ts';
import { isInSample, type Sample } from './sample.ts';

/** Which articles are taken; all, unless something is said. */
export interface FilterOptions {
  /** A file of titles, one a line: other articles are left out. */
  only?: string | undefined;
  /** Least and most code points of an article's text. */
  minLength?: number | undefined;
  maxLength?: number | undefined;
  /** Whether disambiguation pages are articles; they are unless this says otherwise. */
  disambiguation?: 'keep' | 'drop' | undefined;
  /** The wiki's page_props.sql, which knows its disambiguation pages. */
  pageProps?: string | undefined;
  sample?: Sample | undefined;
  /** At most so many articles: the first that are not left out. */
  limit?: number | undefined;
}

/** The same for text that is no wiki's, which has no disambiguation pages. */
export type TextFilterOptions = Omit<FilterOptions, 'disambiguation' | 'pageProps'>;

/** Why an article is left out, and how to say that of several. */
export const reasons = {
  title: 'not in the list of titles',
  disambiguation: 'disambiguation pages',
  sample: 'not in the sample',
  tooShort: 'too short',
  tooLong: 'too long',
  repeated: 'near-duplicates of an earlier one',
} as const;
/** Why an article is left out. */
export type Reason = keyof typeof reasons;
/** How many articles are left out, by reason. */
export type LeftOut = Partial<Record<Reason, number>>;

/** What threads need to know; may be posted to a worker. */
export interface ArticleFilter {
  titles?: SharedStrings;
  /** Page numbers in order, or the names of templates. */
  disambiguation?: { pages: Float64Array } | { templates: string[] };
  sample?: Sample;
  minLength: number;
  maxLength: number;
}

/** Takes every article. */
export const noFilter: ArticleFilter = { minLength: 0, maxLength: Number.MAX_SAFE_INTEGER };

export function addLeftOut(sum: LeftOut, more: LeftOut): void {
  for (const [reason, count] of Object.entries(more) as [Reason, number][]) {
    sum[reason] = (sum[reason] ?? 0) + count;
  }
}

/** `12 disambiguation pages, 3 too short`; empty if nothing is left out. */
export function describeLeftOut(leftOut: LeftOut): string {
  return Object.entries(reasons)
    .flatMap(([reason, text]) => {
      const count = leftOut[reason as Reason] ?? 0;
      return count > 0 ? [`${count} ${text}`] : [];
    })
    .join(', ');
}

/** What to say if every article is left out; undefined if none is. */
export function allLeftOut(leftOut: LeftOut): string | undefined {
  const what = describeLeftOut(leftOut);
  return what === '' ? undefined : `no article is left: ${what}; leave out less`;
}

/** @throws LeiaError `usage` if options contradict each other, or one has no effect. */
export function checkFilter({
  minLength,
  maxLength,
  disambiguation,
  pageProps,
}: FilterOptions): void {
  if (minLength !== undefined && maxLength !== undefined && minLength > maxLength) {
    throw new LeiaError(
      'usage',
      `no text has at least ${minLength} and at most ${maxLength} characters`,
    );
  }
  if (pageProps !== undefined && disambiguation !== 'drop') {
    throw new LeiaError(
      'usage',
      'page_props says which pages are disambiguation pages, so it is of use only where these are dropped',
    );
  }
}

/** The templates of a dump that disambiguation pages call, piece by piece. */
export type ReadTemplates = (dump: string) => AsyncIterable<DisambiguationTemplates>;

/**
 * Reads what the filter needs of the wiki that `dumps` are of.
 *
 * @throws LeiaError `usage`, `format` or `mismatch` (a list without titles, a table that is none), `io`; what
 *   `readTemplates` throws.
 */
export async function openFilter(
  options: FilterOptions,
  wiki: Siteinfo,
  dumps: readonly string[],
  readTemplates: ReadTemplates,
): Promise<ArticleFilter> {
  const filter = await openPlainFilter(options, wiki);
  const { disambiguation, pageProps } = options;
  if (disambiguation !== 'drop') return filter;
  filter.disambiguation =
    pageProps === undefined
      ? { templates: await templatesOf(dumps, readTemplates) }
      : { pages: await disambiguationPages(pageProps) };
  return filter;
}

/**
 * Reads what the filter of annotated text needs, whose lines are no pages of a wiki: titles are as they are written, and
 * nothing is a disambiguation page.
 *
 * @throws LeiaError `usage`, `format` (a list without titles), `io`.
 */
export async function openTextFilter(options: TextFilterOptions): Promise<ArticleFilter> {
  return await openPlainFilter(options);
}

/** The part of a filter that needs no page of a wiki: titles, lengths, the sample. */
async function openPlainFilter(options: FilterOptions, wiki?: Siteinfo): Promise<ArticleFilter> {
  checkFilter(options);
  const { only, minLength = 0, maxLength = noFilter.maxLength, sample } = options;
  const filter: ArticleFilter = { minLength, maxLength };
  if (sample !== undefined) filter.sample = sample;
  if (only !== undefined) filter.titles = await readTitles(only, wiki);
  return filter;
}

/** The title that is looked up. */
function titleOf(written: string, wiki: Siteinfo | undefined): string {
  return wiki === undefined ? written.trim() : normaliseTitle(written, wiki);
}

/** Normalised, one a line; empty lines and comments, which begin with '#', are none. */
async function readTitles(path: string, wiki?: Siteinfo): Promise<SharedStrings> {
  const titles = new StringTableBuilder();
  for await (const { text } of readLines(path)) {
    if (text.trim() !== '' && !text.startsWith('#')) titles.intern(titleOf(text, wiki));
  }
  if (titles.size === 0) throw new LeiaError('format', `${path}: no title in it`);
  return titles.share();
}

async function disambiguationPages(path: string): Promise<Float64Array> {
  const pages = Float64Array.from(await readPagesWith('disambiguation', path)).sort();
  return shared(pages, pages.length);
}

async function templatesOf(
  dumps: readonly string[],
  readTemplates: ReadTemplates,
): Promise<string[]> {
  const all: DisambiguationTemplates = { names: [], redirects: [] };
  // For what can be read once only, the names that are known have to do.
  for (const dump of dumps.filter((path) => path !== standardInput)) {
    for await (const { names, redirects } of readTemplates(dump)) {
      all.names.push(...names);
      all.redirects.push(...redirects);
    }
  }
  return withRedirects(all);
}

/** Judges the pages of a wiki, or lines of annotated text. */
export class ArticleSieve {
  readonly #filter: ArticleFilter;
  readonly #wiki: Siteinfo | undefined;
  readonly #titles: StringTable | undefined;
  readonly #isDisambiguation: (page: Page) => boolean;

  constructor(filter: ArticleFilter, wiki?: Siteinfo) {
    this.#filter = filter;
    this.#wiki = wiki;
    this.#titles = filter.titles && new StringTable(filter.titles);
    const { disambiguation } = filter;
    if (disambiguation === undefined || wiki === undefined) this.#isDisambiguation = () => false;
    else if ('pages' in disambiguation) {
      const { pages } = disambiguation;
      this.#isDisambiguation = ({ id }) => isAmong(pages, id);
    } else {
      const pages = new DisambiguationPages(wiki, disambiguation.templates);
      this.#isDisambiguation = (page) => pages.has(page);
    }
  }

  /** Whether a text's length matters. */
  get judgesText(): boolean {
    return this.#filter.minLength > 0 || this.#filter.maxLength < noFilter.maxLength;
  }

  /** Why an article is left out before its text is known, if it is. */
  ofPage(page: Page): Reason | undefined {
    return this.ofName(page) ?? (this.#isDisambiguation(page) ? 'disambiguation' : undefined);
  }

  /** The same by its title and its number, of a page or a line, alone. */
  ofName({ title, id }: Pick<Page, 'title' | 'id'>): Reason | undefined {
    const titles = this.#titles;
    if (titles !== undefined && titles.find(titleOf(title, this.#wiki)) < 0) return 'title';
    return isInSample(id, this.#filter.sample) ? undefined : 'sample';
  }

  /** Why an article with this text is left out, if it is. One without text is another matter. */
  ofText(text: string): Reason | undefined {
    if (!this.judgesText || text === '') return undefined;
    const length = codePoints(text);
    if (length < this.#filter.minLength) return 'tooShort';
    return length > this.#filter.maxLength ? 'tooLong' : undefined;
  }
}

/** Whether a number is among others, which are in order. */
function isAmong(numbers: Float64Array, wanted: number): boolean {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return numbers[low] === wanted;
}

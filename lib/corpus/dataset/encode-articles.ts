// Encodes articles with named links as a dataset's files hold them: tokenises them by the batch, and counts.
import {
  type EncodedArticles,
  encodeArticles,
  type PassageLink,
  type PassageSource,
  pickArticles,
} from '../../leia/dataset-records.ts';
import { ArticleTokenizer } from '../../leia/tokenize-article.ts';
import type { TextTokenizer } from '../../tokenizer/tokenizer.ts';
import { addLeftOut, type LeftOut, type Reason } from './article-filter.ts';
import { signaturesOf } from './near-duplicates.ts';

/** An article with the names of what its links lead to. */
export interface LinkedArticle {
  title: string;
  text: string;
  links: PassageLink[];
  source?: PassageSource;
  /** How many links lost their name because it is no entity's. */
  filtered: number;
  /** How many links have their name from a template, before that. */
  fromTemplates: number;
  /** Why it does not go into the dataset, if a filter leaves it out. */
  leftOut?: Reason;
}

// A type: the compiler does not take an interface for JSON.
export type PrepareCounts = {
  /** Articles read: of a dump, pages of the article namespace that are no redirects. */
  articles: number;
  /** Left out by filters, by reason. */
  leftOut: LeftOut;
  /** Left out: no text remains, or no link. */
  withoutLinks: number;
  /** Links, by the name that they have in all files. */
  anchors: number;
  /** Links that have a name: their page has an English page. */
  linked: number;
  /** Of these, the name of the page stands in a template; nothing else is known of it. */
  fromTemplates: number;
  /** Left out of those that are linked because that page is no entity (a list, a category …). */
  filtered: number;
  /** Of the rest, left out because they begin or end inside a token, or overlap the one before. */
  misaligned: Record<string, number>;
};

export function noCounts(): PrepareCounts {
  const none = { articles: 0, withoutLinks: 0, anchors: 0, linked: 0 };
  return { ...none, leftOut: {}, fromTemplates: 0, filtered: 0, misaligned: {} };
}

/** Adds the counts of a batch to those of all before. */
export function addCounts(sum: PrepareCounts, more: PrepareCounts): void {
  const { misaligned: _, leftOut: __, ...numbers } = noCounts();
  addLeftOut(sum.leftOut, more.leftOut);
  for (const key of Object.keys(numbers) as (keyof typeof numbers)[]) sum[key] += more[key];
  for (const [reason, count] of Object.entries(more.misaligned)) {
    sum.misaligned[reason] = (sum.misaligned[reason] ?? 0) + count;
  }
}

/** Some articles, ready to be written. */
export interface ArticleBatch {
  encoded: EncodedArticles;
  counts: PrepareCounts;
  /** Of each article that was read, if asked for. */
  byArticle?: PrepareCounts[];
  /** Of each that is encoded, one behind the other, if asked for. */
  signatures?: Uint16Array;
  /** What is odd about some of them, for a warning. */
  oddities: string[];
  /** Where to resume reading after these articles. Only the input's reader knows what it means. */
  position: number;
}

/** What is asked of a batch beside its articles. */
export interface BatchDetails {
  byArticle: boolean;
  signatures: boolean;
}

/** The memory of a batch, which moves between threads instead of being copied. */
export function encodedBuffers({ encoded, signatures }: ArticleBatch): ArrayBuffer[] {
  const { records, lines, ends } = encoded;
  const arrays = [records, lines, ends, signatures ?? []].flat() as { buffer: ArrayBuffer }[];
  return arrays.map(({ buffer }) => buffer);
}

export class ArticleEncoder {
  readonly #tokenizer: ArticleTokenizer;
  readonly #vocabSize: number;

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = new ArticleTokenizer(tokenizer);
    this.#vocabSize = tokenizer.vocabSize;
  }

  /** Those without text or links, and those that a filter leaves out, are counted and left out. */
  async encode(
    articles: readonly LinkedArticle[],
    position: number,
    oddities: string[],
    details: BatchDetails,
  ): Promise<ArticleBatch> {
    const each = articles.map(countsOf);
    const kept = articles.filter((article) => isKept(article));
    const tokenized = await this.#tokenizer.tokenize(
      kept.map(({ text, links }) => ({
        text,
        spans: links.flatMap(({ start, end, name }) =>
          name === null ? [] : [{ start, end, name }],
        ),
      })),
    );
    const countsOfKept = each.filter((_, i) => isKept(articles[i]!));
    for (const [i, { misaligned }] of tokenized.entries()) {
      const counts = countsOfKept[i]!.misaligned;
      for (const { reason } of misaligned) counts[reason] = (counts[reason] ?? 0) + 1;
    }
    const counts = noCounts();
    for (const one of each) addCounts(counts, one);
    const passages = kept.map(({ title, text, links, source }, i) => {
      return { title, ...source, text, anchors: links, ...tokenized[i]!.article };
    });
    const encoded = encodeArticles(passages, this.#vocabSize);
    const batch: ArticleBatch = { encoded, counts, oddities, position };
    if (details.byArticle) batch.byArticle = each;
    if (details.signatures)
      batch.signatures = signaturesOf(passages.map(({ inputIds }) => inputIds));
    return batch;
  }
}

function isKept({ text, links, leftOut }: LinkedArticle): boolean {
  return leftOut === undefined && text.trim() !== '' && links.length > 0;
}

/** Before its links are aligned to tokens. */
function countsOf(article: LinkedArticle): PrepareCounts {
  const { links, filtered, fromTemplates, leftOut } = article;
  const counts = { ...noCounts(), articles: 1 };
  if (leftOut !== undefined) return { ...counts, leftOut: { [leftOut]: 1 } };
  const named = links.filter(({ name }) => name !== null).length;
  const linked = named + filtered;
  const withoutLinks = isKept(article) ? 0 : 1;
  return { ...counts, withoutLinks, anchors: links.length, linked, fromTemplates, filtered };
}

/**
 * The first articles of a batch, of which at most so many go into the dataset, without those that `isRepeated` names by
 * their place among them.
 */
export function selectArticles(
  batch: ArticleBatch,
  most: number,
  isRepeated: (place: number) => boolean,
): ArticleBatch {
  const { encoded, byArticle } = batch;
  if (byArticle === undefined) return batch;
  const counts = noCounts();
  const taken: number[] = [];
  let place = 0;
  for (const one of byArticle) {
    if (taken.length === most) break;
    const goesIn = one.withoutLinks === 0 && Object.keys(one.leftOut).length === 0;
    if (goesIn && isRepeated(place++)) {
      addCounts(counts, { ...noCounts(), articles: 1, leftOut: { repeated: 1 } });
      continue;
    }
    addCounts(counts, one);
    if (goesIn) taken.push(place - 1);
  }
  const isWhole = 2 * taken.length === encoded.ends.length;
  return { ...batch, counts, encoded: isWhole ? encoded : pickArticles(encoded, taken) };
}

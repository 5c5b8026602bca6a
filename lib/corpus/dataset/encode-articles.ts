// Encodes articles with named links as a dataset's files hold them: tokenises them by the batch, and counts.
import {
  type EncodedArticles,
  encodeArticles,
  type PassageLink,
  type PassageSource,
} from '../../leia/dataset-records.ts';
import { ArticleTokenizer } from '../../leia/tokenize-article.ts';
import type { TextTokenizer } from '../../tokenizer/tokenizer.ts';

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
}

// A type: the compiler does not take an interface for JSON.
export type PrepareCounts = {
  /** Articles read: of a dump, pages of the article namespace that are no redirects. */
  articles: number;
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
  return { ...none, fromTemplates: 0, filtered: 0, misaligned: {} };
}

/** Adds the counts of a batch to those of all before. */
export function addCounts(sum: PrepareCounts, more: PrepareCounts): void {
  const { misaligned: _, ...numbers } = noCounts();
  for (const key of Object.keys(numbers) as (keyof typeof numbers)[]) sum[key] += more[key];
  for (const [reason, count] of Object.entries(more.misaligned)) {
    sum.misaligned[reason] = (sum.misaligned[reason] ?? 0) + count;
  }
}

/** Some articles, ready to be written. */
export interface ArticleBatch {
  encoded: EncodedArticles;
  counts: PrepareCounts;
  /** What is odd about some of them, for a warning. */
  oddities: string[];
  /** Where to resume reading after these articles. Only the input's reader knows what it means. */
  position: number;
}

/** The memory of a batch, which moves between threads instead of being copied. */
export function encodedBuffers({ encoded }: ArticleBatch): ArrayBuffer[] {
  const { records, lines, ends } = encoded;
  return [records, lines, ends].map(({ buffer }) => buffer as ArrayBuffer);
}

export class ArticleEncoder {
  readonly #tokenizer: ArticleTokenizer;
  readonly #vocabSize: number;

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = new ArticleTokenizer(tokenizer);
    this.#vocabSize = tokenizer.vocabSize;
  }

  /** Those without text or links are counted and left out. */
  async encode(
    articles: readonly LinkedArticle[],
    position: number,
    oddities: string[] = [],
  ): Promise<ArticleBatch> {
    const counts = noCounts();
    for (const article of articles) count(article, counts);
    const kept = articles.filter(({ text, links }) => text.trim() !== '' && links.length > 0);
    counts.withoutLinks = articles.length - kept.length;
    const tokenized = await this.#tokenizer.tokenize(
      kept.map(({ text, links }) => ({
        text,
        spans: links.flatMap(({ start, end, name }) =>
          name === null ? [] : [{ start, end, name }],
        ),
      })),
    );
    for (const { misaligned } of tokenized) {
      for (const { reason } of misaligned) {
        counts.misaligned[reason] = (counts.misaligned[reason] ?? 0) + 1;
      }
    }
    const passages = kept.map(({ title, text, links, source }, i) => {
      return { title, ...source, text, anchors: links, ...tokenized[i]!.article };
    });
    return { encoded: encodeArticles(passages, this.#vocabSize), counts, oddities, position };
  }
}

function count({ links, filtered, fromTemplates }: LinkedArticle, counts: PrepareCounts): void {
  const named = links.filter(({ name }) => name !== null).length;
  counts.articles++;
  counts.anchors += links.length;
  counts.linked += named + filtered;
  counts.fromTemplates += fromTemplates;
  counts.filtered += filtered;
}

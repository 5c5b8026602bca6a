// Turns a page of a dump into an article: plain text, and its links by code points. Native code reads the wikitext;
// what depends on the wiki and its language is decided here.
import { addon } from '../../core/addon.ts';
import { excerpt } from '../../system/error.ts';
import type { Page, Siteinfo } from '../dump/siteinfo.ts';
import { withCapital } from '../dump/title.ts';
import type { Article, Link } from './article.ts';
import { brackets, characterProperties, lowercaseLetters } from './characters.ts';
import { languageForms } from './language-forms.ts';
import { LinkResolver } from './links.ts';
import type { NativeWikitextReader, WikitextAddon } from './native.ts';
import { THUMBNAIL_NAMES } from './prefixes.ts';
import { templatesOf } from './templates.ts';

/** `*`, `#` and `;` lines: text of their own, or left out as WikiExtractor does. */
export type Lists = 'keep' | 'drop';

/**
 * How often character references are decoded: once, as the wiki does it, or twice, as in the data of LEIA's authors,
 * where `&amp;nbsp;` is a blank.
 */
export type References = 'once' | 'twice';

/** What `10<sup>6</sup>` is: `10⁶`, `10^6`, or `106` as in the data of LEIA's authors. */
export type Scripts = 'unicode' | 'signs' | 'plain';

/** Whether templates that are known show what a reader sees, or all are dropped, as in the data of LEIA's authors. */
export type TemplateTreatment = 'inline' | 'drop';

/** Which links there are: those of the wiki, or also those that templates make to pages of other editions. */
export type LinkKinds = 'all' | 'wiki';

/** What of a page becomes text, as far as that is a matter of choice. */
export interface Reading {
  lists: Lists;
  templates: TemplateTreatment;
  links: LinkKinds;
  references: References;
  scripts: Scripts;
}
/** What of a page becomes text; defaults for what is not said. */
export type ExtractOptions = { [Name in keyof Reading]?: Reading[Name] | undefined };

/**
 * What is kept besides running text: headings as `## Title`, with a sign for each level, also where no text stands under
 * them; captions of images, a line each behind the paragraph that the image stands in; tables, a line for each row with
 * tabs between its cells; formulas as LaTeX, `$…$`.
 */
export const keepable = ['headings', 'captions', 'tables', 'formulas'] as const;
/** What may be kept besides running text. */
export type Kept = (typeof keepable)[number];

/** What is chosen where nothing else is said; `scripts` are plain where templates are dropped. */
export const defaultReading: Omit<Reading, 'scripts'> = {
  lists: 'keep',
  templates: 'inline',
  links: 'all',
  references: 'once',
};

/** The choices among further options. */
export function readingOf(options: ExtractOptions, defaults = defaultReading): Reading {
  const templates = options.templates ?? defaults.templates;
  return {
    lists: options.lists ?? defaults.lists,
    templates,
    links: options.links ?? defaults.links,
    references: options.references ?? defaults.references,
    scripts: options.scripts ?? (templates === 'drop' ? 'plain' : 'unicode'),
  };
}

/** More than this are no editor's mistakes. */
const manyUnclosed = 500;
/** In bytes: MediaWiki saves no longer page. */
const longPage = 2 ** 21;

/** Extracts articles of one wiki. It prepares the wiki's namespaces once, so make one for each dump. */
export class ArticleExtractor {
  readonly #reader: NativeWikitextReader;

  constructor(
    wiki: Siteinfo,
    options: ExtractOptions & { keep?: readonly Kept[] | undefined } = {},
  ) {
    const kept = new Set(options.keep);
    const resolver = new LinkResolver(wiki);
    const { lists, templates, links, references, scripts } = readingOf(options);
    this.#reader = new (addon<WikitextAddon>().NativeWikitextReader)(
      characterProperties(),
      capitalsOf(wiki),
      {
        keepLists: lists === 'keep',
        decodeTwice: references === 'twice',
        scripts,
        templates: templates === 'inline' ? templatesOf(wiki) : [],
        language: languageForms(wiki),
        templateLinks: links === 'all',
        brackets: brackets(),
        keepHeadings: kept.has('headings'),
        keepCaptions: kept.has('captions'),
        keepTables: kept.has('tables'),
        keepFormulas: kept.has('formulas'),
        thumbnails: THUMBNAIL_NAMES,
      },
      (target) => resolver.resolve(target),
    );
  }

  /**
   * Text and links of a page. Links are in order, do not overlap, are not empty, and neither
   * begin nor end in a blank. No text is an error: everything is wikitext.
   */
  extract({ id, title, wikitext }: Pick<Page, 'id' | 'title' | 'wikitext'>): Article {
    const { text, anchors, targets, unclosed } = this.#reader.article(wikitext);
    const article: Article = { id, title, text, anchors: linksOf(anchors, targets) };
    const oddity = oddityOf(title, wikitext, unclosed);
    if (oddity !== undefined) article.oddity = oddity;
    return article;
  }

  /**
   * Writes the same as a line of JSON in UTF-8, `{"title":…,"text":…,"anchors":[{"start":…,"end":…,"target":…},…]}`, with
   * `more`, JSON without the braces, behind the title. If templates make links, each has `english`, which is empty unless a
   * template says it: so all lines have one form. `takeLines` gives the line later, unless the page has no text. Tells whether it did, and with a warning if something about the page is odd.
   */
  writeLine(
    { title, wikitext }: Pick<Page, 'title' | 'wikitext'>,
    more = '',
  ): { written: boolean; oddity: string | undefined } {
    const size = this.#reader.linesSize();
    const oddity = oddityOf(title, wikitext, this.#reader.writeLine(wikitext, title, more));
    return { written: this.#reader.linesSize() > size, oddity };
  }

  /** All lines written since the last call: in `room` if they fit there, or else in memory of their own. */
  takeLines(room: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const size = this.#reader.linesSize();
    const lines = size <= room.length ? room.subarray(0, size) : new Uint8Array(size);
    this.#reader.takeLines(lines);
    return lines;
  }

  /** How many turns of its loop the reader took for a page, for tests of linear time. */
  steps(wikitext: Uint8Array): number {
    return this.#reader.article(wikitext).steps;
  }
}

function oddityOf(title: string, wikitext: Uint8Array, unclosed: number): string | undefined {
  const odd = (what: string): string => `page '${excerpt(title)}': ${what}`;
  if (unclosed > manyUnclosed) {
    return odd(`${unclosed} templates, tables or links are never closed`);
  }
  if (wikitext.length <= longPage) return undefined;
  return odd(`it is ${(wikitext.length / 1e6).toFixed(1)} million bytes long`);
}

function linksOf(numbers: Int32Array, targets: string): Link[] {
  const links: Link[] = [];
  for (let at = 0, from = 0; at < numbers.length; at += 4) {
    const middle = from + numbers[at + 2]!;
    const to = middle + numbers[at + 3]!;
    const link: Link = {
      start: numbers[at]!,
      end: numbers[at + 1]!,
      target: targets.slice(from, middle),
    };
    if (to > middle) link.english = targets.slice(middle, to);
    links.push(link);
    from = to;
  }
  return links;
}

/** Pairs of a letter that no title of this wiki begins with, and the capital that stands in its place. */
function capitalsOf(wiki: Siteinfo): Uint32Array {
  const pairs = lowercaseLetters().flatMap((letter) => {
    const capital = withCapital(letter, wiki);
    return capital === letter ? [] : [letter.codePointAt(0)!, capital.codePointAt(0)!];
  });
  return Uint32Array.from(pairs);
}

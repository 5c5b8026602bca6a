// A page of a dump as an article: plain text, and the links in it by code points. Native code reads the
// wikitext; what depends on the wiki and its language is decided here.
import { addon, type NativeWikitextReader } from '../../core/addon.ts';
import type { Anchor, Article } from '../article.ts';
import type { Page, Siteinfo } from '../siteinfo.ts';
import { withCapital } from '../title.ts';
import { characterProperties, lowercaseLetters } from './characters.ts';
import { LinkResolver } from './links.ts';

/** `*`, `#` and `;` lines: text of their own, or left out as WikiExtractor does. */
export type Lists = 'keep' | 'drop';

export interface ExtractOptions {
  /** Default `keep`. */
  lists?: Lists;
}

/** More than an editor's mistakes. */
const manyUnclosed = 500;
/** In bytes: MediaWiki saves no longer page. */
const longPage = 2 ** 21;

/** Extracts articles of one wiki. Keeps the wiki's namespaces at hand, so make one per dump. */
export class ArticleExtractor {
  readonly #reader: NativeWikitextReader;

  constructor(wiki: Siteinfo, options: ExtractOptions = {}) {
    const resolver = new LinkResolver(wiki);
    this.#reader = new (addon().NativeWikitextReader)(
      characterProperties(),
      capitalsOf(wiki),
      options.lists !== 'drop',
      (target) => resolver.resolve(target),
    );
  }

  /**
   * Text and anchors of a page. Anchors are in order, do not overlap, are not empty, and neither
   * begin nor end in a blank. Whatever the text, it is wikitext.
   */
  extract({ id, title, wikitext }: Pick<Page, 'id' | 'title' | 'wikitext'>): Article {
    const { text, anchors, targets, unclosed } = this.#reader.article(wikitext);
    const article: Article = { id, title, text, anchors: anchorsOf(anchors, targets) };
    if (unclosed > manyUnclosed) {
      article.oddity = `${unclosed} templates, tables or links are never closed`;
    } else if (wikitext.length > longPage) {
      article.oddity = `it is ${(wikitext.length / 1e6).toFixed(1)} million bytes long`;
    }
    return article;
  }

  /** The same as a line of JSON in UTF-8, `{"title":…,"text":…,"anchors":[{"start":…,"end":…,"target":…},…]}`. */
  writeLine({ title, wikitext }: Pick<Page, 'title' | 'wikitext'>): void {
    this.#reader.writeLine(wikitext, title);
  }

  /** All lines since they were last taken. */
  takeLines(): Uint8Array {
    return this.#reader.takeLines();
  }

  /** Turns taken to read a page, for tests of linear time. */
  steps(wikitext: Uint8Array): number {
    return this.#reader.article(wikitext).steps;
  }
}

function anchorsOf(numbers: Int32Array, targets: string): Anchor[] {
  const anchors: Anchor[] = [];
  for (let at = 0, from = 0; at < numbers.length; at += 3) {
    const to = from + numbers[at + 2]!;
    anchors.push({
      start: numbers[at]!,
      end: numbers[at + 1]!,
      target: targets.slice(from, to),
    });
    from = to;
  }
  return anchors;
}

/** Letters that titles do not begin with on this wiki, and what stands there instead, in pairs. */
function capitalsOf(wiki: Siteinfo): Uint32Array {
  const pairs = lowercaseLetters().flatMap((letter) => {
    const capital = withCapital(letter, wiki);
    return capital === letter ? [] : [letter.codePointAt(0)!, capital.codePointAt(0)!];
  });
  return Uint32Array.from(pairs);
}

// A page of a dump as an article: plain text, and the links in it by code points.
import type { Anchor, Article } from '../article.ts';
import type { Page, Siteinfo } from '../siteinfo.ts';
import { Workspace } from './codes.ts';
import { type LineOptions, type Paragraphs, toParagraphs } from './lines.ts';
import { LinkResolver } from './links.ts';
import { readWikitext } from './reader.ts';

export interface ExtractOptions extends Partial<LineOptions> {}

/** More than an editor's mistakes. */
const manyUnclosed = 500;
/** MediaWiki saves no page of more than 2 MiB. */
const longPage = 2 ** 21;

/** UTF-16 offsets to code points; links are in order and without overlaps. */
function toCodePoints({ text, links, inUnits }: Paragraphs): Anchor[] {
  if (inUnits) return links; // the same, as in most articles
  let unit = 0;
  let point = 0;
  const advance = (to: number): number => {
    for (; unit < to; unit++, point++) {
      if (text.codePointAt(unit)! > 0xffff) unit++;
    }
    return point;
  };
  return links.map(({ start, end, target }) => ({
    start: advance(start),
    end: advance(end),
    target,
  }));
}

/** Extracts articles of one wiki. Keeps the wiki's namespaces at hand, so make one per dump. */
export class ArticleExtractor {
  readonly #resolver: LinkResolver;
  readonly #options: LineOptions;
  readonly #workspace = new Workspace();

  constructor(wiki: Siteinfo, options: ExtractOptions = {}) {
    this.#resolver = new LinkResolver(wiki);
    this.#options = { lists: options.lists ?? 'keep' };
  }

  /**
   * Text and anchors of a page. Anchors are in order, do not overlap, are not empty, and neither
   * begin nor end in a blank. Never throws, whatever the text.
   */
  extract(page: Pick<Page, 'id' | 'title' | 'text'>): Article {
    const passage = readWikitext(page.text, this.#resolver, this.#workspace);
    const paragraphs = toParagraphs(passage, this.#options, this.#workspace);
    const { id, title } = page;
    const { text } = paragraphs;
    const article: Article = { id, title, text, anchors: toCodePoints(paragraphs) };
    if (passage.unclosed > manyUnclosed) {
      article.oddity = `${passage.unclosed} templates, tables or links are never closed`;
    } else if (page.text.length > longPage) {
      article.oddity = `it is ${(page.text.length / 1e6).toFixed(1)} million characters long`;
    }
    return article;
  }
}

// Decides what `[[target]]` is: a link to an article, visible text that links elsewhere (another
// namespace, another wiki, a section), or something the page does not show in its text at all
// (category, image, link to the same page in another language). The native reader of wikitext asks about targets
// that are not simply the title of an article.

import type { Siteinfo } from '../dump/siteinfo.ts';
import { decodePercent, normaliseTitle } from '../dump/title.ts';
import type { LinkTarget } from './native.ts';
import {
  CATEGORY_NAMES,
  CATEGORY_STEM,
  LANGUAGE_PREFIXES,
  MEDIA_EXTENSION,
  PROJECT_PREFIXES,
} from './prefixes.ts';

const FILE = 6;
const CATEGORY = 14;

/** English names work on every wiki (https://www.mediawiki.org/wiki/Help:Namespaces). */
const CANONICAL: readonly [number, string][] = [
  [-2, 'media'],
  [-1, 'special'],
  [1, 'talk'],
  [2, 'user'],
  [3, 'user talk'],
  [4, 'project'],
  [4, 'wikipedia'],
  [5, 'project talk'],
  [5, 'wikipedia talk'],
  [FILE, 'file'],
  [FILE, 'image'],
  [7, 'file talk'],
  [7, 'image talk'],
  [8, 'mediawiki'],
  [9, 'mediawiki talk'],
  [10, 'template'],
  [11, 'template talk'],
  [12, 'help'],
  [13, 'help talk'],
  [CATEGORY, 'category'],
  [15, 'category talk'],
  [828, 'module'],
  [829, 'module talk'],
];

/** The form in which namespaces are compared: in lower case, with blanks for underscores. */
function normalisePrefix(prefix: string): string {
  return prefix
    .replace(/[\s_]+/g, ' ')
    .trim()
    .normalize('NFC')
    .toLowerCase();
}

/** The target without bold and italics around the whole. */
function withoutQuotes(target: string): string {
  let start = 0;
  let end = target.length;
  while (target[start] === "'") start++;
  while (end > start && target[end - 1] === "'") end--;
  // A single apostrophe is a letter of the title.
  return target.slice(start < 2 ? 0 : start, target.length - end < 2 ? target.length : end);
}

/** Characters no title may have (https://www.mediawiki.org/wiki/Manual:Page_title). */
const ILLEGAL = /[[\]{}|<>\p{Cc}\ufffd]|~~~|(?:^|\/)\.{1,2}(?:\/|$)/u;

export class LinkResolver {
  readonly #wiki: Siteinfo;
  readonly #namespaces = new Map<string, number>(CANONICAL.map(([id, name]) => [name, id]));

  constructor(wiki: Siteinfo) {
    this.#wiki = wiki;
    for (const { id, name } of wiki.namespaces.values()) {
      if (id !== 0 && name !== '') this.#namespaces.set(normalisePrefix(name), id);
    }
  }

  /** `raw` is the target as written, without the label; character references may be decoded or not. */
  resolve(raw: string): LinkTarget {
    let target = withoutQuotes(raw.trim());
    // A leading colon shows a link to a category or image instead of using it.
    const shown = target.startsWith(':');
    if (shown) target = target.replace(/^[:\s]+/, '');
    if (ILLEGAL.test(target)) return 't';
    const colon = target.indexOf(':');
    if (colon > 0) {
      const rest = target.slice(colon + 1);
      const special = this.#special(target.slice(0, colon), rest);
      if (special === 'text' || (special && shown)) return `t${rest.trim()}`;
      if (special) return special === 'prefix' ? 'p' : 'h';
    }
    const title = target.includes('#') ? '' : normaliseTitle(target, this.#wiki);
    if (title === '' || title.includes('#')) return `t${target.replace(/^#/, '')}`;
    // The wiki shows neither the colon nor percent signs: `[[:Caf%C3%A9]]` is Café.
    const label = decodePercent(target);
    const same = (!shown && label === target) || /\p{Cc}/u.test(label);
    return same ? `a${title}` : `a${title}\n${label}`;
  }

  /**
   * What a target with this prefix is, or undefined if the colon is part of an article's title. `prefix` means that
   * every target with this prefix is hidden.
   */
  #special(rawPrefix: string, rest: string): 'prefix' | 'hidden' | 'text' | undefined {
    const prefix = normalisePrefix(rawPrefix);
    const namespace = this.#namespaces.get(prefix);
    if (namespace !== undefined) {
      return namespace === FILE || namespace === CATEGORY ? 'prefix' : 'text';
    }
    if (LANGUAGE_PREFIXES.has(prefix)) return 'prefix';
    if (PROJECT_PREFIXES.has(prefix)) return 'text';
    if (CATEGORY_NAMES.has(prefix) || CATEGORY_STEM.test(prefix)) return 'prefix';
    if (MEDIA_EXTENSION.test(rest.trim()) && /^[\p{L}\p{M}]+$/u.test(prefix)) return 'hidden';
    return undefined;
  }
}

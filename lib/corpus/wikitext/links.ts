// Decides what `[[target]]` is: a link to an article, visible text that links elsewhere (another
// namespace, another wiki, a section), or something the page does not show in its text at all
// (category, image, link to the same page in another language).
import type { Siteinfo } from '../siteinfo.ts';
import { normaliseTitle, storedTitle, withCapital } from '../title.ts';
import { isSurrogate, PROPERTIES, TRAIL, TRAIL_LETTERS } from './codes.ts';
import {
  CATEGORY_NAMES,
  CATEGORY_STEM,
  LANGUAGE_PREFIXES,
  MEDIA_EXTENSION,
  PROJECT_PREFIXES,
} from './prefixes.ts';

export type LinkTarget =
  | { kind: 'article'; title: string }
  /** The label is text, but leads to no article of this wiki. `label` is the text where none is given. */
  | { kind: 'text'; label: string }
  /** Not part of the text, label included. */
  | { kind: 'hidden' };

const HIDDEN: LinkTarget = { kind: 'hidden' };

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

/** How namespaces are compared: no case, blanks for underscores. */
function normalisePrefix(prefix: string): string {
  return prefix
    .replace(/[\s_]+/g, ' ')
    .trim()
    .normalize('NFC')
    .toLowerCase();
}

/** Without bold and italics around the whole. */
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

/** What most targets lack: they are the title of an article as they stand, but for the first letter. */
const NO_PLAIN_TITLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: titles have none
  /[[\]{}|<>#:%&_~\0-\x1f\x7f-\x9f\u180e\u200e\u200f\u202a-\u202e\ufffd]|[^\S ]/;
/** Characters that may be changed by Unicode NFC, or change the one before them. */
const COMPOSING = /[\p{M}\p{Cs}\u1100-\u11ff]/u;

/** What a UTF-16 unit makes of the target it is in. */
const UNKNOWN = 0;
const PLAIN = 1;
const TO_COMPOSE = 2;
const ODD = 3;

/** Filled as units come up. */
const KINDS = new Uint8Array(0x10000);

function kindOf(unit: number): number {
  const sign = String.fromCharCode(unit);
  if (NO_PLAIN_TITLE.test(sign)) return ODD;
  return COMPOSING.test(sign) || sign.normalize('NFC') !== sign ? TO_COMPOSE : PLAIN;
}

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const FULL_STOP = 0x2e;
const SLASH = 0x2f;

/** Whether a target is a title as it stands, `PLAIN`, as it is in Unicode NFC, `TO_COMPOSE`, or has to be read. */
function kindOfTarget(target: string): number {
  let kind = PLAIN;
  let previous = SPACE;
  for (let i = 0; i < target.length; i++) {
    const unit = target.charCodeAt(i);
    if (KINDS[unit] === UNKNOWN) KINDS[unit] = kindOf(unit);
    if (KINDS[unit] === ODD) return ODD;
    if (KINDS[unit] === TO_COMPOSE) kind = TO_COMPOSE;
    if (unit === SPACE && previous === SPACE) return ODD;
    if (unit === FULL_STOP && (i === 0 || previous === SLASH)) return ODD;
    previous = unit;
  }
  const atEnds = previous === SPACE || previous === APOSTROPHE;
  return atEnds || target.charCodeAt(0) === APOSTROPHE ? ODD : kind;
}

/**
 * Longer targets name nothing: titles have at most 255 bytes, which percent signs make three times as long and
 * character references eight times; a section may follow.
 */
const LONGEST_TARGET = 4_000;

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
    if (raw.length > LONGEST_TARGET) return { kind: 'text', label: '' };
    const kind = kindOfTarget(raw);
    if (kind === PLAIN) return { kind: 'article', title: withCapital(raw, this.#wiki) };
    if (kind === TO_COMPOSE) return { kind: 'article', title: storedTitle(raw, this.#wiki) };
    let target = withoutQuotes(raw.trim());
    // A leading colon shows a link to a category or image instead of using it.
    const shown = target.startsWith(':');
    if (shown) target = target.replace(/^[:\s]+/, '');
    if (ILLEGAL.test(target)) return { kind: 'text', label: '' };
    const colon = target.indexOf(':');
    if (colon > 0) {
      const rest = target.slice(colon + 1);
      const special = this.#special(target.slice(0, colon), rest);
      if (special)
        return special === 'hidden' && !shown ? HIDDEN : { kind: 'text', label: rest.trim() };
    }
    const title = target.includes('#') ? '' : normaliseTitle(target, this.#wiki);
    if (title === '' || title.includes('#')) {
      return { kind: 'text', label: target.replace(/^#/, '') };
    }
    return { kind: 'article', title };
  }

  /** What a target with this prefix is, or undefined if the colon is part of an article's title. */
  #special(rawPrefix: string, rest: string): 'hidden' | 'text' | undefined {
    const prefix = normalisePrefix(rawPrefix);
    const namespace = this.#namespaces.get(prefix);
    if (namespace !== undefined) {
      return namespace === FILE || namespace === CATEGORY ? 'hidden' : 'text';
    }
    if (LANGUAGE_PREFIXES.has(prefix)) return 'hidden';
    if (PROJECT_PREFIXES.has(prefix)) return 'text';
    if (CATEGORY_NAMES.has(prefix) || CATEGORY_STEM.test(prefix)) return 'hidden';
    if (MEDIA_EXTENSION.test(rest.trim()) && /^[\p{L}\p{M}]+$/u.test(prefix)) return 'hidden';
    return undefined;
  }
}

/**
 * What `[[target|]]` shows: the target without namespace, bracketed suffix, or what follows a comma
 * (https://www.mediawiki.org/wiki/Help:Links#Pipe_trick). The wiki usually expands it when saving.
 */
export function pipeTrick(target: string): string {
  if (target.length > 1_000) return '';
  const name = target.replace(/^\s*:?[^:]*:\s*/, '');
  const bare = name.replace(/\s*[(（][^()（）]*[)）]\s*$/, '');
  return bare === name ? name.replace(/\s*[,،，、].*$/s, '') : bare;
}

/** The end of the letters right after `]]` that belong to the link's text; `units` are those of the text. */
export function endOfTrail(text: string, units: Uint16Array, start: number): number {
  let end = start;
  while (end < text.length && (PROPERTIES[units[end]!]! & TRAIL) !== 0) end++;
  if (!isSurrogate(units[end]!)) return end;
  TRAIL_LETTERS.lastIndex = end;
  return TRAIL_LETTERS.test(text) ? TRAIL_LETTERS.lastIndex : end;
}

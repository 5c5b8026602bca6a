// Titles as MediaWiki stores them: links may write them with underscores, character references,
// percent signs or a small first letter, and all of these name the same page
// (https://www.mediawiki.org/wiki/Manual:Page_title).
import type { Siteinfo } from './siteinfo.ts';
import { decodeEntities } from './wikitext/entities.ts';

const INVISIBLE = /[\u200e\u200f\u202a-\u202e]/g;
const BLANKS = /[\s_\u180e]+/g;

/** What has to be resolved. */
const UNTIDY = /[&%_\u180e\u200e\u200f\u202a-\u202e]|[^\S ]| {2}|^[ :]| $/;

/** Languages whose small i has a capital with a dot. */
const DOTTED_I = new Set(['tr', 'az', 'kaa', 'crh', 'tt', 'gag']);

/** Capitals of the letters that have come up: asking for one takes longer than all else about most titles. */
const CAPITALS = new Map<string, string>();

/** The first letter as a capital, where that is one letter; Georgian has no capitals in titles. */
export function capitalise(title: string, language = ''): string {
  const code = title.codePointAt(0);
  // Capitals, digits and the scripts of East Asia.
  if (code === undefined || code < 0x61 || (code >= 0x2e80 && code < 0xa000)) return title;
  const first = String.fromCodePoint(code);
  if (first === 'i' && DOTTED_I.has(language)) return `İ${title.slice(1)}`;
  if (code >= 0x10d0 && code <= 0x10ff) return title;
  let upper = CAPITALS.get(first);
  if (upper === undefined) {
    upper = first.toUpperCase();
    CAPITALS.set(first, upper);
  }
  if (upper === first) return title;
  return upper.length === first.length ? upper + title.slice(first.length) : title;
}

function decodePercent(title: string): string {
  if (!/%[0-9a-f]{2}/i.test(title)) return title;
  try {
    // A lone percent sign is itself.
    return decodeURIComponent(title.replace(/%(?![0-9a-f]{2})/gi, '%25'));
  } catch {
    return title; // not UTF-8: the wiki would not find such a page either
  }
}

/**
 * The title of the page that a link names: leading colon, character references, percent encoding,
 * underscores and runs of blanks resolved, Unicode NFC, first letter as the wiki's rule wants it.
 * A '#section' stays. The result may be empty.
 */
export function normaliseTitle(
  title: string,
  wiki: Pick<Siteinfo, 'caseRule' | 'language'>,
): string {
  if (!UNTIDY.test(title)) return storedTitle(title, wiki);
  const plain = decodePercent(decodeEntities(title))
    .replace(INVISIBLE, '')
    .replace(BLANKS, ' ')
    .trim()
    .replace(/^:+ ?/, '');
  return storedTitle(plain, wiki);
}

/** The same of a title without anything to resolve: Unicode NFC and the first letter. */
export function storedTitle(title: string, wiki: Pick<Siteinfo, 'caseRule' | 'language'>): string {
  return withCapital(title.normalize('NFC'), wiki);
}

/** The same of a title that is in Unicode NFC. */
export function withCapital(title: string, wiki: Pick<Siteinfo, 'caseRule' | 'language'>): string {
  return wiki.caseRule === 'first-letter' ? capitalise(title, wiki.language) : title;
}

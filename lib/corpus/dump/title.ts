// Titles as MediaWiki stores them: links may write them with underscores, character references,
// percent signs or a small first letter, and all of these name the same page
// (https://www.mediawiki.org/wiki/Manual:Page_title).
import { addon } from '../../core/addon.ts';
import type { DumpAddon } from './native.ts';
import type { Siteinfo } from './siteinfo.ts';

const INVISIBLE = /[\u200e\u200f\u202a-\u202e]/g;
const BLANKS = /[\s_\u180e]+/g;

/** What a title may contain that has to be resolved. */
const UNTIDY = /[&%_\u180e\u200e\u200f\u202a-\u202e]|[^\S ]| {2}|^[ :]| $/;

const SMALL_I = 0x69;
/** Languages in which the capital of i has a dot. */
const DOTTED_I = new Set(['tr', 'az', 'kaa', 'crh', 'tt', 'gag']);

/**
 * Capitals of UTF-16 units; 0 until a letter's capital was first asked for. JavaScript's own function takes longer than
 * everything else about most titles.
 */
const CAPITALS = new Uint16Array(0x10000);

function capitalOf(unit: number): number {
  const capital = String.fromCharCode(unit).toUpperCase();
  return capital.length === 1 ? capital.charCodeAt(0) : unit;
}

/** The first letter as a capital, where that is one letter; Georgian has no capitals in titles. */
export function capitalise(title: string, language = ''): string {
  if (title === '') return title;
  const unit = title.charCodeAt(0);
  // Capitals, digits and the scripts of East Asia.
  if (unit < 0x61 || (unit >= 0x2e80 && unit < 0xa000)) return title;
  if ((unit & 0xf800) === 0xd800) {
    // Half of a character.
    const first = String.fromCodePoint(title.codePointAt(0)!);
    return first.toUpperCase() + title.slice(first.length);
  }
  if (unit === SMALL_I && DOTTED_I.has(language)) return `İ${title.slice(1)}`;
  if (unit >= 0x10d0 && unit <= 0x10ff) return title;
  CAPITALS[unit] ||= capitalOf(unit);
  const capital = CAPITALS[unit]!;
  return capital === unit ? title : String.fromCharCode(capital) + title.slice(1);
}

function decodeEntities(title: string): string {
  return title.includes('&') ? addon<DumpAddon>().decodeEntities(title) : title;
}

/** With its percent encoding resolved, if that is UTF-8. */
export function decodePercent(title: string): string {
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
function storedTitle(title: string, wiki: Pick<Siteinfo, 'caseRule' | 'language'>): string {
  return withCapital(title.normalize('NFC'), wiki);
}

/** With the first letter as the wiki's rule wants it. */
export function withCapital(title: string, wiki: Pick<Siteinfo, 'caseRule' | 'language'>): string {
  return wiki.caseRule === 'first-letter' ? capitalise(title, wiki.language) : title;
}

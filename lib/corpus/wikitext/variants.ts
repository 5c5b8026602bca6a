// Language variants, `-{zh-hans:计算机; zh-hant:電腦}-`: the same words in several scripts, of which a reader
// sees one. The text keeps the first; what is only a rule for the page's converter shows nothing
// (https://www.mediawiki.org/wiki/Writing_systems/Syntax).
import type { Pieces } from './pieces.ts';

/** An open variant. */
export interface Variant {
  kind: 'variant';
  /** Where it begins in the pieces. */
  start: number;
  /** Where the current alternative begins in the source and in the pieces. */
  source: number;
  optionStart: number;
  /** The current alternative has begun with a code and ':'. */
  coded: boolean;
  /** Flags can stand only before the first alternative. */
  flagged: boolean;
  hidden: boolean;
}

const CODE =
  /^\s*(?:[^:;]*=>\s*)?(?:zh|gan|wuu|iu|ike|kk|ku|shi|sr|sh|tg|tly|uz|crh|ban|mni|en)(?:-[a-z]{1,9})*\s*$/i;
const LONGEST_CODE = 80;
const LONGEST_FLAGS = 100;

/** A variant whose content begins at `source`. */
export function openVariant(start: number, source: number): Variant {
  return {
    kind: 'variant',
    start,
    source,
    optionStart: start,
    coded: false,
    flagged: false,
    hidden: false,
  };
}

/** The '|' at `at`: whether it ends flags, `-{flags|…}-`. T, D, H and '-' show nothing. */
export function readFlags(variant: Variant, source: string, at: number, pieces: Pieces): boolean {
  variant.flagged = true;
  if (at - variant.source > LONGEST_FLAGS) return false;
  const flags = source.slice(variant.source, at);
  if (!/^[\sa-zA-Z;+-]*$/.test(flags)) return false;
  variant.hidden = /^\s*[-THD]\s*(?:;|$)/.test(flags);
  pieces.cut(variant.start);
  variant.source = at + 1;
  return true;
}

/** The ':' at `at`: whether it ends the code of an alternative. */
export function readCode(variant: Variant, source: string, at: number, pieces: Pieces): boolean {
  if (variant.coded || at - variant.source > LONGEST_CODE) return false;
  if (!CODE.test(source.slice(variant.source, at))) return false;
  pieces.cut(variant.optionStart);
  variant.coded = true;
  variant.flagged = true;
  return true;
}

/** The ';' at `at`: whether it ends an alternative; without a code before it it is text. */
export function endOption(variant: Variant, _: string, at: number, pieces: Pieces): boolean {
  if (!variant.coded) return false;
  keepFirst(variant, pieces);
  variant.optionStart = pieces.length;
  variant.coded = false;
  variant.source = at + 1;
  return true;
}

export function closeVariant(variant: Variant, pieces: Pieces): void {
  if (variant.hidden) pieces.cut(variant.start);
  else keepFirst(variant, pieces);
}

/** Of several alternatives the first stays. */
function keepFirst(variant: Variant, pieces: Pieces): void {
  if (variant.optionStart > variant.start) pieces.cut(variant.optionStart);
}

// Text as UTF-16 units in an array, and what the readers ask of a unit, from tables. On strings the same takes
// several times as long: they come in a dozen representations that every access has to tell apart, and each
// part taken of one is an object for the garbage collector.

/** Properties of a UTF-16 unit, to be tested in {@link PROPERTIES}. */
export const BLANK = 1;
/** Letters and digits; of characters beyond the BMP `isWord` knows. */
export const WORD = 2;
/** May begin or end markup. */
const MARKUP = 4;
/** Only if a certain unit follows: the same, or a brace after a dash. */
const PAIRED = 8;
/** Separates the alternatives of a language variant. */
const SEPARATOR = 16;
/** Blanks and marks that leave the line's start where it is, for what counts there only. */
export const INDENT = 32;
/** What is no word at a line's start. */
export const LINE_MARK = 64;
/** A letter that belongs to the link it follows. */
export const TRAIL = 128;

const DASH = 0x2d;
const OPENING_BRACE = 0x7b;

/** Of all units; none of surrogates. */
export const PROPERTIES = new Uint8Array(0x10000);

function give(property: number, pattern: RegExp): void {
  const all = Buffer.from(Uint16Array.from(PROPERTIES, (_, unit) => unit).buffer).toString('ucs2');
  for (const { 0: found, index } of all.matchAll(pattern)) {
    for (let unit = index; unit < index + found.length; unit++) PROPERTIES[unit]! |= property;
  }
}
give(BLANK, /\s+/g);
give(WORD, /[\p{L}\p{N}]+/gu);
give(MARKUP, /[<[\]{}|'&_＿\n-]/g);
give(PAIRED, /['_＿-]/g);
give(SEPARATOR, /[;:]/g);
give(INDENT, /[\s:*#;]+/g);
give(LINE_MARK, /[\s*#:;,、،，]+/g);

/**
 * Letters right after `]]` that belong to the link's text, `[[bus]]es`. MediaWiki lists them per language; nearly
 * all lists are "the small letters of the language". Scripts written without spaces have no such suffixes, so
 * only Latin ones count there.
 */
export const TRAIL_LETTERS =
  /(?:(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}\p{sc=Mymr}\p{sc=Tibt}ー々〆])[\p{Ll}\p{Lo}\p{Lm}\p{M}\u200c\u200d])+/uy;
give(TRAIL, new RegExp(TRAIL_LETTERS.source, 'gu'));

/** Where markup may stand next, from `start` on; `end` if nowhere before it. */
export function markupFrom(
  units: Uint16Array,
  start: number,
  end: number,
  inVariant: boolean,
): number {
  const wanted = inVariant ? MARKUP | SEPARATOR : MARKUP;
  for (let at = start; at < end; at++) {
    const unit = units[at]!;
    const properties = PROPERTIES[unit]!;
    if ((properties & wanted) === 0) continue;
    if ((properties & PAIRED) === 0) return at;
    if (units[at + 1] === (unit === DASH ? OPENING_BRACE : unit)) return at;
  }
  return end;
}

/** The end of a row of one sign that begins at `start`. */
export function endOfRow(units: Uint16Array, start: number): number {
  let end = start + 1;
  while (units[end] === units[start]) end++;
  return end;
}

export const isSurrogate = (unit: number): boolean => (unit & 0xf800) === 0xd800;

/** Larger arrays are not kept: few pages need them. */
const mostKept = 1 << 21;

/**
 * The arrays that reading a page takes, the same for one page after the other: with new ones each time the garbage
 * collector has a third more to do. What a page was read into holds until the next is read.
 */
export class Workspace {
  #units = new Uint16Array(0);
  #text = new Uint16Array(0);
  #ranges = new Int32Array(1 << 12);

  /** The units of a text, and room for at least `spare` more. */
  unitsOf(text: string, spare: number): Uint16Array {
    const length = text.length + spare;
    if (this.#units.length < length || this.#units.length > mostKept) {
      this.#units = new Uint16Array(length);
    }
    Buffer.from(this.#units.buffer).write(text, 'ucs2');
    return this.#units;
  }

  /** For at least so many units of text. */
  text(length: number): Uint16Array {
    if (this.#text.length < length || this.#text.length > mostKept) {
      this.#text = new Uint16Array(length);
    }
    return this.#text;
  }

  ranges(): Int32Array {
    if (this.#ranges.length > mostKept) this.#ranges = new Int32Array(1 << 12);
    return this.#ranges;
  }

  /** Twice the room for ranges, and those that are there. */
  moreRanges(): Int32Array {
    const ranges = new Int32Array(2 * this.#ranges.length);
    ranges.set(this.#ranges);
    this.#ranges = ranges;
    return ranges;
  }
}

export function textOf(units: Uint16Array, start = 0, end = units.length): string {
  const { buffer, byteOffset } = units;
  return Buffer.from(buffer, byteOffset + 2 * start, 2 * (end - start)).toString('ucs2');
}

// The properties of characters that the native reader of wikitext needs, from one source: the engine's Unicode tables.

/** Properties of a character; the same bits as in native/corpus/wikitext/characters.h. */
const BLANK = 1;
/** Letters and digits. */
const WORD = 2;
/** A letter that belongs to the link it follows. */
const TRAIL = 4;
/** May stand in the name of a behaviour switch, `__NOTOC__`. */
const SWITCH = 8;
/** The same for a switch written with wide underscores. */
const WIDE = 16;
/** A link's target with such a character may differ from the page's title. */
const ODD = 32;
/** So may a target with two of these in a row, which Unicode NFC may exchange. */
const MOVING = 64;

/**
 * Letters right after `]]` that belong to the link's text, `[[bus]]es`. MediaWiki lists them per language; nearly
 * all lists are "the small letters of the language". Scripts written without spaces have no such suffixes, so
 * only Latin ones count there.
 */
const TRAIL_LETTERS =
  /(?:(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}\p{sc=Mymr}\p{sc=Tibt}ー々〆])[\p{Ll}\p{Lo}\p{Lm}\p{M}\u200c\u200d])+/gu;

/** What a target may contain that takes more than a capital letter to turn it into a title. */
const ODD_IN_TITLES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: titles have none
  /[[\]{}|<>#:%&_~\0-\x1f\x7f-\x9f\u180e\u200e\u200f\u202a-\u202e\ufffd]+|[^\S ]+/gu;

const CODE_POINTS = 0x110000;
const PLANE = 0x10000;
/** Where characters with properties are: in the first four planes, and marks from E0000 on. The rest is unassigned or private. */
const RANGES = [
  ...[0, 1, 2, 3].map((plane) => ({ first: plane * PLANE, count: PLANE })),
  { first: 0xe0000, count: 0x1000 },
];

/** All readers of a thread share this table; making it takes a tenth of a second. */
let made: Uint8Array | undefined;

/** Properties of all code points, for `NativeWikitextReader`. */
export function characterProperties(): Uint8Array {
  made ??= makeProperties();
  return made;
}

/** Opening brackets, 0, closing ones, 0, and quotation marks, which languages use in either direction. */
export function brackets(): number[] {
  const basic = charactersFrom(0, PLANE);
  const points = (pattern: RegExp): number[] =>
    Array.from(basic.matchAll(pattern), ([sign]) => sign.charCodeAt(0));
  return [...points(/\p{Ps}/gu), 0, ...points(/\p{Pe}/gu), 0, ...points(/[\p{Pi}\p{Pf}"]/gu)];
}

/** Letters that have a capital. */
export function lowercaseLetters(): string[] {
  return [0, 1].flatMap((plane) => charactersFrom(plane * PLANE, PLANE).match(/\p{CWU}/gu) ?? []);
}

function makeProperties(): Uint8Array {
  const properties = new Uint8Array(CODE_POINTS);
  properties.fill(ODD, PLANE);
  for (const { first, count } of RANGES) {
    const all = charactersFrom(first, count);
    const units = all.length / count;
    const give = (property: number, pattern: RegExp): void => {
      for (const { 0: found, index } of all.matchAll(pattern)) {
        const start = first + index / units;
        const end = start + found.length / units;
        for (let point = start; point < end; point++) properties[point]! |= property;
      }
    };
    give(WORD, /[\p{L}\p{N}]+/gu);
    give(TRAIL, TRAIL_LETTERS);
    give(SWITCH, /[\p{L}\p{M}\p{N}\p{Cf}'’-]+/gu);
    give(WIDE, /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]+/gu);
    if (first > 0) continue;
    give(BLANK, /\s+/gu);
    give(ODD, ODD_IN_TITLES);
    for (const point of changedByNfc(all)) properties[point]! |= ODD;
    for (const [mark] of all.matchAll(/\p{M}/gu)) {
      if (isMoving(mark)) properties[mark.charCodeAt(0)]! |= MOVING;
    }
  }
  return properties;
}

/**
 * Characters that Unicode NFC changes, or joins to those before them. A text without any, nor two that move in a row,
 * is in NFC (https://www.unicode.org/reports/tr15/#Detecting_Normalization_Forms).
 */
function* changedByNfc(all: string): Generator<number, void, undefined> {
  for (const { point } of changes(all, 'NFC')) yield point;
  // Parts of others: of é the accent.
  for (const { to } of changes(all, 'NFD')) {
    for (const part of to.slice(1)) yield part.charCodeAt(0);
  }
}

/** Whether a mark has a place among others: one of class 1 goes before nearly all, one of class 232 after them. */
function isMoving(mark: string): boolean {
  return [`${mark}\u0334`, `\u0315${mark}`].some((pair) => pair.normalize('NFD') !== pair);
}

/** Which characters of a text of single units a normal form changes, and what into. */
function* changes(
  all: string,
  form: 'NFC' | 'NFD',
): Generator<{ point: number; to: string }, void, undefined> {
  const size = 256;
  for (let first = 0; first < all.length; first += size) {
    const signs = all.slice(first, first + size).split('');
    const block = signs.join('\n');
    const changed = block.normalize(form);
    if (changed === block) continue;
    for (const [i, to] of changed.split('\n').entries()) {
      if (to !== signs[i]) yield { point: first + i, to };
    }
  }
}

/** So many characters in order. All are in the basic plane, or none is. */
function charactersFrom(first: number, count: number): string {
  const units = new Uint16Array(first === 0 ? count : 2 * count);
  for (let i = 0; i < count; i++) {
    if (first === 0) units[i] = i;
    else {
      units[2 * i] = 0xd7c0 + ((first + i) >> 10);
      units[2 * i + 1] = 0xdc00 | (i & 0x3ff);
    }
  }
  return Buffer.from(units.buffer).toString('ucs2');
}

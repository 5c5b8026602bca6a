// What Unicode knows of characters, for the native reader of wikitext, from one place: the engine's own tables.

/** Properties of a character; the same bits as in native/corpus/wikitext/characters.h. */
const BLANK = 1;
/** Letters and digits. */
const WORD = 2;
/** Leaves the line's start where it is, for what counts there only. */
const INDENT = 4;
/** Is no word at a line's start. */
const LINE_MARK = 8;
/** A letter that belongs to the link it follows. */
const TRAIL = 16;
/** May stand in the name of a behaviour switch, `__NOTOC__`. */
const SWITCH = 32;
/** The same between wide underscores. */
const WIDE = 64;
/** A link's target that has it may not be the title as it stands. */
const NOT_PLAIN = 128;

/**
 * Letters right after `]]` that belong to the link's text, `[[bus]]es`. MediaWiki lists them per language; nearly
 * all lists are "the small letters of the language". Scripts written without spaces have no such suffixes, so
 * only Latin ones count there.
 */
const TRAIL_LETTERS =
  /(?:(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}\p{sc=Mymr}\p{sc=Tibt}ー々〆])[\p{Ll}\p{Lo}\p{Lm}\p{M}\u200c\u200d])+/gu;

/** What needs more than a capital to become a title, and what Unicode NFC may change or join to what is before it. */
const ODD_IN_TITLES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: titles have none
  /[[\]{}|<>#:%&_~\0-\x1f\x7f-\x9f\u180e\u200e\u200f\u202a-\u202e\ufffd\p{M}\u1100-\u11ff]+|[^\S ]+/gu;

const CODE_POINTS = 0x110000;
const PLANE = 0x10000;
/** Planes with characters that have properties: the first four, and one of marks. The rest is empty or private. */
const PLANES = [0, 1, 2, 3, 14];

/** The same for all readers of a thread; made in a tenth of a second. */
let made: Uint8Array | undefined;

/** Properties of all code points, for `NativeWikitextReader`. */
export function characterProperties(): Uint8Array {
  made ??= makeProperties();
  return made;
}

/** Letters that have a capital. */
export function lowercaseLetters(): string[] {
  return [0, 1].flatMap((plane) => charactersFrom(plane * PLANE).match(/\p{CWU}/gu) ?? []);
}

function makeProperties(): Uint8Array {
  const properties = new Uint8Array(CODE_POINTS);
  properties.fill(NOT_PLAIN, PLANE);
  for (const plane of PLANES) {
    const first = plane * PLANE;
    const all = charactersFrom(first);
    const units = all.length / PLANE;
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
    if (plane > 0) continue;
    give(BLANK, /\s+/gu);
    give(INDENT, /[\s:*#;]+/gu);
    give(LINE_MARK, /[\s*#:;,、،，]+/gu);
    give(NOT_PLAIN, ODD_IN_TITLES);
    for (const point of changedByNfc(all)) properties[point]! |= NOT_PLAIN;
  }
  return properties;
}

/** Places in a text of single units that Unicode NFC changes. */
function* changedByNfc(all: string): Generator<number, void, undefined> {
  const size = 256;
  for (let first = 0; first < all.length; first += size) {
    const signs = all.slice(first, first + size).split('');
    const block = signs.join('\n');
    const composed = block.normalize('NFC');
    if (composed === block) continue;
    for (const [i, sign] of composed.split('\n').entries()) if (sign !== signs[i]) yield first + i;
  }
}

/** The characters of a plane in order, the first of them at `first`. */
function charactersFrom(first: number): string {
  const units = new Uint16Array(first === 0 ? PLANE : 2 * PLANE);
  for (let i = 0; i < PLANE; i++) {
    if (first === 0) units[i] = i;
    else {
      units[2 * i] = 0xd7c0 + ((first + i) >> 10);
      units[2 * i + 1] = 0xdc00 | (i & 0x3ff);
    }
  }
  return Buffer.from(units.buffer).toString('ucs2');
}

// Writes bzip2 files for tests from the symbols of each block, which may be any: so a test can have blocks
// at every bit, with any content, and with what looks like the beginning of a block inside. What a block
// decodes to is found here by the plainest means, apart from the decoder that is tested.

/** A block: its symbols (0 and 1 are runs, others move-to-front ranks plus one) and where its text begins. */
export interface BlockSymbols {
  /** Bytes in use: one code length fits all when this is a power of two less 2. */
  alphabet: readonly number[];
  symbols: readonly number[];
  origin: number;
}

const blockMagic = [0x314159, 0x265359] as const;
const endMagic = [0x177245, 0x385090] as const;

class BitWriter {
  readonly #bits: number[] = [];

  write(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) this.#bits.push((value >>> bit) & 1);
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    for (const [i, bit] of this.#bits.entries()) bytes[i >> 3]! |= bit << (7 - (i & 7));
    return bytes;
  }
}

function crcOf(bytes: Iterable<number>): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  }
  return ~crc >>> 0;
}

/** The last column of the sorted rotations: runs and move-to-front undone. */
function lastColumn({ alphabet, symbols }: BlockSymbols): number[] {
  const recent = [...alphabet];
  const column: number[] = [];
  let unit = 1;
  for (const symbol of symbols) {
    if (symbol <= 1) {
      for (let i = 0; i < unit << symbol; i++) column.push(recent[0]!);
      unit <<= 1;
      continue;
    }
    unit = 1;
    const [byte] = recent.splice(symbol - 1, 1) as [number];
    recent.unshift(byte);
    column.push(byte);
  }
  return column;
}

/** The bytes of a block. */
export function contentOf(block: BlockSymbols): number[] {
  const column = lastColumn(block);
  const order = Array.from(column.keys()).sort((a, b) => column[a]! - column[b]! || a - b);
  const content: number[] = [];
  let equal = 0;
  let previous = -1;
  for (let i = 0, at = order[block.origin]!; i < column.length; i++, at = order[at]!) {
    const byte = column[at]!;
    if (equal === 4) {
      for (let j = 0; j < byte; j++) content.push(previous);
      equal = 0;
      previous = -1;
      continue;
    }
    equal = byte === previous ? equal + 1 : 1;
    previous = byte;
    content.push(byte);
  }
  return content;
}

/** How many bytes, before run lengths, a block has: its origin must be less. */
export const sizeOf = (block: BlockSymbols): number => lastColumn(block).length;

function writeBlock(bits: BitWriter, block: BlockSymbols, crc: number): void {
  for (const half of blockMagic) bits.write(half, 24);
  bits.write(crc, 32);
  bits.write(0, 1);
  bits.write(block.origin, 24);
  const used = new Set(block.alphabet);
  const range = (i: number) => Array.from({ length: 16 }, (_, j) => used.has(16 * i + j));
  const flags = (values: boolean[]) => {
    for (const value of values) bits.write(+value, 1);
  };
  const ranges = Array.from({ length: 16 }, (_, i) => range(i));
  flags(ranges.map((values) => values.includes(true)));
  for (const values of ranges) if (values.includes(true)) flags(values);
  const symbols = [...block.symbols, block.alphabet.length + 1];
  const selectors = Math.ceil(symbols.length / 50);
  bits.write(2, 3);
  bits.write(selectors, 15);
  for (let i = 0; i < selectors; i++) bits.write(0, 1);
  const length = Math.ceil(Math.log2(block.alphabet.length + 2));
  for (let table = 0; table < 2; table++) {
    bits.write(length, 5);
    for (let i = 0; i < block.alphabet.length + 2; i++) bits.write(0, 1);
  }
  for (const symbol of symbols) bits.write(symbol, length);
}

/** One stream of these blocks, and what it decodes to. */
export function writeBzip2(blocks: readonly BlockSymbols[], level = 9): [Uint8Array, Uint8Array] {
  const bits = new BitWriter();
  for (const letter of `BZh${level}`) bits.write(letter.charCodeAt(0), 8);
  const content: number[][] = [];
  let streamCrc = 0;
  for (const block of blocks) {
    const bytes = contentOf(block);
    const crc = crcOf(bytes);
    writeBlock(bits, block, crc);
    content.push(bytes);
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ crc) >>> 0;
  }
  for (const half of endMagic) bits.write(half, 24);
  bits.write(streamCrc, 32);
  return [bits.bytes(), Uint8Array.from(content.flat())];
}

/**
 * A block whose code bits hold the magic of a block, beginning at bit `shift` of a 7-bit code: looked for at
 * every bit, it is found, and is none. `padding` symbols stand before and after it.
 */
export function blockWithMagic(shift: number, padding: number): BlockSymbols {
  const magic = blockMagic.map((half) => half.toString(2).padStart(24, '0')).join('');
  const text = '0000010'.slice(0, shift) + magic;
  const codes = (text.padEnd(Math.ceil(text.length / 7) * 7, '0').match(/.{7}/g) ?? []).map(
    (code) => Number.parseInt(code, 2),
  );
  const filling = Array.from({ length: padding }, (_, i) => 2 + ((i * 37) % 120));
  const alphabet = Array.from({ length: 126 }, (_, i) => i);
  return { alphabet, symbols: [...filling, ...codes, ...filling], origin: 3 };
}

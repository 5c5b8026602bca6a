// Keeps millions of titles in little memory that threads share: their bytes one after the other in blocks, and a hash
// table of numbers. A Map of strings takes ten times as much memory, and each thread needs its own copy.

/** No string crosses the end of a block, so growing never copies. */
const blockBytes = 1 << 20;
/** Longer ones are refused; MediaWiki's titles have at most 255 bytes. */
const maxBytes = 0xffff;

/** What threads share; may be posted to a worker. */
export interface SharedStrings {
  blocks: SharedArrayBuffer[];
  /** By string: place of its first byte, counted through all blocks. */
  places: Float64Array;
  lengths: Uint16Array;
  /** Number of a string plus one by hash, 0 where there is none; a power of two. */
  slots: Int32Array;
}

/** A typed array in memory that threads share. */
export function shared<T extends Int32Array | Uint16Array | Float64Array>(
  array: T,
  length: number,
): T {
  const buffer = new SharedArrayBuffer(Math.max(1, length) * array.BYTES_PER_ELEMENT);
  const copy = new (array.constructor as new (buffer: SharedArrayBuffer) => T)(buffer);
  copy.set(array.subarray(0, length));
  return copy;
}

/** The same array, or a copy of twice the length with room for `length` elements. */
export function grown<T extends Int32Array | Uint16Array | Float64Array>(
  array: T,
  length: number,
): T {
  if (length <= array.length) return array;
  const size = Math.max(length, 2 * array.length);
  const copy = new (array.constructor as new (length: number) => T)(size);
  copy.set(array);
  return copy;
}

/** Strings by number, in UTF-8. */
class StringStore {
  readonly #blocks: Buffer[];
  protected readonly scratch = Buffer.alloc(maxBytes + 4);
  protected hash = 0;

  constructor(blocks: readonly SharedArrayBuffer[]) {
    this.#blocks = blocks.map((block) => Buffer.from(block));
  }

  protected addBlock(block: SharedArrayBuffer): void {
    this.#blocks.push(Buffer.from(block));
  }

  protected textAt(place: number, length: number): string {
    const from = place % blockBytes;
    return this.#blocks[Math.floor(place / blockBytes)]!.toString('utf8', from, from + length);
  }

  protected write(place: number, length: number): void {
    const from = place % blockBytes;
    this.#blocks[Math.floor(place / blockBytes)]!.set(this.scratch.subarray(0, length), from);
  }

  protected equals(place: number, length: number): boolean {
    const block = this.#blocks[Math.floor(place / blockBytes)]!;
    const from = place % blockBytes;
    for (let i = 0; i < length; i++) if (block[from + i] !== this.scratch[i]) return false;
    return true;
  }

  /** Puts the string's bytes into `scratch` and its hash into `hash`; returns the number of bytes, -1 if too many. */
  protected encode(text: string): number {
    const { scratch } = this;
    if (text.length > maxBytes / 3) return -1;
    let length = 0;
    let hash = 0;
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code >= 0xd800 && code < 0xdc00 && i + 1 < text.length) code = text.codePointAt(i)!;
      hash = Math.imul(hash ^ code, 0x9e3779b1);
      hash ^= hash >>> 15;
      if (code < 0x80) scratch[length++] = code;
      else if (code < 0x800) {
        scratch[length++] = 0xc0 | (code >> 6);
        scratch[length++] = 0x80 | (code & 63);
      } else if (code < 0x10000) {
        scratch[length++] = 0xe0 | (code >> 12);
        scratch[length++] = 0x80 | ((code >> 6) & 63);
        scratch[length++] = 0x80 | (code & 63);
      } else {
        i++;
        scratch[length++] = 0xf0 | (code >> 18);
        scratch[length++] = 0x80 | ((code >> 12) & 63);
        scratch[length++] = 0x80 | ((code >> 6) & 63);
        scratch[length++] = 0x80 | (code & 63);
      }
    }
    this.hash = Math.imul(hash, 0x85ebca6b) >>> 0;
    return length;
  }
}

/** A finished table; any thread may look strings up. */
export class StringTable extends StringStore {
  readonly #shared: SharedStrings;

  constructor(strings: SharedStrings) {
    super(strings.blocks);
    this.#shared = strings;
  }

  /** The number of a string, or -1. */
  find(text: string): number {
    const length = this.encode(text);
    if (length < 0) return -1;
    const { slots, lengths, places } = this.#shared;
    const mask = slots.length - 1;
    for (let slot = this.hash & mask; ; slot = (slot + 1) & mask) {
      const id = slots[slot]! - 1;
      if (id < 0) return -1;
      if (lengths[id] === length && this.equals(places[id]!, length)) return id;
    }
  }

  get(id: number): string {
    return this.textAt(this.#shared.places[id]!, this.#shared.lengths[id]!);
  }
}

/** A table that grows. */
export class StringTableBuilder extends StringStore {
  readonly #blocks: SharedArrayBuffer[] = [];
  #places = new Float64Array(1024);
  #lengths = new Uint16Array(1024);
  #slots = new Int32Array(4096);
  #next = 0;
  #count = 0;

  constructor() {
    super([]);
  }

  get size(): number {
    return this.#count;
  }

  /** The number of a string, which is added if it is not there; -1 if it is longer than any title. */
  intern(text: string): number {
    const length = this.encode(text);
    if (length < 0) return -1;
    const mask = this.#slots.length - 1;
    let slot = this.hash & mask;
    for (; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]! - 1;
      if (id < 0) break;
      if (this.#lengths[id] === length && this.equals(this.#places[id]!, length)) return id;
    }
    const id = this.#append(length);
    this.#slots[slot] = id + 1;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return id;
  }

  /** Adds a string that is looked up by number only; -1 if it is too long. */
  append(text: string): number {
    const length = this.encode(text);
    return length < 0 ? -1 : this.#append(length);
  }

  get(id: number): string {
    return this.textAt(this.#places[id]!, this.#lengths[id]!);
  }

  share(): SharedStrings {
    return {
      blocks: this.#blocks,
      places: shared(this.#places, this.#count),
      lengths: shared(this.#lengths, this.#count),
      slots: shared(this.#slots, this.#slots.length),
    };
  }

  #append(length: number): number {
    if (this.#blocks.length * blockBytes - this.#next < Math.max(1, length)) {
      this.#next = this.#blocks.length * blockBytes;
      const block = new SharedArrayBuffer(blockBytes);
      this.#blocks.push(block);
      this.addBlock(block);
    }
    const id = this.#count++;
    this.#places = grown(this.#places, this.#count);
    this.#lengths = grown(this.#lengths, this.#count);
    this.#places[id] = this.#next;
    this.#lengths[id] = length;
    this.write(this.#next, length);
    this.#next += length;
    return id;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (const entry of this.#slots) {
      if (entry === 0) continue;
      this.encode(this.get(entry - 1));
      let slot = this.hash & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry;
    }
    this.#slots = slots;
  }
}

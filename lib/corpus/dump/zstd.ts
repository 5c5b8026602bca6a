// Decodes zstd (RFC 8878), which Node 20 cannot. A decoder in WebAssembly does the work. It gets a file block by block,
// as the frames are walked here: so memory does not grow with a frame, frames may follow each other, and what is cut
// off, damaged or too large for memory is named with its place. A thread of its own decodes all but small files, since
// this one hands out the pieces that others wait for.
import type { ZSTDDecoder } from 'zstddec/stream';
import { LeiaError } from '../../system/error.ts';
import { WorkerPool } from '../../system/worker-pool.ts';

const MAGIC = 0xfd2fb528;
/** Sixteen of these begin frames that hold no data, such as the tables of contents that pzstd writes. */
const SKIPPABLE = 0x184d2a50;
/** Of decoded bytes. */
const largestBlock = 1 << 17;
/** Decoded bytes that a frame may refer back to. The zstd program refuses more, too, unless told otherwise. */
const largestWindow = 1 << 27;

const littleEndian = (bytes: Uint8Array): number =>
  bytes.reduceRight((value, byte) => value * 256 + byte, 0);

/** Whether a file that begins with these bytes is zstd. */
export function isZstd(first: Uint8Array): boolean {
  return first.length >= 4 && isMagic(littleEndian(first.subarray(0, 4)));
}

function isMagic(number: number): boolean {
  return number === MAGIC || isSkippable(number);
}

function isSkippable(number: number): boolean {
  return number - (number % 16) === SKIPPABLE;
}

function damaged(what: string): LeiaError {
  return new LeiaError('format', `${what}; download it again`);
}

/** Parts of a known length out of pieces of any length. */
class Parts {
  /** In the file. */
  position = 0;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Whether anything is left. */
  async more(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#pieces.next();
      if (done) return false;
      this.#rest = value;
    }
    return true;
  }

  /** The next bytes, in memory of their own. */
  async take(length: number): Promise<Uint8Array> {
    const part = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      const next = await this.#upTo(length - filled);
      part.set(next, filled);
      filled += next.length;
    }
    return part;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.#upTo(left)).length;
  }

  async #upTo(length: number): Promise<Uint8Array> {
    if (!(await this.more())) throw damaged(`the zstd data is cut off at byte ${this.position}`);
    const next = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(next.length);
    this.position += next.length;
    return next;
  }
}

/** The frames' headers, blocks and checksums, one after the other, without what holds no data. */
async function* zstdParts(parts: Parts): AsyncGenerator<Uint8Array, void, undefined> {
  while (await parts.more()) {
    const start = parts.position;
    const magic = await parts.take(4);
    const number = littleEndian(magic);
    if (isSkippable(number)) {
      await parts.skip(littleEndian(await parts.take(4)));
      continue;
    }
    if (number !== MAGIC) throw damaged(`expected a zstd frame at byte ${start}, got other data`);
    const { header, hasChecksum } = await frameHeader(parts, start);
    yield Buffer.concat([magic, header]);
    yield* blocks(parts);
    if (hasChecksum) yield await parts.take(4);
  }
}

/** The rest of a frame's header, checked. */
async function frameHeader(
  parts: Parts,
  start: number,
): Promise<{ header: Uint8Array; hasChecksum: boolean }> {
  const first = await parts.take(1);
  const [descriptor] = first as unknown as [number];
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const contentBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  if ((descriptor & 8) !== 0) throw damaged(`damaged header of the zstd frame at byte ${start}`);
  const windowByte = await parts.take(isSingleSegment ? 0 : 1);
  const dictionary = await parts.take(dictionaryBytes);
  const content = await parts.take(contentBytes);
  if (littleEndian(dictionary) !== 0) {
    throw new LeiaError(
      'format',
      `the zstd frame at byte ${start} needs dictionary ${littleEndian(dictionary)}; unpack it with the zstd program and that dictionary`,
    );
  }
  const window = isSingleSegment ? littleEndian(content) : windowOf(windowByte[0]!);
  if (window > largestWindow) {
    throw new LeiaError(
      'format',
      `the zstd frame at byte ${start} needs ${Math.ceil(window / 2 ** 20)} MiB of memory to unpack, more than the ${largestWindow / 2 ** 20} that are given; pack it anew: zstd -d --long=31 | zstd`,
    );
  }
  const header = Buffer.concat([first, windowByte, dictionary, content]);
  return { header, hasChecksum: (descriptor & 4) !== 0 };
}

/** Its upper five bits are an exponent, the others eighths. */
function windowOf(byte: number): number {
  return 2 ** (10 + (byte >> 3)) * (1 + (byte & 7) / 8);
}

async function* blocks(parts: Parts): AsyncGenerator<Uint8Array, void, undefined> {
  for (let isLast = false; !isLast; ) {
    const start = parts.position;
    const header = await parts.take(3);
    const bits = littleEndian(header);
    isLast = (bits & 1) === 1;
    const kind = (bits >> 1) & 3;
    const size = bits >> 3;
    if (kind === 3 || size > largestBlock) {
      throw damaged(`damaged zstd block at byte ${start}`);
    }
    const content = await parts.take(kind === 1 ? 1 : size); // kind 1 is one byte, repeated
    yield Buffer.concat([header, content]);
  }
}

/** The decoder, which takes a part and gives what that decodes to. */
class PartDecoder {
  readonly #output: Generator<Uint8Array>;
  #part: Uint8Array | undefined;

  constructor(decoder: ZSTDDecoder) {
    this.#output = decoder.decodeStreaming(this.#parts());
  }

  *#parts(): Generator<Uint8Array, void, undefined> {
    for (let part = this.#part; part !== undefined; part = this.#part) {
      this.#part = undefined;
      yield part;
    }
  }

  /** Undefined if there is an error in the part before. */
  decode(part: Uint8Array): Uint8Array | undefined {
    this.#part = part;
    const { value } = this.#output.next();
    // The decoder does not say that it failed: it stays with the part that it cannot decode.
    return this.#part === undefined ? (value as Uint8Array) : undefined;
  }

  /** Gives its memory back. False if there is an error in the last part: then it is stuck there, and keeps it. */
  end(): boolean {
    this.#part = undefined;
    try {
      return this.#output.next().done === true;
    } catch {
      return true; // it says that a frame is not complete; whoever stops early knows
    }
  }
}

/** Parts of a file in a row, to be decoded together. */
export interface ZstdParts {
  /** One behind the other. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Of each, where it ends in these bytes, and where it begins in the file. */
  ends: number[];
  places: number[];
  isLast: boolean;
}

/** So many parts decode to a little more than 1 MiB at most. */
const partsTogether = 8;

async function* partsOf(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<ZstdParts, void, undefined> {
  const parts = new Parts(pieces);
  let [together, places]: [Uint8Array[], number[]] = [[], []];
  const joined = (isLast: boolean): ZstdParts => {
    let length = 0;
    const ends = together.map((part) => (length += part.length));
    // Not in memory that other buffers share, which could not move to another thread.
    const bytes = new Uint8Array(length);
    for (const [i, part] of together.entries()) bytes.set(part, ends[i]! - part.length);
    const result = { bytes, ends, places, isLast };
    [together, places] = [[], []];
    return result;
  };
  for await (const part of zstdParts(parts)) {
    if (together.length === partsTogether) yield joined(false);
    together.push(part);
    places.push(parts.position - part.length);
  }
  yield joined(true);
}

/** Decodes all parts of a file in turn. */
export class ZstdUnpacker {
  readonly #decoder: PartDecoder;
  /** Where the part before begins. */
  #before = 0;

  private constructor(decoder: ZSTDDecoder) {
    this.#decoder = new PartDecoder(decoder);
  }

  static async create(): Promise<ZstdUnpacker> {
    const { ZSTDDecoder } = await import('zstddec/stream');
    const decoder = new ZSTDDecoder();
    await decoder.init();
    return new ZstdUnpacker(decoder);
  }

  /** What the parts decode to, in memory of its own. Throws `format` if they are damaged. */
  unpack({ bytes, ends, places, isLast }: ZstdParts): Uint8Array<ArrayBuffer> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (const [i, end] of ends.entries()) {
      const piece = this.#decoder.decode(bytes.subarray(ends[i - 1] ?? 0, end));
      if (piece === undefined) throw this.#stuck();
      this.#before = places[i]!;
      pieces.push(piece);
      length += piece.length;
    }
    const result = new Uint8Array(length);
    let filled = 0;
    for (const piece of pieces) {
      result.set(piece, filled);
      filled += piece.length;
    }
    if (isLast && !this.#decoder.end()) throw this.#stuck();
    return result;
  }

  /** Gives its memory back, before the last part too. */
  close(): void {
    this.#decoder.end();
  }

  #stuck(): LeiaError {
    return damaged(`damaged zstd data at byte ${this.#before} or a little later`);
  }
}

/** Files of at most so many pieces are decoded here: a thread would take longer to start. */
const fewPieces = 4;

/**
 * Decoded pieces of zstd.
 *
 * @throws LeiaError `format` naming the byte of the file: cut off, damaged, a dictionary or more memory needed.
 */
export async function* decodeZstd(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const parts = partsOf(pieces);
  const first: ZstdParts[] = [];
  while (first.length < fewPieces && !first.at(-1)?.isLast) {
    const { value, done } = await parts.next();
    if (!done) first.push(value);
  }
  const decoded = first.at(-1)?.isLast ? decodeHere(first) : decodeInThread(first, parts);
  for await (const piece of decoded) if (piece.length > 0) yield piece;
}

async function* decodeHere(all: readonly ZstdParts[]): AsyncGenerator<Uint8Array, void, undefined> {
  const unpacker = await ZstdUnpacker.create();
  try {
    for (const parts of all) yield unpacker.unpack(parts);
  } finally {
    unpacker.close();
  }
}

async function* decodeInThread(
  first: readonly ZstdParts[],
  rest: AsyncIterable<ZstdParts>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const script = import.meta.url.endsWith('.ts') ? 'zstd-worker.ts' : 'zstd-worker.js';
  const where = (parts: unknown) => `the zstd data at byte ${(parts as ZstdParts).places[0]}`;
  const pool = new WorkerPool({ script: new URL(script, import.meta.url), workers: 1, where });
  const all = async function* (): AsyncGenerator<ZstdParts, void, undefined> {
    yield* first;
    yield* rest;
  };
  try {
    yield* pool.map<ZstdParts, Uint8Array>(undefined, all(), {
      transfer: ({ bytes }) => [bytes.buffer],
    });
  } finally {
    await pool.close();
  }
}

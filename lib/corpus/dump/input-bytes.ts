// Gives the bytes of a dump, decompressed if the file begins like bzip2, gzip or zstd (whatever its name). While the
// caller works on a piece of bzip2, other threads decode the next ones. `-` is standard input.
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { addon } from '../../core/addon.ts';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import type { DumpAddon } from './native.ts';
import { decodeZstd, isZstd } from './zstd.ts';

/** How many compressed bytes are read at a time, and how many decoded bytes are passed on at a time. */
const READ_SIZE = 4 << 20;
const PIECE_SIZE = 1 << 20;

const NO_BYTES = new Uint8Array(0);

/** What stands for standard input where a file is expected. */
export const standardInput = '-';

/** What an input is called in messages: the file's name without its folder. */
export function inputName(path: string): string {
  return path === standardInput ? 'standard input' : basename(path);
}

/** Where bytes come from: fills a part of a buffer, and says how much of it; nothing at the end. */
interface ByteReader {
  read(buffer: Uint8Array, offset: number, length: number): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

/** Standard input, which may be a file, a pipe, a terminal or a socket. */
class StandardInput implements ByteReader {
  readonly #chunks = process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  #rest: Uint8Array = NO_BYTES;

  async read(buffer: Uint8Array, offset: number, length: number): Promise<{ bytesRead: number }> {
    if (this.#rest.length === 0) {
      const { value, done } = await this.#chunks.next();
      if (!done) this.#rest = value;
    }
    const taken = this.#rest.subarray(0, length);
    buffer.set(taken, offset);
    this.#rest = this.#rest.subarray(taken.length);
    return { bytesRead: taken.length };
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** A file read from its beginning, piece by piece. */
class Source {
  readonly path: string;
  readonly #file: ByteReader;
  readonly #onRead: ((bytes: number) => void) | undefined;
  #position = 0;

  constructor(path: string, file: ByteReader, onRead: ((bytes: number) => void) | undefined) {
    this.path = path;
    this.#file = file;
    this.#onRead = onRead;
  }

  /** How many bytes have been read. */
  get position(): number {
    return this.#position;
  }

  /** Fills `buffer` with the next bytes; at the end of the file there may be fewer. */
  async next(buffer: Uint8Array = new Uint8Array(READ_SIZE)): Promise<Uint8Array> {
    let filled = 0;
    try {
      while (filled < buffer.length) {
        const { bytesRead } = await this.#file.read(buffer, filled, buffer.length - filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      throw fileError('read', this.path, error);
    }
    this.#position += filled;
    this.#onRead?.(this.#position);
    return buffer.subarray(0, filled);
  }

  /** `first`, then the rest of the file. With a `buffer`, a piece is valid until the next one is asked for. */
  async *from(first: Uint8Array, buffer?: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    for (let bytes = first; bytes.length > 0; bytes = await this.next(buffer)) yield bytes;
  }
}

/** Decoded pieces of bzip2, while the next is being decoded; each is valid until the next one is asked for. */
async function* decodeBzip2(
  first: Uint8Array,
  source: Source,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new (addon<DumpAddon>().NativeBzip2Decoder)(availableParallelism());
  let input = first;
  let last = input.length < READ_SIZE;
  // The decoder copies what it is given, so one buffer does.
  const buffer = new Uint8Array(READ_SIZE);
  // One is being used while the other is filled.
  const outputs = [new Uint8Array(PIECE_SIZE), new Uint8Array(PIECE_SIZE)] as const;
  let turn = 0;
  let more = true;
  const next = async (): Promise<Uint8Array | undefined> => {
    while (more || !last) {
      if (!more) {
        input = await source.next(buffer);
        last = input.length < READ_SIZE;
      }
      const output = outputs[turn & 1]!;
      const length = await decoder.decode(input, last, output);
      input = NO_BYTES;
      more = length === output.length;
      if (length === 0) continue;
      turn++;
      return output.subarray(0, length);
    }
    return undefined;
  };
  const start = (): ReturnType<typeof next> => {
    const coming = next();
    coming.catch(() => {}); // it is thrown where it is awaited, which may be much later
    return coming;
  };
  let coming = start();
  try {
    for (let piece = await coming; piece; piece = await coming) {
      coming = start();
      yield piece;
    }
  } finally {
    // The file must not be closed under a read that is still going on.
    await coming.catch(() => {});
  }
}

async function* decodeGzip(
  first: Uint8Array,
  source: Source,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: PIECE_SIZE });
  const unpacked = pipeline(source.from(first), gunzip, () => {});
  try {
    for await (const piece of unpacked) yield piece as Uint8Array;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (!code.startsWith('Z_')) throw cause;
    // zlib says how far it was after whole pieces only.
    const what =
      code === 'Z_BUF_ERROR'
        ? `the gzip data is cut off at byte ${source.position}; download it again`
        : `damaged gzip after byte ${gunzip.bytesWritten}: ${(cause as Error).message}`;
    throw new LeiaError('format', what, { cause });
  }
}

function decoded(first: Uint8Array, source: Source): AsyncGenerator<Uint8Array, void, undefined> {
  const [a, b, c] = first;
  if (a === 0x42 && b === 0x5a && c === 0x68) return decodeBzip2(first, source);
  if (a === 0x1f && b === 0x8b) return decodeGzip(first, source);
  const content = source.from(first, new Uint8Array(READ_SIZE));
  return isZstd(first) ? decodeZstd(content) : content;
}

/**
 * Pieces of the file's content in order; each is valid until the next one is asked for. `onRead` is called with the
 * number of bytes of the file that have been read.
 * Throws `io`, or `format` for damaged compression.
 */
export async function* inputBytes(
  path: string,
  onRead?: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let file: ByteReader;
  try {
    file = path === standardInput ? new StandardInput() : await open(path);
  } catch (error) {
    throw fileError('open', path, error);
  }
  try {
    const source = new Source(path, file, onRead);
    yield* decoded(await source.next(), source);
  } catch (cause) {
    // A decoder does not know the file's name.
    if (!(cause instanceof LeiaError) || cause.code === 'io') throw cause;
    throw new LeiaError(cause.code, `${inputName(path)}: ${cause.message}`, { cause });
  } finally {
    await file.close();
  }
}

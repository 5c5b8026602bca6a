// The bytes of a dump's XML, decompressed if the file begins like bzip2 (whatever its name). The next
// piece is being decoded on another thread while the caller works on this one.
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { addon } from '../core/addon.ts';
import { LeiaError } from '../core/error.ts';

/** Compressed bytes read at a time, and decoded bytes handed on at a time. */
const READ_SIZE = 4 << 20;
const PIECE_SIZE = 1 << 20;

const NO_BYTES = new Uint8Array(0);

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'no permission' : code;
    throw new LeiaError('io', `cannot open the dump ${path}: ${reason}`, { cause });
  }
}

/** The next bytes of a file, fewer than asked for only at its end. */
async function readFully(file: FileHandle, path: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(READ_SIZE);
  let filled = 0;
  try {
    while (filled < READ_SIZE) {
      const { bytesRead } = await file.read(buffer, filled, READ_SIZE - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'EISDIR' ? 'it is a folder, expected a file' : code;
    throw new LeiaError('io', `cannot read the dump ${path}: ${reason}`, { cause });
  }
  return buffer.subarray(0, filled);
}

/** Decoded pieces, the next one always under way. */
async function* decompress(
  first: Uint8Array,
  file: FileHandle,
  path: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new (addon().NativeBzip2Decoder)();
  let input = first;
  let last = input.length < READ_SIZE;
  let more = true;
  const next = async (): Promise<Uint8Array | undefined> => {
    try {
      while (more || !last) {
        if (!more) {
          input = await readFully(file, path);
          last = input.length < READ_SIZE;
        }
        const decoded = await decoder.decode(input, last, PIECE_SIZE);
        input = NO_BYTES;
        more = decoded.more;
        if (decoded.bytes.length > 0) return decoded.bytes;
      }
      return undefined;
    } catch (cause) {
      if (!(cause instanceof LeiaError) || cause.code === 'io') throw cause;
      throw new LeiaError(cause.code, `${basename(path)}: ${cause.message}`, { cause });
    }
  };
  const start = (): ReturnType<typeof next> => {
    const coming = next();
    coming.catch(() => {}); // thrown when it is awaited, even if that is much later
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

/** Pieces of the file's content in order. Throws `io`, or `format` for damaged bzip2 data. */
export async function* dumpBytes(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openFile(path);
  try {
    const first = await readFully(file, path);
    const compressed = first[0] === 0x42 && first[1] === 0x5a && first[2] === 0x68; // BZh
    if (compressed) {
      yield* decompress(first, file, path);
      return;
    }
    for (let bytes = first; bytes.length > 0; bytes = await readFully(file, path)) yield bytes;
  } finally {
    await file.close();
  }
}

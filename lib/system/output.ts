// The file that a person names as an output, whatever stands at that path. A file appears when it is whole and replaces
// the one before; behind a link, the file that the link names is replaced and the link stays. A device or a pipe is
// written to as the data come, and `-` is standard output. An input is never replaced.
import { constants, fstatSync, type Stats } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { LeiaError } from './error.ts';
import { checkWritable, fileError, removeTemporaries, writeFileAtomically } from './files.ts';
import { type LockOptions, lockFile } from './lock.ts';

export interface OutputOptions extends LockOptions {
  /** Files that are read for this output; `-` is standard input. */
  readonly inputs?: readonly string[];
}

/** Content in order. Each piece must be valid until the next one is asked for. */
export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** What a path leads to: a file to be replaced, a device or pipe to be written to, or standard output. */
interface Target {
  readonly kind: 'file' | 'stream' | 'stdout';
  readonly path: string;
}

/** A folder is not asked for, so the person may have meant standard output. */
export const standardOutput = '-';

/** Paths that name an open file of a process: nothing may take its place. */
const descriptor = /^\/dev\/(?:fd\/\d+|stdout|stderr)$|^\/proc\/(?:self|\d+)\/fd\/\d+$/;
/** The kernel follows no more links than this. */
const mostLinks = 40;
/** Between two looks at whether somebody reads a pipe, in milliseconds. */
const readerInterval = 50;

/**
 * Writes an output. What its name ends in says how it is packed: `.gz`, `.zst`, or not at all.
 *
 * @throws LeiaError `usage` if it is one of the inputs, or if another process writes it; `io`; what `pieces` throws.
 */
export async function writeOutput(
  path: string,
  pieces: Pieces,
  { inputs = [], ...options }: OutputOptions = {},
): Promise<void> {
  const target = await targetOf(path);
  await refuseInputs(path, inputs);
  const packed = packedFor(target.path, pieces);
  if (target.kind === 'stdout') await writeToStdout(packed);
  else if (target.kind === 'stream') await writeToStream(target.path, packed);
  else await replaceFile(target.path, packed, options);
}

/**
 * Checks that an output can be written, for work that takes long before it writes.
 *
 * @throws LeiaError `usage` if it is one of the inputs; `io`
 */
export async function checkOutput(path: string, inputs: readonly string[] = []): Promise<void> {
  const target = await targetOf(path);
  await refuseInputs(path, inputs);
  if (target.kind === 'file') await checkWritable(target.path);
}

/** Whether an output goes where the program also prints what it has to say. */
export async function isStandardOutput(path: string): Promise<boolean> {
  return (await targetOf(path)).kind === 'stdout';
}

/** Whether a path names a file, which is there or not, and neither a folder nor a device, a pipe or an open file. */
export async function isFileName(path: string): Promise<boolean> {
  return (await targetOf(path)).kind === 'file';
}

async function targetOf(path: string, links = 0): Promise<Target> {
  if (path === standardOutput) return { kind: 'stdout', path };
  try {
    const found = await statOrNothing(path);
    if (found === undefined) {
      const linked = await readlink(path).catch(() => undefined);
      if (linked === undefined || links === mostLinks) return { kind: 'file', path: named(path) };
      return await targetOf(resolve(dirname(path), linked), links + 1);
    }
    if (found.isDirectory()) throw isFolder(path);
    const stdout = standardFile(1);
    if (stdout !== undefined && isSame(found, stdout)) return { kind: 'stdout', path };
    if (!found.isFile() || descriptor.test(path)) return { kind: 'stream', path };
    return { kind: 'file', path: await realpath(path) };
  } catch (error) {
    throw fileError('write', path, error);
  }
}

/** A path where nothing is yet. */
function named(path: string): string {
  if (path.endsWith('/')) throw isFolder(path);
  return path;
}

function isFolder(path: string): LeiaError {
  return new LeiaError('io', `cannot write ${path}: it is a folder`);
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What standard input (0) or output (1) is, unless it is closed. */
function standardFile(number: 0 | 1): Stats | undefined {
  try {
    return fstatSync(number);
  } catch {
    return undefined;
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** A device may be both, such as a terminal; a file would be lost. */
async function refuseInputs(path: string, inputs: readonly string[]): Promise<void> {
  const output =
    path === standardOutput ? standardFile(1) : await stat(path).catch(() => undefined);
  if (!output?.isFile()) return;
  for (const input of inputs) {
    const read = input === '-' ? standardFile(0) : await stat(input).catch(() => undefined);
    if (read === undefined || !isSame(read, output)) continue;
    throw new LeiaError(
      'usage',
      `${path} is read as input (${input}), so it cannot be the output; write to another file`,
    );
  }
}

async function replaceFile(path: string, pieces: Pieces, options: LockOptions): Promise<void> {
  await using _ = await lockFile(path, options);
  await removeTemporaries(dirname(path), (name) => name === basename(path));
  await writeFileAtomically(path, async (handle) => {
    for await (const piece of pieces) await handle.writeFile(piece);
  });
}

async function writeToStdout(pieces: Pieces): Promise<void> {
  for await (const piece of pieces) {
    // A failure is an event of the stream, which the program answers.
    await new Promise<void>((done) => process.stdout.write(piece, () => done()));
  }
}

async function writeToStream(path: string, pieces: Pieces): Promise<void> {
  const handle = await openStream(path).catch((error) => {
    throw fileError('write', path, error);
  });
  try {
    for await (const piece of pieces) {
      try {
        await handle.writeFile(piece);
      } catch (error) {
        throw fileError('write', path, error);
      }
    }
  } finally {
    await handle.close();
  }
}

/**
 * Opens a device or pipe. To open a pipe that nobody reads yet would block a thread until somebody does, and the program
 * could not even be ended; so it looks whether there is a reader.
 */
async function openStream(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_APPEND, O_NONBLOCK } = constants;
  const isPipe = (await stat(path)).isFIFO();
  while (isPipe) {
    try {
      await using _ = await open(path, O_WRONLY | O_NONBLOCK);
      return await open(path, O_WRONLY | O_APPEND);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENXIO')) throw error;
      await setTimeout(readerInterval);
    }
  }
  return await open(path, O_WRONLY | O_APPEND);
}

/** What a name ends in where the output is packed, and how. */
const packings = { '.gz': packGzip, '.zst': packZstd } as const;

/** An output's content as its name says that it is packed. */
export function packedFor(path: string, pieces: Pieces): Pieces {
  for (const [ending, pack] of Object.entries(packings)) {
    if (path.endsWith(ending)) return pack(pieces);
  }
  return pieces;
}

/** Each piece is packed by itself: a file of several gzip members unpacks to all of them joined. */
function packGzip(pieces: Pieces): Pieces {
  return packed(pieces, promisify<Uint8Array, Uint8Array>(gzip));
}

/** So much goes into a frame of zstd: as with gzip, frames unpack to all of them joined. */
const frameBytes = 1 << 20;

async function* packZstd(pieces: Pieces): AsyncGenerator<Uint8Array, void, undefined> {
  const compress = await zstd();
  yield* packed(gathered(pieces, frameBytes), async (piece) => compress(piece));
}

let loading: Promise<(piece: Uint8Array) => Uint8Array> | undefined;

/** Node 20 has no zstd. The package may be started only once: the next start would take the memory from the first. */
function zstd(): NonNullable<typeof loading> {
  loading ??= import('@bokuweb/zstd-wasm').then(async ({ compress, init }) => {
    await init();
    return compress;
  });
  return loading;
}

/** Longer pieces, of at least so many bytes but for the last. */
async function* gathered(
  pieces: Pieces,
  least: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    parts.push(Uint8Array.from(piece)); // it is valid until the next one is asked for
    length += piece.length;
    if (length < least) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts);
}

async function* packed(
  pieces: Pieces,
  pack: (piece: Uint8Array) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let empty = true;
  for await (const piece of pieces) {
    yield await pack(piece);
    empty = false;
  }
  if (empty) yield await pack(new Uint8Array(0));
}

// An output in several files, each of whole lines up to a size. All of them are written under temporary names and get
// their own when the last is complete: NAME-00000-of-00012.jsonl. So names sort, an interrupted run leaves no shard, and
// of a set that was being renamed when the power failed, the names tell that some are missing.
import { readdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LeiaError } from './error.ts';
import { fileError, removeTemporaries, StagedFile, syncFolder } from './files.ts';
import { lockFile } from './lock.ts';
import { isFileName, type OutputOptions, type Pieces, packedFor } from './output.ts';

const LINE_END = 0x0a;
const NO_BYTES = new Uint8Array(0);

export interface ShardOptions extends OutputOptions {
  /** Most bytes of a shard, before it is packed; a line that is longer is a shard of its own. */
  readonly shardBytes: number;
}

/**
 * Writes lines as shards that are named after `path`, and removes those of an earlier run. `lines` are pieces of whole
 * lines. Returns the shards' paths.
 *
 * @throws LeiaError `usage` if `path` is no file's name, if a shard would replace an input, or if another process
 *   writes there; `io`; what `lines` throws.
 */
export async function writeShards(
  path: string,
  lines: Pieces,
  { shardBytes, inputs = [], ...options }: ShardOptions,
): Promise<string[]> {
  if (!(await isFileName(path))) {
    throw new LeiaError(
      'usage',
      `shards are files that are named after the output, so it must be a file's name; got ${path}`,
    );
  }
  const names = new ShardNames(path);
  for (const input of inputs) await refuseInput(names, input);
  await using _ = await lockFile(path, options);
  await removeTemporaries(names.folder, (name) => names.isShard(name));
  const staged: StagedFile[] = [];
  try {
    for await (const shard of shardsOf(lines, shardBytes)) {
      const file = await StagedFile.create(names.of(staged.length));
      staged.push(file);
      for await (const piece of packedFor(path, shard)) await file.append(piece);
      await file.flush();
    }
    await removeShards(names);
    const paths = staged.map((_, number) => names.of(number, staged.length));
    for (const [number, file] of staged.entries()) await file.commit(paths[number]);
    await syncFolder(names.folder);
    return paths;
  } finally {
    for (const file of staged) await file.discard();
  }
}

/** What the shards of an output are called. */
class ShardNames {
  readonly folder: string;
  readonly #stem: string;
  readonly #ending: string;

  /** Of `el.jsonl.gz`, what follows the first dot but one at the beginning is the ending. */
  constructor(path: string) {
    this.folder = dirname(path);
    const [, stem = '', ending = ''] = /^(\.?[^.]*)(.*)$/s.exec(basename(path)) ?? [];
    this.#stem = stem;
    this.#ending = ending;
  }

  /** Without a count it is no shard's final name. */
  of(number: number, count?: number): string {
    const of = count === undefined ? '' : `-of-${digits(count)}`;
    return join(this.folder, `${this.#stem}-${digits(number)}${of}${this.#ending}`);
  }

  /** Whether a file in the folder is a shard of this output, or will become one. */
  isShard(name: string): boolean {
    const { length } = this.#stem;
    if (!name.startsWith(this.#stem) || !name.endsWith(this.#ending)) return false;
    return /^-\d{5,}(?:-of-\d{5,})?$/.test(name.slice(length, name.length - this.#ending.length));
  }
}

function digits(number: number): string {
  return String(number).padStart(5, '0');
}

async function refuseInput(names: ShardNames, input: string): Promise<void> {
  if (!names.isShard(basename(input))) return;
  const there = await realpath(dirname(input)).catch(() => undefined);
  if (there !== (await realpath(names.folder).catch(() => undefined))) return;
  throw new LeiaError(
    'usage',
    `${input} is read as input and has the name of a shard of the output; give the output another name`,
  );
}

async function removeShards(names: ShardNames): Promise<void> {
  try {
    for (const name of await readdir(names.folder)) {
      if (names.isShard(name)) await rm(join(names.folder, name));
    }
  } catch (error) {
    throw fileError('clear', names.folder, error);
  }
}

/** The lines of each shard, to be read before the next shard is asked for. */
async function* shardsOf(
  lines: Pieces,
  most: number,
): AsyncGenerator<AsyncGenerator<Uint8Array, void, undefined>, void, undefined> {
  const source = each(lines);
  let rest: Uint8Array = NO_BYTES;
  const more = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const { value, done } = await source.next();
      if (done) return false;
      rest = value;
    }
    return true;
  };
  async function* shard(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let room = most; await more(); ) {
      const length = wholeLines(rest, room) || (room === most ? firstLine(rest) : 0);
      if (length === 0) return;
      const taken = rest.subarray(0, length);
      rest = rest.subarray(length);
      room -= length;
      yield taken;
    }
  }
  try {
    while (await more()) yield shard();
  } finally {
    await source.return();
  }
}

async function* each(pieces: Pieces): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces;
}

/** How many bytes of whole lines there are, at most so many. */
function wholeLines(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  return most <= 0 ? 0 : bytes.lastIndexOf(LINE_END, most - 1) + 1;
}

function firstLine(bytes: Uint8Array): number {
  const end = bytes.indexOf(LINE_END);
  return end < 0 ? bytes.length : end + 1;
}

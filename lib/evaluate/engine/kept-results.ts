// Results of an evaluation on the disk, one line for each request, so that a run that was killed goes on where it
// was. A result is found by a hash of everything it follows from: the model's weights and config, the dtype, the
// protocol, the request and this program's version. So a changed model or program never meets the results of the one
// before, in the same file or not.
//
// The file is only ever appended to. A line ends with a checksum: one that a kill tore, or that was damaged, is left
// out, and its request computed again.
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { packageVersion } from '../../core/addon.ts';
import { fileError, readIfPresent } from '../../system/files.ts';

/** What all results of a run follow from, beside their requests. */
export interface ResultOrigin {
  /** `hashWeights` of the checkpoint, and the model's config. */
  readonly weights: string;
  readonly dtype: string;
  /** The evaluation's protocol by name, or whatever else tells apart results that must not be mixed. */
  readonly protocol: string;
  /** Of the program that computes them; this one's unless given. */
  readonly version?: string;
}

/** Results in a file, so that an interrupted evaluation goes on where it was. */
export class KeptResults implements AsyncDisposable {
  readonly path: string;
  /** Lines of the file that were torn or damaged and do not count. */
  readonly damagedLines: number;
  readonly #origin: string;
  readonly #handle: FileHandle;
  readonly #results: Map<string, unknown>;

  private constructor(
    path: string,
    origin: ResultOrigin,
    handle: FileHandle,
    { results, damaged }: ReturnType<typeof parse>,
  ) {
    this.path = path;
    this.#origin = JSON.stringify([
      ...[origin.weights, origin.dtype, origin.protocol],
      origin.version ?? packageVersion(),
    ]);
    this.#handle = handle;
    this.#results = results;
    this.damagedLines = damaged;
  }

  /** Opens or creates the file. Only one process may have it open. Throws LeiaError `io`. */
  static async open(path: string, origin: ResultOrigin): Promise<KeptResults> {
    const text = (await readIfPresent(path)) ?? '';
    try {
      const handle = await open(path, 'a');
      // What comes next begins a line of its own, whatever tore the last one.
      if (text !== '' && !text.endsWith('\n')) await handle.writeFile('\n');
      return new KeptResults(path, origin, handle, parse(text));
    } catch (error) {
      throw fileError('write', path, error);
    }
  }

  /** The kept result of a request, if there is one. */
  get(request: object): unknown {
    return this.#results.get(this.#keyOf(request));
  }

  /** Keeps the results of some requests; they are in the file when this resolves. Throws LeiaError `io`. */
  async add(entries: readonly (readonly [request: object, result: unknown])[]): Promise<void> {
    const keyed = entries.map(([request, result]) => [this.#keyOf(request), result] as const);
    try {
      await this.#handle.writeFile(keyed.map(([key, result]) => lineOf(key, result)).join(''));
    } catch (error) {
      throw fileError('write', this.path, error);
    }
    for (const [key, result] of keyed) this.#results.set(key, result);
  }

  /** At the end of a block of `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  #keyOf(request: object): string {
    return digest(this.#origin, JSON.stringify(request));
  }
}

function lineOf(key: string, result: unknown): string {
  const json = JSON.stringify(result);
  return `${JSON.stringify([key, result, digest(key, json)])}\n`;
}

function parse(text: string): { results: Map<string, unknown>; damaged: number } {
  const results = new Map<string, unknown>();
  let damaged = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const entry = parseLine(line);
    if (entry === undefined) damaged++;
    else results.set(...entry);
  }
  return { results, damaged };
}

function parseLine(line: string): [key: string, result: unknown] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [key, result, checksum] = value as unknown[];
  if (typeof key !== 'string' || checksum !== digest(key, JSON.stringify(result))) return undefined;
  return [key, result];
}

/** 128 bits in hex. */
function digest(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
}

/**
 * A tokenised dataset, opened for reading: any article at any time. Shards are mapped into memory, and the system
 * keeps what was read there while it has room; only the index takes memory of its own (8 bytes an article). Every
 * article is checked when it is read, so a damaged file cannot become training data; {@link Dataset.verify}
 * checks the whole dataset beforehand. When a file becomes shorter while the dataset is open, the next read
 * throws. Only if that happens in the microseconds in which an article is copied does the system end the process,
 * as with any mapped file.
 */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, openSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { addon } from '../core/addon.ts';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import {
  type DatasetMeta,
  type Manifest,
  manifestFile,
  manifestSchema,
  passageSchema,
  progressFile,
  type Shard,
  type ShardFile,
  shardFileName,
  shardFiles,
} from './dataset-format.ts';
import { decodeArticle, type Passage } from './dataset-records.ts';
import type { TokenizedArticle } from './entity.ts';

/** A dataset folder, read article by article. */
export class Dataset {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly #shards: readonly ShardReader[];

  private constructor(folder: string, manifest: Manifest, shards: readonly ShardReader[]) {
    this.folder = folder;
    this.manifest = manifest;
    this.#shards = shards;
  }

  /**
   * Opens a folder that `DatasetWriter` finished; checks the manifest, all sizes and the index.
   *
   * @throws LeiaError `io` (not there, not finished), `format` (damaged).
   */
  static async open(folder: string): Promise<Dataset> {
    const manifest = await readManifest(folder);
    const shards: ShardReader[] = [];
    let first = 0;
    for (const [number, shard] of manifest.shards.entries()) {
      shards.push(await ShardReader.open(folder, number, shard, first, manifest.meta));
      first += shard.articles;
    }
    return new Dataset(folder, manifest, shards);
  }

  get meta(): DatasetMeta {
    return this.manifest.meta;
  }

  get articleCount(): number {
    return this.manifest.articles;
  }

  /**
   * The tokens and entities of article `index`, in the order they were written.
   *
   * @throws LeiaError `argument` (no such article), `format` (damaged), `io`.
   */
  article(index: number): TokenizedArticle {
    return this.#shard(index).article(index);
  }

  /** Title, text and links of article `index`. Throws like {@link article}. */
  passage(index: number): Passage {
    return this.#shard(index).passage(index);
  }

  /**
   * Reads everything once: checksums of all files, and every article.
   *
   * @throws LeiaError `format` naming the first damaged file.
   */
  async verify(): Promise<void> {
    for (const shard of this.#shards) await shard.verify();
    for (let i = 0; i < this.articleCount; i++) {
      this.article(i);
      this.passage(i);
    }
  }

  /**
   * Checks that the ids of this dataset mean the same to another tokenizer.
   *
   * @throws LeiaError `mismatch`
   */
  checkTokenizer(tokenizer: { readonly hash: string; readonly folder: string }): void {
    if (tokenizer.hash === this.meta.tokenizer.hash) return;
    throw new LeiaError(
      'mismatch',
      `${this.folder} was prepared with another tokenizer than that of ${tokenizer.folder}; prepare it again with --tokenizer ${tokenizer.folder}`,
    );
  }

  /** Closes the files of its shards. */
  close(): void {
    for (const shard of this.#shards) shard.close();
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #shard(index: number): ShardReader {
    if (!Number.isInteger(index) || index < 0 || index >= this.articleCount) {
      throw new LeiaError(
        'argument',
        `${this.folder} has no article ${index}, expected 0 to ${this.articleCount - 1}`,
      );
    }
    let low = 0;
    let high = this.#shards.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#shards[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    return this.#shards[low]!;
  }
}

/**
 * The articles of whole shards, and what they were made of, of a dataset that need not be finished.
 *
 * @throws LeiaError `format` (damaged), `io`.
 */
export async function* articlesOf(
  folder: string,
  shards: readonly Shard[],
  meta: DatasetMeta,
): AsyncGenerator<{ article: TokenizedArticle; passage: Passage }, void, undefined> {
  for (const [number, shard] of shards.entries()) {
    const reader = await ShardReader.open(folder, number, shard, 0, meta);
    try {
      for (let i = 0; i < shard.articles; i++) {
        yield { article: reader.article(i), passage: reader.passage(i) };
      }
    } finally {
      reader.close();
    }
  }
}

class ShardReader {
  /** Number of its first article in the whole dataset. */
  readonly first: number;
  readonly #folder: string;
  readonly #number: number;
  readonly #shard: Shard;
  readonly #index: Uint32Array;
  readonly #vocabSize: number;
  readonly #maps = new Map<ShardFile, { map: ArrayBuffer; descriptor: number }>();

  private constructor(
    folder: string,
    number: number,
    shard: Shard,
    first: number,
    meta: DatasetMeta,
    index: Uint32Array,
  ) {
    this.first = first;
    this.#folder = folder;
    this.#number = number;
    this.#shard = shard;
    this.#index = index;
    this.#vocabSize = meta.tokenizer.vocabSize;
  }

  static async open(
    folder: string,
    number: number,
    shard: Shard,
    first: number,
    meta: DatasetMeta,
  ): Promise<ShardReader> {
    for (const file of shardFiles) {
      const path = join(folder, shardFileName(file, number));
      const { bytes } = shard.files[file];
      const size = await fileSize(path);
      if (size === bytes) continue;
      throw new LeiaError(
        'format',
        `${path} has ${size} bytes, ${manifestFile} says ${bytes}; the file is damaged, prepare the data again`,
      );
    }
    return new ShardReader(
      folder,
      number,
      shard,
      first,
      meta,
      await readIndex(folder, number, shard),
    );
  }

  article(index: number): TokenizedArticle {
    const at = 2 * (index - this.first);
    const [begin, end] = [this.#index[at]!, this.#index[at + 2]!];
    const record = new Int32Array(this.#copy('articles', 4 * begin, 4 * end));
    const where = `${this.#path('articles')}: article ${index}`;
    return decodeArticle(record, this.#vocabSize, where);
  }

  passage(index: number): Passage {
    const at = 2 * (index - this.first) + 1;
    const [begin, end] = [this.#index[at]!, this.#index[at + 2]!];
    const bytes = Buffer.from(this.#copy('passages', begin, end));
    const where = `${this.#path('passages')}: article ${index}`;
    return parseChecked(passageSchema, bytes.toString('utf8'), where);
  }

  async verify(): Promise<void> {
    for (const file of shardFiles) {
      const hash = createHash('sha256');
      try {
        for await (const chunk of createReadStream(this.#path(file))) hash.update(chunk);
      } catch (error) {
        throw fileError('read', this.#path(file), error);
      }
      checkHash(this.#path(file), hash.digest('hex'), this.#shard.files[file].sha256);
    }
  }

  /** Closes its files. */
  close(): void {
    for (const { descriptor } of this.#maps.values()) closeSync(descriptor);
    this.#maps.clear();
  }

  #path(file: ShardFile): string {
    return join(this.#folder, shardFileName(file, this.#number));
  }

  /**
   * Bytes of a file. Touching mapped memory beyond a file's end ends the process, so the size is looked at
   * each time, which takes a microsecond, and nothing that is handed out points into the file.
   */
  #copy(file: ShardFile, begin: number, end: number): ArrayBuffer {
    const path = this.#path(file);
    try {
      const { map, descriptor } = this.#map(file, path);
      const { size } = fstatSync(descriptor);
      if (size < map.byteLength) {
        throw new LeiaError(
          'format',
          `${path} has become shorter: ${size} bytes, ${manifestFile} says ${map.byteLength}; prepare the data again`,
        );
      }
      return map.slice(begin, end);
    } catch (error) {
      throw fileError('read', path, error);
    }
  }

  #map(file: ShardFile, path: string): { map: ArrayBuffer; descriptor: number } {
    const there = this.#maps.get(file);
    if (there) return there;
    const { bytes } = this.#shard.files[file];
    const descriptor = openSync(path, 'r');
    try {
      // A mapping may reach beyond the end of a file; only reading there fails.
      const opened = { map: addon().mapFile(descriptor, bytes), descriptor };
      this.#maps.set(file, opened);
      return opened;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }
}

async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestFile);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const begun = await stat(join(folder, progressFile)).catch(() => undefined);
    if (begun === undefined) {
      const { message } = fileError('read', path, error);
      throw new LeiaError('io', `${message}; a dataset is made by leia prepare`, { cause: error });
    }
    throw new LeiaError('io', `${folder} is not finished; run the same leia prepare again`);
  }
  const manifest = parseChecked(manifestSchema, text, path);
  for (const key of ['articles', 'tokens', 'entities'] as const) {
    const sum = manifest.shards.reduce((sum, shard) => sum + shard[key], 0);
    if (sum === manifest[key]) continue;
    throw new LeiaError('format', `${path}: the shards have ${sum} ${key}, not ${manifest[key]}`);
  }
  if (manifest.articles === 0) throw new LeiaError('format', `${folder}: the dataset is empty`);
  return manifest;
}

/** The index of a shard: checked against its checksum, its file's size, and for offsets that only grow. */
async function readIndex(folder: string, number: number, shard: Shard): Promise<Uint32Array> {
  const path = join(folder, shardFileName('index', number));
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
  checkHash(path, createHash('sha256').update(bytes).digest('hex'), shard.files.index.sha256);
  const damaged = () => {
    throw new LeiaError('format', `${path} does not fit its shard; prepare the data again`);
  };
  if (bytes.length !== 8 * (shard.articles + 1)) damaged();
  const index = new Uint32Array(bytes.length / 4);
  new Uint8Array(index.buffer).set(bytes);
  if (index[0] !== 0 || index[1] !== 0) damaged();
  for (let i = 2; i < index.length; i++) {
    if (index[i]! <= index[i - 2]!) damaged();
  }
  if (4 * index.at(-2)! !== shard.files.articles.bytes) damaged();
  if (index.at(-1) !== shard.files.passages.bytes) damaged();
  return index;
}

function checkHash(path: string, got: string, expected: string): void {
  if (got === expected) return;
  throw new LeiaError(
    'format',
    `${path} is not what was written (SHA-256 ${got}, ${manifestFile} says ${expected}); prepare the data again`,
  );
}

async function fileSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/**
 * Writes a dataset shard by shard. A shard grows under temporary names, and while it is flushed to the disk the
 * next one begins. A progress file says which shards are complete and how far the writer's input had been read by
 * then: when the program is killed, the same command resumes from there. The manifest comes last.
 */
import { readFile, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LeiaError } from '../system/error.ts';
import { fileError, removeTemporaries, writeFileAtomically } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import { isLock, type Lock, type LockOptions, lockFolder } from '../system/lock.ts';
import { articlesOf } from './dataset.ts';
import {
  type DatasetMeta,
  type Json,
  type Manifest,
  manifestFile,
  manifestSchema,
  progressFile,
  progressSchema,
  type Shard,
  shardFileName,
  shardFiles,
} from './dataset-format.ts';
import { type EncodedArticles, encodeArticles, type Passage } from './dataset-records.ts';
import type { TokenizedArticle } from './entity.ts';
import { ShardWriter } from './shard-writer.ts';

/** About 30 million tokens: the most that is done again after an interruption. */
const defaultShardBytes = 128 * 1024 * 1024;

export interface DatasetWriterOptions extends LockOptions {
  /** Size of the files. Default 128 MiB. */
  readonly shardBytes?: number;
  /** Files that the articles come from: none of them may be a file of the dataset. */
  readonly inputs?: readonly string[];
}

/** Writes a dataset folder shard by shard. */
export class DatasetWriter {
  readonly folder: string;
  readonly #lock: Lock;
  readonly #meta: DatasetMeta;
  readonly #shardBytes: number;
  /** Those that are complete. */
  readonly #shards: Shard[];
  /** Where the input continues after them. */
  #cursor: Json;
  #articles: number;
  /** How many shards are begun. */
  #begun: number;
  #open: ShardWriter | undefined;
  #lastCursor: Json;
  /** Done when the shard before the open one is complete. */
  #closing: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(
    folder: string,
    lock: Lock,
    meta: DatasetMeta,
    shardBytes: number,
    shards: Shard[],
    cursor: Json,
  ) {
    this.folder = folder;
    this.#lock = lock;
    this.#meta = meta;
    this.#shardBytes = shardBytes;
    this.#shards = shards;
    this.#cursor = cursor;
    this.#lastCursor = cursor;
    this.#articles = shards.reduce((sum, { articles }) => sum + articles, 0);
    this.#begun = shards.length;
  }

  /**
   * Starts a dataset in `folder`, or resumes one that was begun there with the same `meta`. The folder is
   * locked until the writer has finished or is disposed of.
   *
   * @throws LeiaError `usage` if the folder has a finished dataset, or one begun with other settings, or if another
   *   process writes there; `io`.
   */
  static async create(
    folder: string,
    meta: DatasetMeta,
    { shardBytes = defaultShardBytes, inputs = [], ...options }: DatasetWriterOptions = {},
  ): Promise<DatasetWriter> {
    const lock = await lockFolder(folder, options);
    try {
      for (const input of inputs) await refuseInput(folder, input);
      return await DatasetWriter.#begin(folder, lock, meta, shardBytes);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  static async #begin(
    folder: string,
    lock: Lock,
    meta: DatasetMeta,
    shardBytes: number,
  ): Promise<DatasetWriter> {
    const manifest = await readOptional(join(folder, manifestFile));
    if (manifest !== undefined) {
      const there = parseChecked(manifestSchema, manifest, join(folder, manifestFile)).meta;
      throw new LeiaError(
        'usage',
        `${folder} already holds a finished dataset${describeDifference(there, meta)}; remove it or write to another folder`,
      );
    }
    await removeTemporaries(folder, (name) => isPart(name) || isLock(name));
    const path = join(folder, progressFile);
    const text = await readOptional(path);
    const progress = text === undefined ? undefined : parseChecked(progressSchema, text, path);
    if (progress === undefined || progress.shards.length === 0) {
      const writer = new DatasetWriter(folder, lock, meta, shardBytes, [], null);
      // Says at once that the folder is begun, and whether it can be written to.
      await writer.#writeProgress();
      return writer;
    }
    const other = describeDifference(progress.meta, meta);
    if (other !== '') {
      throw new LeiaError(
        'usage',
        `${folder} holds a dataset begun with other input or options${other}; remove it or write to another folder`,
      );
    }
    return new DatasetWriter(folder, lock, meta, shardBytes, progress.shards, progress.cursor);
  }

  /** How many articles are in the dataset so far. After {@link create}: how many were there already. */
  get articleCount(): number {
    return this.#articles;
  }

  /**
   * What was given as `cursor` to the last {@link append} whose article is safely on disk; null at the
   * beginning. Only of interest after {@link create}: where the input continues.
   */
  get cursor(): Json {
    return this.#cursor;
  }

  /** The articles that are safely on disk, and what they were made of. Throws `format` (damaged), `io`. */
  written(): AsyncGenerator<{ article: TokenizedArticle; passage: Passage }, void, undefined> {
    return articlesOf(this.folder, this.#shards, this.#meta);
  }

  /**
   * Adds an article. `cursor` is anything that tells the caller, after an interruption, where its input
   * goes on and what it had counted by then.
   *
   * @throws LeiaError `format` if an id is outside the vocabulary or entities overlap; `io` if the disk is full.
   */
  async append(article: Passage & TokenizedArticle, cursor: Json = null): Promise<void> {
    await this.appendEncoded(encodeArticles([article], this.#meta.tokenizer.vocabSize), cursor);
  }

  /**
   * The same for articles that are encoded already, such as by another thread. All go into one shard. An error may
   * be that of the previous shard, which was still being flushed.
   */
  async appendEncoded(articles: EncodedArticles, cursor: Json = null): Promise<void> {
    await this.#work(async () => {
      this.#open ??= await ShardWriter.create(this.folder, this.#begun++);
      await this.#open.add(articles);
      this.#articles += articles.ends.length / 2;
      this.#lastCursor = cursor;
      if (this.#open.bytes >= this.#shardBytes) await this.#closeShard();
    });
  }

  /**
   * Writes what is left and the manifest.
   *
   * @throws LeiaError `usage` if there is no article at all; `io`.
   */
  async finish(report: Record<string, Json> = {}): Promise<Manifest> {
    if (this.articleCount === 0) {
      throw new LeiaError('usage', `no article was written to ${this.folder}; is the input empty?`);
    }
    await this.#work(async () => {
      await this.#closeShard();
      await this.#closing;
    });
    const total = (key: 'articles' | 'tokens' | 'entities') =>
      this.#shards.reduce((sum, shard) => sum + shard[key], 0);
    const manifest: Manifest = {
      format: 'leia-dataset',
      version: 1,
      meta: this.#meta,
      articles: total('articles'),
      tokens: total('tokens'),
      entities: total('entities'),
      report,
      shards: this.#shards,
    };
    await writeFileAtomically(join(this.folder, manifestFile), format(manifest));
    await rm(join(this.folder, progressFile), { force: true });
    await this.#lock.release();
    return manifest;
  }

  /** Deletes what was written, when the work has turned out to be of no use. */
  async discard(): Promise<void> {
    await this.#giveUpOpenShard();
    for (let shard = 0; shard < this.#begun; shard++) {
      for (const file of shardFiles) {
        await rm(join(this.folder, shardFileName(file, shard)), { force: true });
      }
    }
    await rm(join(this.folder, progressFile), { force: true });
    await this.#lock.release();
  }

  /** Removes the shard that is not complete; {@link create} resumes after those that are. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#giveUpOpenShard();
    await this.#lock.release();
  }

  async #giveUpOpenShard(): Promise<void> {
    await this.#closing.catch(() => {});
    await this.#open?.discard();
    this.#open = undefined;
  }

  /** Writes, unless an earlier write has failed: then there would be a gap. */
  async #work(write: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await write();
    } catch (error) {
      this.#failure = error;
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Completes the open shard in the background, once the previous one is complete. */
  async #closeShard(): Promise<void> {
    const shard = this.#open;
    if (shard === undefined) return;
    await this.#closing;
    this.#open = undefined;
    this.#closing = this.#complete(shard, this.#lastCursor);
    this.#closing.catch(() => {}); // it is thrown where #closing is awaited
  }

  async #complete(shard: ShardWriter, cursor: Json): Promise<void> {
    this.#shards.push(await shard.finish());
    this.#cursor = cursor;
    await this.#writeProgress();
  }

  async #writeProgress(): Promise<void> {
    const progress = {
      format: 'leia-dataset-progress',
      version: 1,
      meta: this.#meta,
      shards: this.#shards,
      cursor: this.#cursor,
    };
    await writeFileAtomically(join(this.folder, progressFile), format(progress));
  }
}

function format(json: unknown): string {
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

/** ` (source.dump.file: "a" there, "b" here)` for the first difference, '' if there is none. */
function describeDifference(there: DatasetMeta, here: DatasetMeta): string {
  const found = difference(there, JSON.parse(JSON.stringify(here)) as Json, '');
  return found === undefined ? '' : ` (${found})`;
}

function difference(
  there: Json | undefined,
  here: Json | undefined,
  path: string,
): string | undefined {
  if (isDeepStrictEqual(there, here)) return undefined;
  if (isObject(there) && isObject(here)) {
    for (const key of new Set([...Object.keys(here), ...Object.keys(there)])) {
      const inner = difference(there[key], here[key], path === '' ? key : `${path}.${key}`);
      if (inner !== undefined) return inner;
    }
  }
  const show = (value: Json | undefined) => JSON.stringify(value) ?? 'nothing';
  return `${path}: ${show(there)} there, ${show(here)} here`;
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a file of this name belongs to a dataset. */
function isPart(name: string): boolean {
  return /^(?:(?:articles|passages|index)-\d{5}\.\w+|progress\.json|manifest\.json)$/.test(name);
}

/** Throws `usage` if the dataset would replace this file. */
async function refuseInput(folder: string, input: string): Promise<void> {
  if (!isPart(basename(input))) return;
  const there = await realpath(dirname(input)).catch(() => undefined);
  if (there !== (await realpath(folder))) return;
  throw new LeiaError(
    'usage',
    `${input} is read as input and has the name of a file of the dataset that goes to ${folder}; write to another folder`,
  );
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileError('read', path, error);
  }
}

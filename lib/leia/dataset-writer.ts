/**
 * Writes a dataset shard by shard. A shard is kept in memory until it is full and then written whole, and
 * a progress file says which shards are complete and how far the writer's input had been read by then: when
 * the program is killed, the same command goes on from there. The manifest comes last.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LeiaError } from '../core/error.ts';
import { fileError, makeFolder, writeFileAtomically } from '../core/files.ts';
import {
  type DatasetMeta,
  type Json,
  type Manifest,
  manifestFile,
  manifestSchema,
  parseChecked,
  progressFile,
  progressSchema,
  type Shard,
  type ShardFile,
  shardFileName,
  shardFiles,
} from './dataset-format.ts';
import { type EncodedArticles, encodeArticles, type Passage } from './dataset-records.ts';
import type { TokenizedArticle } from './entity.ts';

/** About 30 million tokens; what at most is done again after an interruption. */
const defaultShardBytes = 128 * 1024 * 1024;

export class DatasetWriter {
  readonly folder: string;
  readonly #meta: DatasetMeta;
  readonly #shardBytes: number;
  readonly #shards: Shard[];
  #cursor: Json;
  #lastCursor: Json;
  #current = new OpenShard();

  private constructor(
    folder: string,
    meta: DatasetMeta,
    shardBytes: number,
    shards: Shard[],
    cursor: Json,
  ) {
    this.folder = folder;
    this.#meta = meta;
    this.#shardBytes = shardBytes;
    this.#shards = shards;
    this.#cursor = cursor;
    this.#lastCursor = cursor;
  }

  /**
   * Starts a dataset in `folder`, or goes on with one that was begun there with the same `meta`.
   *
   * @throws LeiaError `usage` if the folder has a finished dataset, or one begun with other settings; `io`.
   */
  static async create(
    folder: string,
    meta: DatasetMeta,
    { shardBytes = defaultShardBytes }: { shardBytes?: number } = {},
  ): Promise<DatasetWriter> {
    await makeFolder(folder);
    const manifest = await readOptional(join(folder, manifestFile));
    if (manifest !== undefined) {
      const there = parseChecked(manifestSchema, manifest, join(folder, manifestFile)).meta;
      throw new LeiaError(
        'usage',
        `${folder} already holds a finished dataset${describeDifference(there, meta)}; remove it or write to another folder`,
      );
    }
    await removeLeftovers(folder);
    const path = join(folder, progressFile);
    const text = await readOptional(path);
    const progress = text === undefined ? undefined : parseChecked(progressSchema, text, path);
    if (progress === undefined || progress.shards.length === 0) {
      const writer = new DatasetWriter(folder, meta, shardBytes, [], null);
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
    return new DatasetWriter(folder, meta, shardBytes, progress.shards, progress.cursor);
  }

  /** How many articles are in the dataset so far. After {@link create}: how many were there already. */
  get articleCount(): number {
    return this.#shards.reduce((sum, { articles }) => sum + articles, this.#current.articles);
  }

  /**
   * What was given as `cursor` to the last {@link append} whose article is safely on disk; null at the
   * beginning. Only of interest after {@link create}: where to go on.
   */
  get cursor(): Json {
    return this.#cursor;
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

  /** The same for articles encoded before, by another thread maybe. They come into one shard. */
  async appendEncoded(articles: EncodedArticles, cursor: Json = null): Promise<void> {
    this.#current.add(articles);
    this.#lastCursor = cursor;
    if (this.#current.bytes >= this.#shardBytes) await this.#flush();
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
    if (this.#current.articles > 0) await this.#flush();
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
    return manifest;
  }

  /** Deletes what was written, when the work has turned out to be of no use. */
  async discard(): Promise<void> {
    for (let shard = 0; shard <= this.#shards.length; shard++) {
      for (const file of shardFiles) {
        await rm(join(this.folder, shardFileName(file, shard)), { force: true });
      }
    }
    await rm(join(this.folder, progressFile), { force: true });
  }

  async #flush(): Promise<void> {
    const contents = this.#current.contents();
    const files = {} as Shard['files'];
    for (const file of shardFiles) {
      const path = join(this.folder, shardFileName(file, this.#shards.length));
      const hash = createHash('sha256');
      let bytes = 0;
      await writeFileAtomically(path, async (handle) => {
        for (const piece of contents[file]) {
          await handle.writeFile(piece);
          hash.update(piece);
          bytes += piece.length;
        }
      });
      files[file] = { bytes, sha256: hash.digest('hex') };
    }
    const { articles, tokens, entities } = this.#current;
    this.#shards.push({ articles, tokens, entities, files });
    this.#current = new OpenShard();
    this.#cursor = this.#lastCursor;
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

/** A shard in memory, as the pieces it came in. */
class OpenShard {
  articles = 0;
  tokens = 0;
  entities = 0;
  bytes = 0;
  readonly #records: Uint8Array[] = [];
  readonly #lines: Uint8Array[] = [];
  readonly #index: Uint32Array[] = [new Uint32Array(2)];
  #recordLength = 0;
  #lineLength = 0;

  add({ records, lines, ends, tokens, entities }: EncodedArticles): void {
    const index = Uint32Array.from(ends, (end, i) =>
      i % 2 === 0 ? end + this.#recordLength : end + this.#lineLength,
    );
    this.#records.push(new Uint8Array(records.buffer, records.byteOffset, records.byteLength));
    this.#lines.push(lines);
    this.#index.push(index);
    this.#recordLength += records.length;
    this.#lineLength += lines.length;
    this.articles += ends.length / 2;
    this.tokens += tokens;
    this.entities += entities;
    this.bytes += records.byteLength + lines.length;
  }

  contents(): Record<ShardFile, readonly Uint8Array[]> {
    return {
      articles: this.#records,
      passages: this.#lines,
      index: this.#index.map((part) => new Uint8Array(part.buffer)),
    };
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

/** Temporary files of a run that was killed while it wrote. */
async function removeLeftovers(folder: string): Promise<void> {
  const ours =
    /^\.(?:(?:articles|passages|index)-\d{5}\.\w+|progress\.json|manifest\.json)\..+\.tmp$/;
  for (const name of await readdir(folder)) {
    if (ours.test(name)) await rm(join(folder, name), { force: true });
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileError('read', path, error);
  }
}

/** Writes a shard of a dataset: its files grow under temporary names and are all there when it is complete. */
import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { StagedFile, syncFolder } from '../system/files.ts';
import { type Shard, type ShardFile, shardFileName, shardFiles } from './dataset-format.ts';
import type { EncodedArticles } from './dataset-records.ts';

export class ShardWriter {
  readonly #folder: string;
  readonly #files: Record<ShardFile, HashedFile>;
  /** 8 bytes an article, written last. */
  readonly #index: Uint32Array[] = [new Uint32Array(2)];
  #recordLength = 0;
  #lineLength = 0;
  #articles = 0;
  #tokens = 0;
  #entities = 0;

  private constructor(folder: string, files: Record<ShardFile, HashedFile>) {
    this.#folder = folder;
    this.#files = files;
  }

  /** @throws LeiaError `io` */
  static async create(folder: string, number: number): Promise<ShardWriter> {
    const files = {} as Record<ShardFile, HashedFile>;
    try {
      for (const file of shardFiles) {
        files[file] = await HashedFile.create(join(folder, shardFileName(file, number)));
      }
    } catch (error) {
      await discardAll(files);
      throw error;
    }
    return new ShardWriter(folder, files);
  }

  /** Of records and lines. */
  get bytes(): number {
    return this.#files.articles.bytes + this.#files.passages.bytes;
  }

  /** After an error only {@link discard} is left. Throws `io`. */
  async add({ records, lines, ends, tokens, entities }: EncodedArticles): Promise<void> {
    const index = Uint32Array.from(ends, (end, i) =>
      i % 2 === 0 ? end + this.#recordLength : end + this.#lineLength,
    );
    await this.#files.articles.append(bytesOf(records));
    await this.#files.passages.append(lines);
    this.#index.push(index);
    this.#recordLength += records.length;
    this.#lineLength += lines.length;
    this.#articles += ends.length / 2;
    this.#tokens += tokens;
    this.#entities += entities;
  }

  /** Renames its files to their final names and returns what they hold. On an error those not yet renamed are deleted. */
  async finish(): Promise<Shard> {
    const files = {} as Shard['files'];
    try {
      for (const part of this.#index) await this.#files.index.append(bytesOf(part));
      for (const file of shardFiles) files[file] = await this.#files[file].flush();
      for (const file of shardFiles) await this.#files[file].commit();
    } catch (error) {
      await this.discard();
      throw error;
    }
    await syncFolder(this.#folder);
    return { articles: this.#articles, tokens: this.#tokens, entities: this.#entities, files };
  }

  /** Deletes the files that are not renamed yet. */
  async discard(): Promise<void> {
    await discardAll(this.#files);
  }
}

/** Articles are collected up to this many bytes: a system call for each would cost more than it writes. */
const writtenBytes = 1 << 20;

/** A file that knows its size and its checksum. */
class HashedFile {
  bytes = 0;
  readonly #file: StagedFile;
  readonly #hash: Hash = createHash('sha256');
  /** What is not written yet. */
  #pieces: Uint8Array[] = [];
  #pending = 0;

  private constructor(file: StagedFile) {
    this.#file = file;
  }

  static async create(path: string): Promise<HashedFile> {
    return new HashedFile(await StagedFile.create(path));
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#pieces.push(bytes);
    this.#pending += bytes.length;
    this.bytes += bytes.length;
    if (this.#pending >= writtenBytes) await this.#write();
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pending = 0;
    await this.#file.append(bytes);
    this.#hash.update(bytes);
  }

  async flush(): Promise<{ bytes: number; sha256: string }> {
    await this.#write();
    await this.#file.flush();
    return { bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }

  commit(): Promise<void> {
    return this.#file.commit();
  }

  discard(): Promise<void> {
    return this.#file.discard();
  }
}

async function discardAll(files: Partial<Record<ShardFile, HashedFile>>): Promise<void> {
  for (const file of Object.values(files)) await file.discard();
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

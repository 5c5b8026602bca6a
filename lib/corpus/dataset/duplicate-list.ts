// Lists the near-duplicates of a dataset, `near-duplicates.jsonl` in its folder: a line for each article that nearly
// repeats one before, with how similar they are. Lines that name the same article in `of` are a group.
//
//     {"title":"B","id":7,"similarity":0.945,"of":{"title":"A","id":3}}
//
// The list grows with the dataset. A run that resumes cuts it back to what it was when the last whole shard was written.
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EncodedArticles } from '../../leia/dataset-records.ts';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import { grown, StringTableBuilder } from '../names/string-table.ts';
import { DistinctArticles } from './near-duplicates.ts';

const listFile = 'near-duplicates.jsonl';

/** What names an article. */
export interface ArticleName {
  title: string;
  /** Number of its page, if it is known. */
  id?: number | undefined;
}

const TEXT = Buffer.from(',"text":');

/** What names the article whose passage is at this place among others; only the beginning of its line is parsed. */
export function articleName({ lines, ends }: EncodedArticles, place: number): ArticleName {
  const [start, end] = [place === 0 ? 0 : ends[2 * place - 1]!, ends[2 * place + 1]!];
  const line = Buffer.from(lines.buffer, lines.byteOffset + start, end - start);
  // Quotation marks in a string have a backslash in front, so this is where the title and what follows it end.
  const head = line.toString('utf8', 0, line.indexOf(TEXT));
  const { title, id } = JSON.parse(`${head}}`) as ArticleName;
  return { title, id };
}

/** Articles that repeat none before, and the list of those that do. It takes about 500 bytes for each of the first. */
export class DuplicateList {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #distinct = new DistinctArticles();
  readonly #titles = new StringTableBuilder();
  /** Of distinct articles; 0 if the number is not known. */
  #ids = new Float64Array(1024);
  #lines: string[] = [];
  #bytes: number;

  private constructor(path: string, file: FileHandle, bytes: number) {
    this.#path = path;
    this.#file = file;
    this.#bytes = bytes;
  }

  /**
   * Opens the list in the folder of a dataset, with its first `bytes`.
   *
   * @throws LeiaError `format` if it is shorter than that, `io`.
   */
  static async open(folder: string, bytes: number): Promise<DuplicateList> {
    const path = join(folder, listFile);
    let file: FileHandle | undefined;
    try {
      file = await open(path, bytes === 0 ? 'w' : 'r+');
      const { size } = await file.stat();
      if (size < bytes) {
        throw new LeiaError(
          'format',
          `${path} has ${size} bytes, expected ${bytes} of the work that was done before; remove the folder and prepare the data again`,
        );
      }
      await file.truncate(bytes);
      return new DuplicateList(path, file, bytes);
    } catch (error) {
      await file?.close();
      throw fileError('open', path, error);
    }
  }

  /** Takes up an article that was there when the work before was interrupted; the list has it already. */
  restore(signature: Uint16Array, name: ArticleName): void {
    if (this.#distinct.add(signature) === undefined) this.#keep(name);
  }

  /** Whether an article nearly repeats one before. Then it is listed. */
  add(signature: Uint16Array, { title, id }: ArticleName): boolean {
    const found = this.#distinct.add(signature);
    if (found === undefined) {
      this.#keep({ title, id });
      return false;
    }
    const { of, similarity } = found;
    const first = { title: this.#titles.get(of), id: this.#ids[of] || undefined };
    const share = Math.round(similarity * 1000) / 1000;
    this.#lines.push(`${JSON.stringify({ title, id, similarity: share, of: first })}\n`);
    return true;
  }

  /** Writes what was added, safely on disk; how long the list is then. Throws `io`. */
  async flush(): Promise<number> {
    if (this.#lines.length === 0) return this.#bytes;
    const bytes = Buffer.from(this.#lines.splice(0).join(''));
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#bytes);
      await this.#file.datasync();
    } catch (error) {
      throw fileError('write', this.#path, error);
    }
    this.#bytes += bytes.length;
    return this.#bytes;
  }

  /** Deletes the list, when the dataset has turned out to be of no use. */
  async discard(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  #keep({ title, id = 0 }: ArticleName): void {
    // What is longer than any title of a wiki is not kept.
    let place = this.#titles.append(title);
    if (place < 0) place = this.#titles.append('');
    this.#ids = grown(this.#ids, place + 1);
    this.#ids[place] = id;
  }
}

// From articles with named links to a dataset, wherever the articles come from: tokenised by the batch,
// written shard by shard; a killed run goes on after the last whole shard.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { LeiaError } from '../core/error.ts';
import { fileError } from '../core/files.ts';
import { Dataset } from '../leia/dataset.ts';
import type { DatasetMeta, Json, Manifest, PassageAnchor } from '../leia/dataset-format.ts';
import { DatasetWriter } from '../leia/dataset-writer.ts';
import { ArticleTokenizer } from '../leia/tokenize-article.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

export type PrepareStage = 'checksums' | 'titles' | 'names' | 'articles';

/** What all kinds of input have in common. */
export interface DatasetOptions {
  /** Language code of the edition, as in its domain name: `ja`, `zh-min-nan`. */
  language: string;
  tokenizer: Tokenizer;
  /** Folder of the dataset. */
  output: string;
  /** Size of the dataset's files: what at most is done again after an interruption. Default 128 MiB. */
  shardBytes?: number;
  signal?: AbortSignal;
  /** Hears of every stage and, now and then, how far it is. */
  onProgress?: (stage: PrepareStage, done: number, total?: number) => void;
  /** Hears what looks wrong but does not stop the work. */
  onWarning?: (message: string) => void;
}

/** An article with the names of what its links lead to. */
export interface LinkedArticle {
  title: string;
  text: string;
  anchors: PassageAnchor[];
  /** How many links lost their name because it is no entity's. */
  filtered: number;
}

/** Articles to make a dataset of. */
export interface Articles {
  /** All but the first `skip`, always the same ones in the same order. */
  read(skip: number): AsyncIterable<LinkedArticle>;
  /** How many there are in all, if that is known before. */
  total?: number;
  /** Further figures for the dataset's report. */
  report: Record<string, Json>;
  /** Why there is nothing to learn from the dataset, if so. */
  whyUseless(counts: PrepareCounts): string | undefined;
}

const counts = z.strictObject({
  /** Articles read: of a dump, pages of the article namespace that are no redirects. */
  articles: z.int(),
  /** Left out: no text remains, or no link. */
  withoutLinks: z.int(),
  anchors: z.int(),
  /** Anchors that have a name: their page has an English page. */
  linked: z.int(),
  /** Of these, left out because that page is no entity (a list, a category …). */
  filtered: z.int(),
  /** Of the rest, left out because an end is inside a token, or inside the one before. */
  misaligned: z.record(z.string(), z.int()),
});
export type PrepareCounts = z.infer<typeof counts>;

const cursorSchema = z.strictObject({ pages: z.int(), counts });

/** Articles tokenised at once: enough to use all cores, little enough to bound the memory. */
const batchSize = 128;
const batchCharacters = 1_000_000;

/**
 * Makes a dataset, or goes on with one that was interrupted. A dataset that is already there and was made
 * of the same input is left as it is. `source` says what the input is and what was asked of it.
 *
 * @throws LeiaError `format` (damaged or wrong input), `mismatch` (nothing to learn from), `usage` (the
 *   folder holds another dataset), `io`, `interrupted`.
 */
export async function makeDataset(
  options: DatasetOptions,
  source: DatasetMeta['source'],
  open: () => Promise<Articles>,
): Promise<Manifest> {
  const { language, tokenizer, output, shardBytes, signal, onProgress } = options;
  const { hash, vocabSize, bosId } = tokenizer;
  const meta: DatasetMeta = { language, tokenizer: { hash, vocabSize, bosId }, source };
  const present = await finished(output);
  if (present !== undefined && isDeepStrictEqual(present.meta, meta)) return present;
  const writer = await DatasetWriter.create(output, meta, shardBytes ? { shardBytes } : {});
  const articles = await open();
  const cursor = writer.cursor === null ? undefined : cursorSchema.parse(writer.cursor);
  const work = new Preparation(writer, new ArticleTokenizer(tokenizer), cursor?.counts);
  let pages = cursor?.pages ?? 0;
  for await (const article of articles.read(pages)) {
    pages++;
    await work.add(article, pages);
    onProgress?.('articles', pages, articles.total);
    checkInterrupted(signal);
  }
  await work.flush();
  const useless = articles.whyUseless(work.counts);
  if (useless !== undefined) {
    await writer.discard();
    throw new LeiaError('mismatch', useless);
  }
  return writer.finish({ ...articles.report, ...work.counts });
}

/** Collects articles, tokenises them by the batch and appends them to the dataset. */
class Preparation {
  readonly counts: PrepareCounts;
  readonly #writer: DatasetWriter;
  readonly #tokenizer: ArticleTokenizer;
  #batch: (LinkedArticle & { pages: number })[] = [];
  #characters = 0;

  constructor(writer: DatasetWriter, tokenizer: ArticleTokenizer, counted?: PrepareCounts) {
    this.#writer = writer;
    this.#tokenizer = tokenizer;
    this.counts = counted ?? {
      articles: 0,
      withoutLinks: 0,
      anchors: 0,
      linked: 0,
      filtered: 0,
      misaligned: {},
    };
  }

  async add(article: LinkedArticle, pages: number): Promise<void> {
    this.#batch.push({ ...article, pages });
    this.#characters += article.text.length;
    if (this.#batch.length < batchSize && this.#characters < batchCharacters) return;
    await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#characters = 0;
    const tokenized = await this.#tokenizer.tokenize(
      batch.map(({ text, anchors }) => ({
        text: anchors.length > 0 ? text : '',
        spans: anchors.flatMap(({ start, end, name }) =>
          name === null ? [] : [{ start, end, name }],
        ),
      })),
    );
    for (const [i, { title, text, anchors, filtered, pages }] of batch.entries()) {
      this.#count(anchors, filtered);
      if (text.trim() === '' || anchors.length === 0) {
        this.counts.withoutLinks++;
        continue;
      }
      const { article, misaligned } = tokenized[i]!;
      for (const { reason } of misaligned) {
        this.counts.misaligned[reason] = (this.counts.misaligned[reason] ?? 0) + 1;
      }
      const cursor = { pages, counts: structuredClone(this.counts) };
      await this.#writer.append({ title, text, anchors, ...article }, cursor);
    }
  }

  #count(anchors: readonly PassageAnchor[], filtered: number): void {
    const named = anchors.filter(({ name }) => name !== null).length;
    this.counts.articles++;
    this.counts.anchors += anchors.length;
    this.counts.linked += named + filtered;
    this.counts.filtered += filtered;
  }
}

/** The manifest of a finished dataset in the folder, if there is one. */
async function finished(folder: string): Promise<Manifest | undefined> {
  try {
    using dataset = await Dataset.open(folder);
    return dataset.manifest;
  } catch (error) {
    if (error instanceof LeiaError && error.code === 'io') return undefined;
    throw error;
  }
}

/** A file's name, size and checksum. */
export async function describeFile(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ file: string; bytes: number; sha256: string }> {
  try {
    const { size } = await stat(path);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      checkInterrupted(signal);
    }
    return { file: basename(path), bytes: size, sha256: hash.digest('hex') };
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/** @throws LeiaError `interrupted`. */
export function checkInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new LeiaError('interrupted', 'interrupted; the same command goes on where it stopped');
  }
}

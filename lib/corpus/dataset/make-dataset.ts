// Makes a dataset of batches of encoded articles, wherever they come from. It is written shard by shard, and a killed
// run resumes after the last whole shard.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { Dataset } from '../../leia/dataset.ts';
import type { DatasetMeta, Json, Manifest } from '../../leia/dataset-format.ts';
import { DatasetWriter } from '../../leia/dataset-writer.ts';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { standardInput } from '../dump/input-bytes.ts';
import { type FilterOptions, type Reason, reasons } from './article-filter.ts';
import type { ByteProgress } from './byte-progress.ts';
import { articleName, DuplicateList } from './duplicate-list.ts';
import {
  type ArticleBatch,
  addCounts,
  type BatchDetails,
  noCounts,
  type PrepareCounts,
  selectArticles,
} from './encode-articles.ts';
import { signatureAt, signaturesOf } from './near-duplicates.ts';

/** What {@link prepare} does one after the other. */
export type PrepareStage = 'checksums' | 'titles' | 'templates' | 'names' | 'articles';

/** What all kinds of input have in common. */
export interface DatasetOptions {
  /** Language code of the edition, as in its domain name: `ja`, `zh-min-nan`. */
  language: string;
  tokenizer: Tokenizer;
  /** Folder of the dataset. */
  output: string;
  /** Size of the dataset's files, and how much is done again at most after an interruption. Default 128 MiB. */
  shardBytes?: number;
  /**
   * What becomes of articles that nearly repeat one before: they are not looked for, listed and counted, or listed and
   * left out. Default `keep`.
   */
  nearDuplicates?: 'keep' | 'report' | 'drop' | undefined;
  signal?: AbortSignal;
  /** Called at the beginning of every stage and, now and then, with its progress. */
  onProgress?: (stage: PrepareStage, done: number, total?: number, bytes?: ByteProgress) => void;
  /** Called with what looks wrong but does not stop the work. */
  onWarning?: (message: string) => void;
}

/** A dataset that is complete. */
export interface Prepared {
  manifest: Manifest;
  /** False if it was there already, made of the same input. */
  made: boolean;
}

/** A place in the input. */
export interface Place {
  /** Which of several files, counted from 0. */
  file: number;
  /** Where in it; only its reader knows what that means. */
  position: number;
}

/** Articles to make a dataset of. */
export interface Articles {
  /** The batches from where a batch ended on, or from the beginning: always the same ones in the same order. */
  batches(from: Place, details: BatchDetails): AsyncIterable<ArticleBatch & Partial<Place>>;
  /** How many there are in all, if that is known before. */
  total?: number;
  /** Called with the number of bytes read so far. */
  progress?: () => ByteProgress;
  /** At most so many go into the dataset. */
  limit?: number | undefined;
  /** Further figures for the dataset's report. */
  report: Record<string, Json>;
  /** Says why the dataset is useless, if it is. */
  whyUseless(counts: PrepareCounts): string | undefined;
}

const countsSchema: z.ZodType<PrepareCounts> = z.strictObject({
  articles: z.int(),
  leftOut: z.partialRecord(z.enum(Object.keys(reasons) as Reason[]), z.int()).default({}),
  withoutLinks: z.int(),
  anchors: z.int(),
  linked: z.int(),
  fromTemplates: z.int(),
  filtered: z.int(),
  misaligned: z.record(z.string(), z.int()),
});
const cursorSchema = z.strictObject({
  file: z.int().default(0),
  position: z.int(),
  counts: countsSchema,
  /** Near-duplicates that are in the dataset. */
  repeated: z.int().default(0),
  /** Bytes of their list. */
  listed: z.int().default(0),
});

/**
 * Makes a dataset, or resumes one that was interrupted. A dataset that is already there and was made
 * of the same input is left as it is. `source` says what the input is and what was asked of it; `inputs` are its files.
 *
 * @throws LeiaError `format` (damaged or wrong input), `mismatch` (nothing to learn from), `usage` (the
 *   folder holds another dataset), `io`, `interrupted`.
 */
export async function makeDataset(
  options: DatasetOptions,
  source: DatasetMeta['source'],
  inputs: readonly string[],
  open: () => Promise<Articles>,
): Promise<Prepared> {
  const { language, tokenizer, output, shardBytes, signal, onProgress } = options;
  const { hash, vocabSize, bosId } = tokenizer;
  const { nearDuplicates = 'keep' } = options;
  const meta: DatasetMeta = {
    language,
    tokenizer: { hash, vocabSize, bosId },
    source: { ...source, ...(nearDuplicates !== 'keep' && { nearDuplicates }) },
  };
  const present = await finished(output);
  if (present !== undefined && isDeepStrictEqual(present.meta, meta)) {
    return { manifest: present, made: false };
  }
  await using writer = await DatasetWriter.create(output, meta, {
    ...(shardBytes ? { shardBytes } : {}),
    inputs,
    onWarning: options.onWarning,
  });
  const articles = await open();
  const cursor = writer.cursor === null ? undefined : cursorSchema.parse(writer.cursor);
  const counts = cursor?.counts ?? noCounts();
  const report = () =>
    onProgress?.('articles', counts.articles, articles.total, articles.progress?.());
  report();
  const { file: firstFile = 0, position: first = 0 } = cursor ?? {};
  const { limit = Number.POSITIVE_INFINITY } = articles;
  let { repeated = 0 } = cursor ?? {};
  await using list =
    nearDuplicates === 'keep' ? undefined : await DuplicateList.open(output, cursor?.listed ?? 0);
  if (list !== undefined) {
    for await (const { article, passage } of writer.written()) {
      list.restore(signaturesOf([article.inputIds]), passage);
    }
  }
  const details = {
    byArticle: limit < Number.POSITIVE_INFINITY || nearDuplicates === 'drop',
    signatures: list !== undefined,
  };
  const place = { file: firstFile, position: first };
  const batches = writer.articleCount < limit ? articles.batches(place, details) : [];
  for await (const batch of batches) {
    const { oddities, position, file = 0 } = batch;
    const isRepeated = (i: number): boolean => {
      return list?.add(signatureAt(batch.signatures!, i), articleName(batch.encoded, i)) === true;
    };
    const { encoded, counts: more } = selectArticles(
      batch,
      limit - writer.articleCount,
      nearDuplicates === 'drop' ? isRepeated : () => false,
    );
    if (nearDuplicates === 'report') {
      for (let i = 0; i < encoded.ends.length / 2; i++) repeated += isRepeated(i) ? 1 : 0;
    }
    for (const oddity of oddities) options.onWarning?.(oddity);
    addCounts(counts, more);
    const listed = (await list?.flush()) ?? 0;
    const reached = { file, position, counts: structuredClone(counts), repeated, listed };
    if (encoded.ends.length > 0) await writer.appendEncoded(encoded, reached);
    report();
    checkInterrupted(signal);
    if (writer.articleCount === limit) break;
  }
  const useless = articles.whyUseless(counts);
  if (useless !== undefined) {
    await list?.discard();
    await writer.discard();
    throw new LeiaError('mismatch', useless);
  }
  const { leftOut, ...others } = counts;
  const filtered = Object.keys(leftOut).length > 0 ? { leftOut } : {};
  const found = nearDuplicates === 'report' ? { nearDuplicates: repeated } : {};
  const manifest = await writer.finish({ ...articles.report, ...others, ...filtered, ...found });
  return { manifest, made: true };
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

// A type: the compiler does not take an interface for JSON.
export type InputFile = {
  /** Without its folder. */
  file: string;
  /** When a dump was made, as its name says it: `2026-11-20`. */
  date?: string;
  bytes: number;
  sha256: string;
};

/** What the manifest says of a filter; nothing if there is none. */
export async function filterSource(
  options: FilterOptions & Pick<DatasetOptions, 'signal' | 'onProgress'>,
): Promise<Record<string, Json>> {
  const { only, pageProps, disambiguation, minLength, maxLength, sample, limit } = options;
  const filter = {
    ...(only !== undefined && { only: await describeFile(only, options) }),
    ...(minLength !== undefined && { minLength }),
    ...(maxLength !== undefined && { maxLength }),
    ...(disambiguation === 'drop' && { disambiguation }),
    ...(pageProps !== undefined && { pageProps: await describeFile(pageProps, options) }),
    ...(sample !== undefined && { sample: { ...sample } }),
    ...(limit !== undefined && { limit }),
  };
  return Object.keys(filter).length > 0 ? { filter } : {};
}

/** A file's name, date, size and checksum. */
export async function describeFile(
  path: string,
  { signal, onProgress }: Pick<DatasetOptions, 'signal' | 'onProgress'>,
): Promise<InputFile> {
  if (path === standardInput) throw mustBeFile('standard input');
  try {
    const found = await stat(path);
    if (!found.isFile() && !found.isDirectory()) throw mustBeFile(path);
    const { size } = found;
    const hash = createHash('sha256');
    let done = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      done += (chunk as Buffer).length;
      onProgress?.('checksums', 0, undefined, { done, total: size });
      checkInterrupted(signal);
    }
    const file = basename(path);
    return { file, ...dateIn(file), bytes: size, sha256: hash.digest('hex') };
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/** Wikimedia writes `jawiki-20261120-pages-articles.xml.bz2`, or `latest` in place of the date. */
function dateIn(file: string): Pick<InputFile, 'date'> {
  const [, year, month, day] = /-(20\d\d)(\d\d)(\d\d)-/.exec(file) ?? [];
  return year === undefined ? {} : { date: `${year}-${month}-${day}` };
}

/** Whether a dump's name says when it was made. */
export function hasDate(path: string): boolean {
  return dateIn(basename(path)).date !== undefined;
}

/** For what gives its bytes only once. */
function mustBeFile(name: string): LeiaError {
  return new LeiaError(
    'usage',
    `${name} is read more than once, so it must be a file; save it, and give the file`,
  );
}

/** @throws LeiaError `interrupted`. */
export function checkInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new LeiaError('interrupted', 'interrupted; run the same command again to resume');
  }
}

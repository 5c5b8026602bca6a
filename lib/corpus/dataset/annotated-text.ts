// Makes a dataset of text whose entities are known already, JSON Lines (see `annotated-line.ts`). LEIA then needs no
// Wikipedia, as the paper's outlook proposes (Yamada & Ri 2024, section 6).
import { availableParallelism } from 'node:os';
import { example } from './annotated-line.ts';
import { allLeftOut, openTextFilter, type TextFilterOptions } from './article-filter.ts';
import type { ByteProgress } from './byte-progress.ts';
import type { PrepareCounts } from './encode-articles.ts';
import {
  type DatasetOptions,
  describeFile,
  filterSource,
  makeDataset,
  type Prepared,
} from './make-dataset.ts';
import { lineBatches, textWorkers, workOnText } from './text-work.ts';
import { shareTokenizer } from './threads.ts';

/** A sample is of lines by their number, and a title is what the line says. */
export interface PrepareTextOptions extends DatasetOptions, TextFilterOptions {
  /** JSON Lines: .bz2, .gz, .zst or plain. */
  text: string;
  /** Threads to read texts with; the result does not depend on it. Default: one a core. */
  workers?: number;
}

/**
 * Prepares a dataset of annotated text, or resumes one that was interrupted.
 *
 * @throws LeiaError `format` naming file and line (no JSON, a span outside its text, an empty name …),
 *   `mismatch` (no span in it at all), `usage` (the folder holds another dataset), `io`, `interrupted`,
 *   `execution` (a thread failed).
 */
export async function prepareText(options: PrepareTextOptions): Promise<Prepared> {
  const { text, tokenizer, workers = availableParallelism(), onProgress } = options;
  onProgress?.('checksums', 0);
  const filter = await openTextFilter(options);
  const source = { text: await describeFile(text, options), ...(await filterSource(options)) };
  const progress: ByteProgress = { done: 0, total: source.text.bytes };
  const onRead = (done: number): void => {
    progress.done = done;
  };
  const pool = textWorkers(workers, text);
  try {
    return await makeDataset(options, source, [text, options.only ?? []].flat(), async () => ({
      batches: ({ position: done }, details) => {
        const job = { file: text, filter, tokenizer: shareTokenizer(tokenizer), details };
        return workOnText(lineBatches(text, done, onRead), job, pool, tokenizer);
      },
      limit: options.limit,
      progress: () => progress,
      report: {},
      whyUseless: (counts) => whyUseless(counts, text),
    }));
  } finally {
    await pool.close();
  }
}

function whyUseless(
  { articles, leftOut, linked }: PrepareCounts,
  path: string,
): string | undefined {
  const left = articles - Object.values(leftOut).reduce((sum, count) => sum + count, 0);
  if (left === 0 && articles > 0) return allLeftOut(leftOut);
  return linked > 0 ? undefined : `${path}: no span with a name in it, expected ${example} a line`;
}

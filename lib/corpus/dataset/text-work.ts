// What threads do with lines of annotated text: read them, and make encoded articles of them. A batch has a fixed
// number of lines, so that the dataset does not depend on the number of threads.
import { basename } from 'node:path';
import { type Work, WorkerPool } from '../../system/worker-pool.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { type Line, readLines } from '../dump/lines.ts';
import { parseAnnotatedLine } from './annotated-line.ts';
import { type ArticleFilter, ArticleSieve } from './article-filter.ts';
import {
  type ArticleBatch,
  ArticleEncoder,
  type BatchDetails,
  encodedBuffers,
} from './encode-articles.ts';
import { openShared, type SharedTokenizer, workInThreads } from './threads.ts';

/** So many that handing them over costs little, and so few that they need little memory. */
const batchLines = 128;
const batchCharacters = 1_000_000;

export interface TextJob {
  /** Names the file in errors. */
  file: string;
  filter: ArticleFilter;
  tokenizer: SharedTokenizer;
  details: BatchDetails;
}

export interface LineBatch {
  lines: Line[];
  /** How many texts the file has up to the last of these. */
  end: number;
}

/** The lines of a file in batches, without the first `skip` texts and without empty lines. */
export async function* lineBatches(
  path: string,
  skip: number,
  onRead?: (bytes: number) => void,
): AsyncGenerator<LineBatch, void, undefined> {
  let lines: Line[] = [];
  let characters = 0;
  let end = 0;
  for await (const line of readLines(path, onRead)) {
    if (line.text.trim() === '' || ++end <= skip) continue;
    lines.push(line);
    characters += line.text.length;
    if (lines.length < batchLines && characters < batchCharacters) continue;
    yield { lines, end };
    lines = [];
    characters = 0;
  }
  if (lines.length > 0) yield { lines, end };
}

/** Begins a job; `loaded` is its tokenizer, if that is there already. */
export async function startWork(
  { file, filter, tokenizer, details }: TextJob,
  loaded?: Tokenizer,
): Promise<Work<LineBatch, ArticleBatch>> {
  const encoder = new ArticleEncoder(loaded ?? (await openShared(tokenizer)));
  const sieve = new ArticleSieve(filter);
  return async ({ lines, end }) => {
    const articles = lines.map((line) => {
      const article = parseAnnotatedLine(line, file);
      const { title, text } = article;
      const leftOut = sieve.ofName({ title, id: line.number }) ?? sieve.ofText(text);
      return { ...article, ...(leftOut && { leftOut }) };
    });
    const result = await encoder.encode(articles, end, [], details);
    return { result, transfer: encodedBuffers(result) };
  };
}

/** Threads for jobs on annotated text; they start when there is something to do. */
export function textWorkers(workers: number, path: string): WorkerPool {
  const script = import.meta.url.endsWith('.ts') ? 'text-worker.ts' : 'text-worker.js';
  return new WorkerPool({
    script: new URL(script, import.meta.url),
    workers,
    where: (batch) =>
      `${basename(path)}, the text of line ${(batch as LineBatch).lines[0]?.number}`,
  });
}

/** The encoded articles of all batches, in order. */
export function workOnText(
  batches: AsyncGenerator<LineBatch, void, undefined>,
  job: TextJob,
  pool: WorkerPool,
  tokenizer: Tokenizer,
): AsyncGenerator<ArticleBatch, void, undefined> {
  return workInThreads(batches, job, pool, () => startWork(job, tokenizer));
}

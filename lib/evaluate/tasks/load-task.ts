// A task with its questions and few-shot examples, ready to be asked of any model.
import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LeiaError } from '../../system/error.ts';
import type { TaskDefinition } from './definition.ts';
import { type FileSet, findFile, folderFiles } from './find-files.ts';
import { hubFiles } from './hub.ts';
import { type Item, itemsOf } from './items.ts';
import { readRecords, type SourceRecord } from './readers.ts';

/** A task with its questions. */
export interface LoadedTask {
  readonly definition: TaskDefinition;
  readonly items: readonly Item[];
  /** What few-shot examples are taken from. */
  readonly examples: readonly Item[];
  /** Whether those are the questions themselves, one by one. */
  readonly examplesAreQuestions: boolean;
  /** The files they were read from, if any. */
  readonly files: readonly string[];
}

/** Where the questions of a task come from. */
export interface LoadOptions {
  /** A folder, one file of questions, or a dataset on the Hugging Face Hub; the task's own dataset unless given. */
  readonly data?: string | undefined;
  /** A file of few-shot examples in place of the task's own. */
  readonly examples?: string | undefined;
  /** How many examples a question gets; as the task says unless given. */
  readonly numFewShot?: number | undefined;
}

/**
 * Reads and checks a task's files.
 *
 * @throws LeiaError `usage` (no such file, and where it is published), `format` (see `readRecords` and
 *   `itemsOf`), `io`, `unavailable` (no network).
 */
export async function loadTask(
  task: TaskDefinition,
  options: LoadOptions = {},
): Promise<LoadedTask> {
  const count = countExamples(task, options.numFewShot);
  const questions = await questionsFile(task, options.data);
  const items = itemsOf(task, await readRecords(questions, task.data));
  const loaded = { definition: task, items, examplesAreQuestions: false };
  if (count === 0) return { ...loaded, examples: [], files: [questions] };
  const ownQuestions = task.fewShot?.from === 'questions' ? questions : undefined;
  const path = options.examples ?? ownQuestions ?? (await examplesFile(task, options.data));
  if (await isSameFile(path, questions)) {
    return { ...loaded, examples: items, examplesAreQuestions: true, files: [questions] };
  }
  const examples = itemsOf(task, await readRecords(path, task.data));
  return { ...loaded, examples, files: [questions, path] };
}

/** Whether two paths lead to one file; not if there is none. */
async function isSameFile(path: string, other: string): Promise<boolean> {
  const [real, otherReal] = await Promise.all(
    [path, other].map((each) => realpath(each).catch(() => undefined)),
  );
  return real !== undefined && real === otherReal;
}

/** A task whose questions are objects in memory, and the examples too unless they are the questions. */
export function makeTask(
  definition: TaskDefinition,
  questions: readonly Readonly<Record<string, unknown>>[],
  examples?: readonly Readonly<Record<string, unknown>>[],
): LoadedTask {
  const records = (docs: typeof questions): SourceRecord[] =>
    docs.map((doc, i) => ({ doc, where: `${definition.task}: question ${i + 1}` }));
  const items = itemsOf(definition, records(questions));
  return {
    definition,
    items,
    examples: examples === undefined ? items : itemsOf(definition, records(examples)),
    examplesAreQuestions: examples === undefined,
    files: [],
  };
}

/** How many examples each question gets. Throws LeiaError `usage` if the task has no rule for them. */
export function countExamples(task: TaskDefinition, numFewShot: number | undefined): number {
  const count = numFewShot ?? task.fewShot?.count ?? 0;
  if (count === 0 || task.fewShot !== undefined) return count;
  throw new LeiaError(
    'usage',
    `${task.task} has no rule for few-shot examples; leave out --num-fewshot, or the task`,
  );
}

async function questionsFile(task: TaskDefinition, data: string | undefined): Promise<string> {
  if (data !== undefined && (await stat(data).catch(() => undefined))?.isFile()) return data;
  return await findIn(await fileSets(task, data), task, task.data.files);
}

async function examplesFile(task: TaskDefinition, data: string | undefined): Promise<string> {
  const patterns = task.data.examples;
  if (patterns === undefined) {
    throw new LeiaError('usage', `${task.task}: its data names no file of few-shot examples`);
  }
  if (data !== undefined && (await stat(data).catch(() => undefined))?.isFile()) {
    throw new LeiaError(
      'usage',
      `${task.task}: ${data} is one file; name the file of few-shot examples with --examples, or a folder with both`,
    );
  }
  return await findIn(await fileSets(task, data), task, patterns);
}

/** Where a task's files are looked for, in this order. */
async function fileSets(task: TaskDefinition, data: string | undefined): Promise<FileSet[]> {
  const sets: FileSet[] = [];
  if (task.folder !== undefined) sets.push(folderFiles(task.folder));
  if (data !== undefined) sets.push(await given(data));
  else if (task.data.dataset !== undefined) sets.push(hubFiles(task.data.dataset));
  if (sets.length > 0) return sets;
  const { files, published } = task.data;
  throw new LeiaError(
    'usage',
    `${task.task}: --data is missing, a folder with ${files[0]}${published ? `; the set is published at ${published}` : ''}`,
  );
}

/** @throws LeiaError `usage` for what is neither a folder nor can be a dataset's id. */
async function given(data: string): Promise<FileSet> {
  const there = await stat(data).catch(() => undefined);
  if (there?.isDirectory()) return folderFiles(data);
  if (/^[\w.-]+\/[\w.-]+$/.test(data) && there === undefined) return hubFiles(data);
  throw new LeiaError('usage', `--data: there is no folder or file ${resolve(data)}`);
}

async function findIn(
  sets: readonly FileSet[],
  task: TaskDefinition,
  patterns: readonly string[],
): Promise<string> {
  let refusal: unknown;
  for (const files of sets) {
    try {
      return await findFile(task, patterns, files);
    } catch (error) {
      refusal = withAdvice(error, task, patterns);
    }
  }
  throw refusal;
}

/** A Hub that cannot be reached is no reason to stop: the file can be had in another way. */
function withAdvice(error: unknown, { task, data }: TaskDefinition, patterns: readonly string[]) {
  if (!(error instanceof LeiaError) || error.code !== 'unavailable') return error;
  const published = data.published === undefined ? '' : `, published at ${data.published},`;
  return new LeiaError(
    'unavailable',
    `${task}: ${error.message}; name a folder with ${patterns[0]}${published} with --data`,
    { cause: error },
  );
}

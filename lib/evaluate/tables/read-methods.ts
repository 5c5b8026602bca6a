// Reads the methods of a comparison from files: a name, and where its runs are.
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import { parseJson } from '../../system/json.ts';
import { expand, findResults, type ResultFiles, withSamples } from './find-files.ts';
import type { Method, Run } from './methods.ts';
import { numbersOf, parseCsv } from './numbers-file.ts';
import { runOfResults } from './results.ts';

/** A run of an evaluation, with the files of its items. */
export interface FileRun extends Run {
  readonly samples?: ReadonlyMap<string, string>;
}

export interface FileMethod extends Method {
  readonly runs: readonly FileRun[];
}

/** Reads methods, and refuses a file that is there twice: a run counted twice would look like certainty. */
export class MethodReader {
  readonly #metric: string | undefined;
  readonly #seen = new Map<string, string>();

  constructor(metric?: string) {
    this.#metric = metric;
  }

  /**
   * @param places folders of `leia eval` or lm-eval, result files, CSV or JSON lists of numbers, or patterns of these
   * @throws LeiaError `usage`, `format` or `io` naming the file
   */
  async read(name: string, role: Method['role'], places: readonly string[]): Promise<FileMethod> {
    const paths = (await Promise.all(places.map(expand))).flat();
    const runs: FileRun[] = [];
    let means: Method['means'];
    for (const path of paths) {
      const real = await realPathOf(path);
      const { isList, ...read } = await this.#readPath(name, path);
      // A list of numbers has several methods.
      this.#once(isList ? `${real} ${name}` : real, path, name);
      runs.push(...read.runs);
      if (read.means === undefined) continue;
      if (means !== undefined) {
        throw new LeiaError('usage', `${name}: means in more than one file`);
      }
      means = read.means;
    }
    if (means !== undefined && runs.length > 0) {
      throw new LeiaError(
        'usage',
        `${name}: both single runs and means over runs; give one of them`,
      );
    }
    return { name, role, runs, ...(means && { means }) };
  }

  #once(key: string, path: string, method: string): void {
    const other = this.#seen.get(key);
    if (other !== undefined) {
      throw new LeiaError('usage', `${path} is given twice, for ${other} and ${method}`);
    }
    this.#seen.set(key, method);
  }

  async #readPath(
    method: string,
    path: string,
  ): Promise<Pick<FileMethod, 'runs' | 'means'> & { readonly isList: boolean }> {
    const info = await stat(path);
    if (info.isDirectory()) {
      return { isList: false, runs: [await this.#readRun(path, await findResults(path))] };
    }
    const text = await readText(path);
    const isCsv = /\.csv$/i.test(path);
    const json = isCsv ? parseCsv(text, path) : parseResults(text, path);
    if (Array.isArray(json)) return { isList: true, ...numbersOf(method, json, path) };
    const names = await readdir(dirname(path));
    const files = withSamples(dirname(path), names, basename(path));
    return { isList: false, runs: [await this.#readRun(path, files, json)] };
  }

  async #readRun(
    name: string,
    { results, samples }: ResultFiles,
    json?: unknown,
  ): Promise<FileRun> {
    const lines: Record<string, unknown[]> = {};
    for (const [task, path] of samples) lines[task] = await readLines(path);
    const read = json ?? parseResults(await readText(results), results);
    const options = { samples: lines, ...(this.#metric !== undefined && { metric: this.#metric }) };
    return { ...runOfResults(name, read, options), samples };
  }
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/** JSON, also as Python writes it: a score that is no number stands there as NaN, on a line of its own. */
function parseResults(text: string, path: string): unknown {
  const standard = text.replaceAll(
    /^(\s*"(?:[^"\\]|\\.)*": )-?(?:NaN|Infinity)(,?)$/gm,
    '$1null$2',
  );
  return parseJson(standard, path);
}

/** The values of a file of JSON Lines. */
export async function readLines(path: string): Promise<unknown[]> {
  const lines = (await readText(path)).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, i) => parseJson(line, `${path}: line ${i + 1}`));
}

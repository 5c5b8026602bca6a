// The files that a person means who names runs on a command line: folders of results, single files, and patterns of
// either, in an order in which seed 10 comes after seed 9.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';

/** Paths that exist for a pattern with `*` and `?` in its parts; a path without them is taken as it is. */
export async function expand(pattern: string): Promise<string[]> {
  if (!/[*?]/.test(pattern)) return [pattern];
  const parts = pattern.split('/').filter((part, i) => part !== '' || i === 0);
  let paths = [parts[0] === '' ? '/' : '.'];
  for (const part of parts[0] === '' ? parts.slice(1) : parts) {
    paths = (await Promise.all(paths.map((path) => within(path, part)))).flat();
  }
  if (paths.length === 0) throw new LeiaError('usage', `nothing matches ${pattern}`);
  return paths;
}

async function within(folder: string, part: string): Promise<string[]> {
  if (!/[*?]/.test(part)) {
    const path = join(folder, part);
    return (await stat(path).catch(() => undefined)) === undefined ? [] : [path];
  }
  const literal = part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  const shape = new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
  // What is no folder has nothing in it.
  const names = await readdir(folder).catch(() => []);
  return sorted(
    names.filter((name) => shape.test(name) && name.startsWith('.') === part.startsWith('.')),
  ).map((name) => join(folder, name));
}

function sorted(names: readonly string[]): string[] {
  return [...names].sort(new Intl.Collator('en', { numeric: true }).compare);
}

/** A result file and what lies beside it. */
export interface ResultFiles {
  readonly results: string;
  /** By task: its file of samples. */
  readonly samples: ReadonlyMap<string, string>;
}

/**
 * The results in a folder: `results.json` as `leia eval` writes it, or lm-evaluation-harness's `results_<time>.json`, which
 * it puts into a folder named for the model.
 *
 * @throws LeiaError `usage` for a folder without results, or with several that cannot be told apart
 */
export async function findResults(folder: string): Promise<ResultFiles> {
  const names = await list(folder);
  const results = names.filter((name) => /^results(_.*)?\.json$/.test(name));
  if (results.includes('results.json')) return withSamples(folder, names, 'results.json');
  if (results.length === 1) return withSamples(folder, names, results[0]!);
  if (results.length > 1) {
    throw new LeiaError(
      'usage',
      `${folder} has ${results.length} result files; name one of them, such as ${join(folder, sorted(results).at(-1)!)}`,
    );
  }
  const inner: string[] = [];
  for (const name of names) {
    const within = await readdir(join(folder, name)).catch(() => []);
    if (within.some((each) => /^results(_.*)?\.json$/.test(each))) inner.push(join(folder, name));
  }
  if (inner.length === 1) return findResults(inner[0]!);
  const found = inner.length === 0 ? 'has no results.json' : `has results in ${inner.join(', ')}`;
  throw new LeiaError('usage', `${folder} ${found}; expected the folder of one evaluation`);
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw fileError('read', folder, error);
  }
}

/** The samples of a result file, which carry the same time in their names where it does. */
export function withSamples(
  folder: string,
  names: readonly string[],
  results: string,
): ResultFiles {
  const time = /^results(_.*)?\.json$/.exec(results)?.[1] ?? '';
  const samples = names.flatMap((name): [string, string][] => {
    const task = /^samples_(.+)\.jsonl$/.exec(name)?.[1];
    if (task === undefined || !task.endsWith(time)) return [];
    return [[task.slice(0, task.length - time.length), join(folder, name)]];
  });
  return { results: join(folder, results), samples: new Map(samples) };
}

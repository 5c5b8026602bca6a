// Which files a person means as dumps. Wikimedia parts large dumps into numbered pieces, and shells sort those as texts:
// 1, 10, 2. Pieces of one dump are read in the order of their numbers; otherwise the order is the person's.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';

/**
 * The files that paths and patterns name. In a file's name, `*` stands for any characters, `?` for one.
 *
 * @throws LeiaError `usage` if a pattern fits no file, or if a file is named twice; `io`
 */
export async function dumpFiles(names: readonly string[]): Promise<string[]> {
  const files = (await Promise.all(names.map(expand))).flat();
  for (const [i, file] of files.entries()) {
    if (files.indexOf(file) < i) throw new LeiaError('usage', `the dump ${file} is given twice`);
  }
  return piecesInOrder(files);
}

async function expand(name: string): Promise<string[]> {
  const pattern = basename(name);
  const isFile = await stat(name).then(
    () => true,
    () => false,
  );
  if (isFile || !/[*?]/.test(pattern)) return [name];
  const folder = dirname(name);
  let found: string[];
  try {
    found = await readdir(folder);
  } catch (error) {
    throw fileError('read', folder, error);
  }
  const files = found.filter((file) => fits(file, pattern)).sort();
  if (files.length === 0) throw new LeiaError('usage', `no file fits the pattern ${name}`);
  return files.map((file) => join(folder, file));
}

/** As in a shell, a hidden file fits only a pattern that begins with a dot. */
function fits(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  // Where the last `*` stood, and how far what it stands for reaches: if the rest does not fit, it reaches further. So
  // the time grows with the product of both lengths at most, unlike that of a regular expression.
  let [star, reached] = [-1, 0];
  let [at, place] = [0, 0];
  while (at < name.length) {
    if (pattern[place] === '*') {
      star = place++;
      reached = at;
    } else if (place < pattern.length && (pattern[place] === '?' || pattern[place] === name[at])) {
      place++;
      at++;
    } else if (star >= 0) {
      place = star + 1;
      at = ++reached;
    } else {
      return false;
    }
  }
  while (pattern[place] === '*') place++;
  return place === pattern.length;
}

/** Sorts those whose names differ in numbers alone, where the first of them stands. */
function piecesInOrder(files: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const key = join(dirname(file), basename(file).replaceAll(/\d+/g, '0'));
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].flatMap((group) => group.sort(byNumbers));
}

function byNumbers(a: string, b: string): number {
  const [first, second] = [a, b].map((file) => basename(file).match(/\d+/g) ?? []);
  for (const [i, digits] of first!.entries()) {
    const difference = BigInt(digits) - BigInt(second![i]!);
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  return 0;
}

// Datasets of the small wiki for tests of the commands: how they are made, and what is expected of all of them.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { flagOf, KINDS, writeDump, writeNames } from '../corpus/small-wiki.ts';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { type ChildOptions, leia } from './child.ts';

export const tiny = join(fixtures, 'tokenizer-tiny');

export interface Small {
  folder: string;
  output: string;
  /** `leia prepare` of the small wiki; options given here take the place of its own. */
  prepare(more?: readonly string[], options?: ChildOptions): ReturnType<typeof leia>;
  /** Its arguments, but for the source of names that `prepare` chooses. */
  args: readonly string[];
}

export async function smallWiki(makeFolder = temporaryFolder): Promise<Small> {
  const folder = await makeFolder();
  const output = join(folder, 'data');
  const args = ['prepare', '--dump', await writeDump(folder), '--language', 'pt'];
  args.push('--tokenizer', tiny, '--output', output);
  const titles = ['--titles', await writeNames(folder, 'titles')];
  return {
    folder,
    output,
    args: [...args, ...titles],
    prepare: (more = [], options = {}) => {
      const named = more.some((arg) => KINDS.map(flagOf).includes(arg));
      const own = named ? args : [...args, ...titles];
      return leia(withOptions(own, more), options);
    },
  };
}

/** A command with further options, which take the place of those it has. Each option has one value. */
export function withOptions(args: readonly string[], more: readonly string[]): string[] {
  const others = args.filter((arg, i) => !more.includes(arg.startsWith('--') ? arg : args[i - 1]!));
  return [...others, ...more];
}

const kept: string[] = [];
/** A folder that goes away when all tests are done; those that run at once cannot have one of their own. */
export async function keep(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'leia-data-'));
  kept.push(folder);
  return folder;
}
afterAll(async () => {
  for (const folder of kept) await rm(folder, { recursive: true, force: true });
});

/** Every file of a folder by name. */
export async function contents(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const name of (await readdir(folder)).sort()) {
    files.set(name, await readFile(join(folder, name)));
  }
  return files;
}

/** One line on standard error, after what was shown of the progress. */
export function errorLine(stderr: string): string {
  const lines = stderr.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('leia: '))).toEqual([lines.at(-1)]);
  expect(stderr).not.toMatch(/^\s+at /m);
  return lines.at(-1)!;
}

/** No dataset that opens lies there, and what is there says how to go on. */
export async function expectNoDataset(output: string): Promise<void> {
  const { code, stdout, stderr } = await leia(['data', 'show', '--data', output, '--jsonl']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /^leia: .*(is not finished; run the same leia prepare again|a dataset is made by leia prepare)\n$/,
  );
}

// Compiles lib to dist before the tests. The tests of the command line start some two hundred processes, and Node starts
// one from JavaScript in a third of the time that it needs from the sources.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

const root = resolve(import.meta.dirname, '../..');
const compiler = join(root, 'node_modules/.bin/tsc');

export function setup(project: TestProject): void {
  // The bundle for GPU machines has no compiler; its dist was made of its lib.
  if (!existsSync(compiler)) return;
  compile();
  project.onTestsRerun(compile);
}

/** Without types, which `npm test` checks by themselves: what runs under a debugger need not be finished. */
function compile(): void {
  mkdirSync(join(root, 'build'), { recursive: true });
  const fresh = mkdtempSync(join(root, 'build', 'dist-'));
  try {
    const args = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', fresh];
    const { status, stdout } = spawnSync(compiler, args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`lib cannot be compiled:\n${stdout}`);
    for (const file of readdirSync(fresh, { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.js')) replace(join(fresh, file), join(root, 'dist', file));
    }
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

/** Whole and only if it differs: processes of other tests may be reading it. */
function replace(from: string, to: string): void {
  if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) return;
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}

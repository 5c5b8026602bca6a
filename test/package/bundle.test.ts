// The bundle does what it is for: unpacked in an empty folder of a machine without Node, it says what the
// machine has, proves an operation and measures one.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plainEnvironment } from '../support/child.ts';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-bundle-test-'));
  const archive = join(folder, 'bundle.tar.xz');
  await execute('node', ['scripts/bundle.mjs', archive], { cwd: root });
  await execute('tar', ['-xf', archive, '-C', folder]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs it where nothing but the shell's own tools is on PATH. */
function run(...args: string[]) {
  const { LEIA_ADDON, LEIA_TEST_FULL, NODE_OPTIONS, ...environment } = plainEnvironment;
  const env = { ...environment, NO_COLOR: '1', PATH: '/nowhere', HOME: folder };
  return execute('/bin/sh', [join(folder, 'leia-bundle/run'), ...args], { cwd: folder, env });
}

test('is one folder in an archive of at most 60 MB', async () => {
  const entries = await readdir(folder);
  expect(entries.sort()).toEqual(['bundle.tar.xz', 'leia-bundle']);
  expect((await stat(join(folder, 'bundle.tar.xz'))).size).toBeLessThan(60e6);
});

test('says how it is used, and what the machine has', async () => {
  expect((await run()).stdout).toContain('bench [op ...]');
  const { stdout } = await run('doctor');
  expect(stdout).toMatch(/native core +works: /);
  expect(stdout).toContain('device cuda');
});

test('runs the tests of an operation on every device', async () => {
  const { stdout } = await run('test', 'operations', '-t', 'fill on');
  expect(stdout).toMatch(/Test Files +2 passed/);
  expect(stdout).not.toMatch(/failed/);
});

test('has all that is tested on a GPU, with what these tests need', async () => {
  const lists = await readFile(join(root, 'test/device-tests.json'), 'utf8');
  const wanted = Object.values(JSON.parse(lists) as Record<string, string[]>).flat();
  const has = new Set(
    await readdir(join(folder, 'leia-bundle/test'), { recursive: true, encoding: 'utf8' }),
  );
  expect(wanted.filter((file) => !has.has(file.replace('test/', '')))).toEqual([]);
  const files = ['llama/generate', 'train/state-copies', 'distributed'];
  const { stdout } = await run('test', '--project', 'emulated', ...files);
  expect(stdout).toMatch(/Test Files +4 passed/);
  expect(stdout).not.toMatch(/failed/);
});

test('has the benchmarks', async () => {
  const { stdout } = await run('bench:training', '--sequence', '32', '--steps', '1');
  expect(stdout).toContain('tokens/s');
  const refused = run('bench', 'no-such-operation');
  await expect(refused).rejects.toMatchObject({
    stderr: expect.stringMatching(/no-such-operation.*rms-norm/s),
  });
});

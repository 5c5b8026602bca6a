// The kernels that the emulator runs are also CUDA: where nvcc is, it compiles every one of them for an A100
// and finds a place in registers for all they keep.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const hasCompiler = spawnSync('nvcc', ['--version']).status === 0;
if (!hasCompiler)
  console.warn('nvcc is not on PATH: whether kernels compile for a GPU is not seen.');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-nvcc-'));
});
afterAll(() => rm(folder, { recursive: true }));

const native = join(root, 'native/ops');
const kernels = (await readdir(native, { recursive: true })).filter((name) => name.endsWith('.cu'));

test('there are kernels', () => expect(kernels).not.toEqual([]));

describe.skipIf(!hasCompiler)('nvcc (needs it on PATH)', () => {
  test.each(kernels)('compiles %s without spills', async (name) => {
    const output = join(folder, 'kernel.cubin');
    const flags = [
      '-cubin',
      '-std=c++20',
      '-arch=sm_80',
      '-Xptxas',
      '-v',
      '-I',
      join(root, 'native'),
    ];
    const { stderr } = await run('nvcc', [...flags, '-o', output, join(native, name)]);
    const spills = [...stderr.matchAll(/(\d+) bytes spill (?:stores|loads)/g)].map(([, n]) => n);
    expect(spills.length).toBeGreaterThan(0);
    expect(spills.filter((bytes) => bytes !== '0')).toEqual([]);
    expect(stderr).not.toMatch(/warning/);
  });
});

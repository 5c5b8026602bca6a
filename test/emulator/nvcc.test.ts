// The kernels that the emulator runs are also CUDA: where nvcc is, it compiles every one of them for an A100
// and finds a place in registers for all they keep.
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
const kernels = (await readdir(native, { recursive: true })).filter(
  (name) => name.endsWith('.cu') && readFileSync(join(native, name), 'utf8').includes('__global__'),
);

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
    const bytes = (what: RegExp) => [...stderr.matchAll(what)].map(([, count]) => count);
    const spills = bytes(/(\d+) bytes spill (?:stores|loads)/g);
    expect(spills.length).toBeGreaterThan(0);
    expect(spills.filter((count) => count !== '0')).toEqual([]);
    // Sums that are indexed by what is no constant would lie on a stack in memory.
    if (name.startsWith('flash_attention')) {
      expect(bytes(/(\d+) bytes stack frame/g).filter((count) => count !== '0')).toEqual([]);
    }
    expect(stderr).not.toMatch(/warning/);
  });
});

// The kernels that the emulator runs are also CUDA: where nvcc is, it compiles every one of them for the GPUs of the
// package, without a warning, and finds a place in registers for all that the tuned ones keep.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const timeout = 900_000;
const has = (tool: string) => spawnSync(tool, ['--version']).status === 0;

test('no kernel that is tuned spills, or keeps anything in local memory', async () => {
  const page = await readFile(join(root, 'bench/RESOURCES.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| \w+ \| `/.test(line));
  expect(rows.length).toBeGreaterThan(100);
  const spilling = rows.filter((row) => {
    const [registers80, stack80, spills80, registers90, stack90, spills90] = row
      .split('|')
      .slice(3, 9)
      .map(Number);
    expect([registers80, registers90].every((count) => count! > 0 && count! <= 255)).toBe(true);
    return stack80! + spills80! + stack90! + spills90! > 0;
  });
  // Choosing one token takes microseconds either way.
  expect(spilling.filter((row) => !row.startsWith('| sample_token '))).toEqual([]);
});

if (has('nvcc')) {
  test('nvcc says what bench/RESOURCES.md says', { timeout }, async () => {
    await run('node', ['scripts/resources.mjs', '--check'], { cwd: root });
  });
} else {
  console.warn('nvcc is not on PATH: whether kernels compile for a GPU is not seen.');
}

if (has('nvcc') && has('cuobjdump')) {
  test('attention is made of tensor-core products and 16-byte copies', { timeout }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'leia-sass-'));
    const cubin = join(folder, 'forward.cubin');
    const source = join(root, 'native/ops/flash_attention/flash_attention_forward_cuda.cu');
    const flags = ['-cubin', '-std=c++20', '-arch=sm_80', '-I', join(root, 'native')];
    await run('nvcc', [...flags, '-o', cubin, source]);
    const { stdout } = await run('cuobjdump', ['-sass', cubin], { maxBuffer: 2 ** 28 });
    await rm(folder, { recursive: true });
    for (const instruction of [/HMMA\.16816/, /LDSM/, /LDGSTS\S*\.128/]) {
      expect(stdout).toMatch(instruction);
    }
  });
} else {
  console.warn('cuobjdump is not on PATH: the machine code of attention is not looked at.');
}

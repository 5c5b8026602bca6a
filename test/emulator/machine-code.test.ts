// What attention's kernels wait for, and when, as ptxas arranged it: it moves waits through straight code, and no warning
// says so. Where nvcc is; the emulator cannot show it.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { instructionsOf } from '../support/cubin.ts';

const native = resolve(import.meta.dirname, '../../native');

/** The kernels of a file of attention's, compiled for 8.0, and all bytes of the result. */
async function compiled(name: string) {
  const folder = await mkdtemp(join(tmpdir(), 'leia-cubin-'));
  try {
    const cubin = join(folder, 'kernels.cubin');
    const source = join(native, 'ops/flash_attention', `${name}_cuda.cu`);
    const flags = ['-cubin', '-std=c++20', '-arch=sm_80', '-DNDEBUG', '-I', native];
    await promisify(execFile)('nvcc', [...flags, '-o', cubin, source]);
    return { kernels: await instructionsOf(cubin), bytes: await readFile(cubin) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Kernel templates of this name in bfloat16, by their arguments: `128` or `128 0`. */
function inBfloat16(kernels: Map<string, string[]>, name: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [mangled, code] of kernels) {
    const values = new RegExp(`${name}INS_8bfloat16E((?:L[ib]\\d+E)+)E`).exec(mangled)?.[1];
    if (values) found.set([...values.matchAll(/\d+/g)].join(' '), code);
  }
  return found;
}

const count = (code: readonly string[], operation: string) =>
  code.filter((one) => one === operation).length;

/** The stretches of code before, between and after the places of an operation. */
function split(code: readonly string[], operation: string): string[][] {
  return code
    .join(' ')
    .split(operation)
    .map((part) => part.trim().split(' '));
}

if (spawnSync('nvcc', ['--version']).status === 0) {
  test("forward's exponentials are made while the values are on their way", async () => {
    const kernels = inBfloat16((await compiled('flash_attention_forward')).kernels, '_forward');
    expect([...kernels.keys()].toSorted()).toEqual(['128', '256', '32', '64', '96']);
    // At 128 dims half of the 128 products for the scores are in line, and all 128 for the output.
    expect(count(kernels.get('128')!, 'HMMA')).toBe(192);
    for (const [dims, code] of kernels) {
      // The loop waits for keys, then for values; behind the loop is a third wait.
      const [, scores, output] = split(code, 'DEPBAR');
      expect(count(scores!, 'HMMA'), dims).toBeGreaterThan(0);
      expect(count(scores!, 'MUFU'), dims).toBeGreaterThan(31);
      expect(count(output!, 'HMMA'), dims).toBeGreaterThan(0);
      expect(count(output!, 'MUFU'), dims).toBe(0);
    }
  });

  test('backward stores its part of dQ long before it passes the turn on', async () => {
    const { kernels, bytes } = await compiled('flash_attention_backward');
    const tuned = inBfloat16(kernels, '_backward');
    expect(tuned.size).toBe(10);
    // The second number is 1 for the tiles that fit 99 KB.
    for (const name of ['96 0', '128 0', '256 0', '32 1', '64 1', '96 1', '128 1', '256 1']) {
      // A turn is passed on at the beginning of a step, and once behind the loop.
      const [, loop] = split(tuned.get(name)!, 'MEMBAR');
      const behind = loop!.slice(loop!.lastIndexOf('STG'));
      expect(count(behind, 'HMMA'), name).toBeGreaterThan(7);
    }
    for (const [name, code] of kernels) {
      expect(count(code, 'STL') + count(code, 'LDL'), name).toBe(0);
    }
    // With LEIA_DEBUG=1 a kernel that waits in vain ends with this message.
    expect(bytes.includes("a block's turn does not come")).toBe(true);
  });
} else {
  console.warn('nvcc is not on PATH: when kernels wait is not seen.');
}

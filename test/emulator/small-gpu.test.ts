// GPUs of compute capability 8.6 and 8.9 give a block 99 KB of shared memory, less than attention's fast tiles take:
// there it has smaller ones, which must be right as well. The limit is the environment's, so a child runs them.
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../support/child.ts';
import { isFull } from '../support/extent.ts';

const root = resolve(import.meta.dirname, '../..');
const environment = {
  LEIA_TEST_DEVICE: 'emulated',
  LEIA_ADDON: join(root, process.env.LEIA_BUILD ?? 'build', 'emulated/leia.node'),
  LEIA_EMULATOR_SHARED: String(99 * 1024),
  LEIA_TEST_OPERATION: 'flash-attention',
};

test('attention fits 99 KB and is within its tolerances', async () => {
  const flags = isFull ? ['errors'] : ['errors', 'ragged'];
  const { code, output, errors } = await runChild('ops/all-cases.ts', environment, [], flags);
  expect(errors).toBe('');
  expect(code).toBe(0);
  const lines = output.trim().split('\n');
  expect(lines.length).toBeGreaterThan(isFull ? 200 : 50);
  const wrong = lines.filter((line) => {
    const { error, tolerance } = JSON.parse(line) as { error: number | null; tolerance: number };
    return !(typeof error === 'number' && error <= tolerance);
  });
  expect(wrong).toEqual([]);
});

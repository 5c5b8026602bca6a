// The sampled hash of a checkpoint's weights: what it tells apart, and how little it reads for that.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { SafetensorsFile, writeSafetensors } from '../../lib/llama/safetensors.ts';
import { saveCheckpoint } from '../../lib/llama/save-checkpoint.ts';
import { hashWeights } from '../../lib/llama/weights-hash.ts';
import { fixtures, temporaryFolder } from './fixtures.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

interface Parameter {
  name: string;
  shape: number[];
  values: Float32Array;
}

/** The hash of parameters that a file holds. */
async function hashOf(parameters: readonly Parameter[], dtype: 'F32' | 'I32' = 'F32') {
  const path = join(await temporaryFolder(), 'model.safetensors');
  await writeSafetensors(
    path,
    parameters.map(({ name, shape, values }) => ({
      ...{ name, shape, dtype },
      read: () => new Uint8Array(values.buffer),
    })),
  );
  await using file = await SafetensorsFile.open(path);
  return await hashWeights(parameters.map(({ name }) => [name, file] as const));
}

/** A norm that is hashed as a whole, and a matrix of 4 MB that is sampled. */
function parameters(): [norm: Parameter, matrix: Parameter] {
  const values = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));
  return [
    { name: 'norm', shape: [1000], values: values(1000) },
    { name: 'matrix', shape: [1000, 1000], values: values(1_000_000) },
  ];
}

test('is the same for the same weights, and another for every difference', async () => {
  const same = await hashOf(parameters());
  expect(same).toMatch(/^[0-9a-f]{64}$/);
  expect(await hashOf(parameters())).toBe(same);
  const different: [string, (norm: Parameter, matrix: Parameter) => void][] = [
    ['first of a norm', ({ values }) => values.fill(7, 0, 1)],
    ['middle of a norm', ({ values }) => values.fill(7, 512, 513)],
    ['last of a norm', ({ values }) => values.fill(7, 999)],
    ['first of a matrix', (_, { values }) => values.fill(7, 0, 1)],
    ['last of a matrix', (_, { values }) => values.fill(7, 999_999)],
    // Samples are a seventh of the matrix apart.
    ['a fifth of a matrix', (_, { values }) => values.fill(7, 430_000, 630_000)],
    ['a name', (norm) => Object.assign(norm, { name: 'other' })],
    ['a shape', (_, matrix) => Object.assign(matrix, { shape: [500, 2000] })],
  ];
  const hashes = new Set([same, await hashOf(parameters(), 'I32')]);
  for (const [, change] of different) {
    const changed = parameters();
    change(...changed);
    hashes.add(await hashOf(changed));
  }
  expect(hashes.size).toBe(2 + different.length);
});

test('reads little of large parameters', async () => {
  const read = vi.spyOn(SafetensorsFile.prototype, 'readPart');
  await hashOf(parameters());
  const bytes = read.mock.calls.reduce((sum, [, from, to]) => sum + to - from, 0);
  expect(bytes).toBe(4000 + 8 * 4096);
});

test('does not depend on how the weights are spread over files', async () => {
  await using single = await Checkpoint.open(join(fixtures, 'tiny-llama'));
  const folder = await temporaryFolder();
  const { config } = single;
  const read = (name: string) => single.read(name);
  await saveCheckpoint(folder, { config, dtype: 'float32', read, maxShardBytes: 100_000 });
  await using sharded = await Checkpoint.open(folder);
  expect(await sharded.hashWeights()).toBe(await single.hashWeights());
  await using other = await Checkpoint.open(join(fixtures, 'tiny-llama-tied'));
  expect(await other.hashWeights()).not.toBe(await single.hashWeights());
});

test('a file that shrinks meanwhile is named', async () => {
  const path = join(await temporaryFolder(), 'model.safetensors');
  const [, matrix] = parameters();
  const { name, shape, values } = matrix;
  const source = { name, shape, dtype: 'F32' as const, read: () => new Uint8Array(values.buffer) };
  await writeSafetensors(path, [source]);
  await using file = await SafetensorsFile.open(path);
  await writeFile(path, '');
  await expect(hashWeights([[name, file]])).rejects.toMatchObject({
    code: 'format',
    message: expect.stringContaining(path),
  });
});

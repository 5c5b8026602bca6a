// What a window and lengths hide costs nothing: blocks that are wholly hidden are never multiplied with, forward or
// backward. Shown by garbage: NaN times a probability of zero is NaN, so whoever visits it passes it on.
import { expect, test } from 'vitest';
import { Device, ops, Tensor } from '../../lib/ops.ts';
import { deviceName, elements, randomSource, randomValues } from './case.ts';

const device = Device.open(deviceName);
const headDim = 32;
/** More than a window with a block of queries and a block of keys. */
const farthest = 320;

/** Rows of one head, with NaN at the positions of `garbage`. */
function rows(count: number, seed: number, garbage: readonly number[] = []): Tensor {
  const shape = [1, count, 1, headDim];
  const { data } = randomValues(shape, 'float32', randomSource(seed));
  for (const at of garbage) data.fill(Number.NaN, at * headDim, (at + 1) * headDim);
  return Tensor.from(Float32Array.from(data), shape, { device, dtype: 'bfloat16' });
}

/** Positions of which any of the numbers is not finite. */
async function spoiled(tensor: Tensor): Promise<number[]> {
  const values = await tensor.read();
  const positions = Array.from({ length: values.length / headDim }, (_, i) => i);
  return positions.filter(
    (i) => !values.slice(i * headDim, (i + 1) * headDim).every(Number.isFinite),
  );
}

/** Positions, all within [first, last]; at least those that must see the garbage. */
function expectBetween(positions: number[], first: number, last: number, least: number): void {
  expect(positions.length).toBeGreaterThanOrEqual(least);
  expect(positions.filter((at) => at < first || at > last)).toEqual([]);
}

test('blocks outside the window are not visited, forward and backward', async () => {
  const [sequence, left, right, at] = [720, 40, 10, 360];
  const windowSize = [left, right] as const;
  const [query, key, value] = [rows(sequence, 1), rows(sequence, 2), rows(sequence, 3)];
  const gradOutput = rows(sequence, 4);
  const clean = ops.flashAttentionForward({ query, key, value, windowSize });

  // A key that is garbage spoils the queries that see its block.
  const spoiledKey = rows(sequence, 2, [at]);
  const spoiledValue = rows(sequence, 3, [at]);
  const args = { query, key: spoiledKey, value: spoiledValue, windowSize };
  const { output } = ops.flashAttentionForward(args);
  expectBetween(await spoiled(output), at - farthest, at + farthest, left + right + 1);
  const ofKeys = ops.flashAttentionBackward({ ...args, ...clean, gradOutput });
  expectBetween(await spoiled(ofKeys.gradQuery), at - farthest, at + farthest, left + right + 1);

  // A query that is garbage spoils the keys that its block sees.
  const spoiledQuery = rows(sequence, 1, [at]);
  const gradients = ops.flashAttentionBackward({
    ...{ query: spoiledQuery, key, value, windowSize, ...clean, gradOutput },
  });
  for (const gradient of [gradients.gradKey, gradients.gradValue]) {
    expectBetween(await spoiled(gradient), at - farthest, at + farthest, left + right + 1);
  }
});

test('few queries with a window visit the end of the keys alone', async () => {
  const [keys, left] = [1500, 300];
  const hidden = Array.from({ length: keys - left - 1 - farthest }, (_, i) => i);
  const [key, value] = [rows(keys, 2, hidden), rows(keys, 3, hidden)];
  const { output } = ops.flashAttentionForward({
    ...{ query: rows(2, 1), key, value, causal: true, windowSize: [left, 0] },
  });
  expect(await spoiled(output)).toEqual([]);
});

/** Zeros, also where NaN was before. */
async function expectZero(tensor: Tensor, name: string): Promise<void> {
  expect(new Set(Array.from(await tensor.read(), Math.abs)), name).toEqual(new Set([0]));
}

test.each([
  [1, 70, true],
  [37, 70, false],
  [150, 200, true],
])('%i queries of a row without keys give zeros (causal: %s)', async (queries, keys, causal) => {
  const poisoned = (shape: readonly number[], dtype: 'float32' | 'bfloat16') =>
    Tensor.from(new Float32Array(elements(shape)).fill(Number.NaN), shape, { device, dtype });
  for (const dtype of ['float32', 'bfloat16'] as const) {
    // A head size without a kernel of its own, and two query heads to a key.
    const [queryShape, keyShape] = [
      [1, queries, 2, 40],
      [1, keys, 1, 40],
    ];
    const ones = Tensor.from(new Float32Array(elements(queryShape)).fill(1), queryShape, {
      device,
      dtype,
    });
    const args = {
      ...{ query: ones, key: poisoned(keyShape, dtype), value: poisoned(keyShape, dtype), causal },
      keyLengths: Tensor.from(Int32Array.of(0), [1], { device }),
      windowSize: [20, -1] as const,
      softcap: 3,
    };
    const forward = ops.flashAttentionForward({ ...args, output: poisoned(queryShape, dtype) });
    await expectZero(forward.output, 'output');
    expect(new Set(await forward.logsumexp.read())).toEqual(new Set([-Infinity]));
    const gradients = ops.flashAttentionBackward({
      ...{ ...args, ...forward, gradOutput: ones },
      gradQuery: poisoned(queryShape, dtype),
      gradKey: poisoned(keyShape, dtype),
      gradValue: poisoned(keyShape, dtype),
    });
    for (const [name, tensor] of Object.entries(gradients)) await expectZero(tensor, name);
  }
});

test('a window that hides nothing, and a cap that is no bound, change no bit', async () => {
  const [query, key, value, gradOutput] = [rows(90, 1), rows(150, 2), rows(150, 3), rows(90, 4)];
  const results = async (options: object) => {
    const args = { query, key, value, causal: true, ...options };
    const forward = ops.flashAttentionForward(args);
    const backward = ops.flashAttentionBackward({ ...args, ...forward, gradOutput });
    const all = Object.values({ ...forward, ...backward });
    return Promise.all(all.map(async (tensor) => Array.from(await tensor.read())));
  };
  const plain = await results({});
  expect(await results({ windowSize: [149, 3], softcap: 0 })).toEqual(plain);
  expect(await results({ windowSize: [2 ** 40, -1] })).toEqual(plain);
});

test.each([
  ['float32', 1e18],
  ['bfloat16', 1e18],
  ['float32', -1e18],
  ['bfloat16', -1e18],
] as const)('the largest scores, in %s, come out as the cap', async (dtype, size) => {
  const shape = [1, 40, 1, headDim];
  const filled = (value: number) =>
    Tensor.from(new Float32Array(40 * headDim).fill(value), shape, { device, dtype });
  const args = { query: filled(size), key: filled(1e18), value: filled(1), softcap: 7 };
  const forward = ops.flashAttentionForward(args);
  const top = 7 * Math.sign(size) + Math.log(40);
  for (const sum of await forward.logsumexp.read()) expect(sum).toBeCloseTo(top, 5);
  // The cap is reached, so no score has a slope.
  const gradients = ops.flashAttentionBackward({ ...args, ...forward, gradOutput: filled(1) });
  await expectZero(gradients.gradQuery, 'gradQuery');
  await expectZero(gradients.gradKey, 'gradKey');
});

// Attention of tensors that begin anywhere in memory: kernels that copy 16 bytes at a time must not be given
// them as they are. The results are those of the same values at the beginning of a tensor of their own.
import { expect, test } from 'vitest';
import { Device, type DType, ops, Tensor } from '../../lib/ops.ts';
import { deviceName, elements, randomSource, randomValues, relativeError } from './case.ts';
import { attentionBackwardReference, shapeOf } from './cases/flash-attention.ts';

const device = Device.open(deviceName);
const [queryShape, keyShape] = [
  [1, 20, 4, 64],
  [1, 20, 2, 64],
] as const;

/** Tensors with the values of a seed, `offset` elements into memory of their own. */
function inputs(dtype: DType, offset: number) {
  const random = randomSource(3);
  const place = (shape: readonly number[], values: ArrayLike<number>) => {
    const padded = [...new Array<number>(offset).fill(Number.NaN), ...Array.from(values)];
    const whole = Tensor.from(padded, [padded.length], { dtype, device });
    return whole.view([...shape], offset);
  };
  const random4 = (shape: readonly number[]) =>
    place(shape, randomValues([...shape], dtype, random).data);
  const empty = (shape: readonly number[]) =>
    place(shape, new Array<number>(elements([...shape])).fill(Number.NaN));
  return {
    attention: { query: random4(queryShape), key: random4(keyShape), value: random4(keyShape) },
    output: empty(queryShape),
    gradients: {
      gradOutput: random4(queryShape),
      gradQuery: empty(queryShape),
      gradKey: empty(keyShape),
      gradValue: empty(keyShape),
    },
  };
}

async function results(dtype: DType, offset: number): Promise<number[][]> {
  const { attention, output, gradients } = inputs(dtype, offset);
  const args = { ...attention, causal: true };
  const forward = ops.flashAttentionForward({ ...args, output });
  const backward = ops.flashAttentionBackward({ ...args, ...forward, ...gradients });
  const tensors = [forward.output, forward.logsumexp, ...Object.values(backward)];
  return Promise.all(tensors.map(async (tensor) => Array.from(await tensor.read())));
}

test.each([
  ['float32', 1],
  ['bfloat16', 1],
  ['bfloat16', 4],
] as const)('%s, %i elements in', async (dtype, offset) => {
  const expected = await results(dtype, 0);
  expect(expected.flat().every(Number.isFinite)).toBe(true);
  expect(await results(dtype, offset)).toEqual(expected);
});

test('without queries, keys and values have gradients of zero', async () => {
  const none = Tensor.empty([2, 0, 2, 32], { device });
  const key = Tensor.from(new Float32Array(2 * 40 * 32).fill(1), [2, 40, 1, 32], { device });
  const args = { query: none, key, value: key, causal: true };
  const forward = ops.flashAttentionForward(args);
  const { gradKey, gradValue } = ops.flashAttentionBackward({
    ...{ ...args, ...forward, gradOutput: none },
    gradKey: Tensor.from(new Float32Array(2 * 40 * 32).fill(Number.NaN), key.shape, { device }),
  });
  for (const gradient of [gradKey, gradValue]) {
    expect((await gradient.read()).every((value) => value === 0)).toBe(true);
  }
});

// A block's last keys may lie beyond the end: exp(0 - logsumexp) of one is infinite here.
test.each([true, false])('scores far below zero, causal %s', async (causal) => {
  const shape = shapeOf([1, 1, 1, 130, 130, 64], causal);
  const random = randomSource(5);
  const around = (mean: number) =>
    randomValues([1, 130, 1, 64], 'float32', random, 0.01).data.map((x) => mean + x);
  const [query, key] = [around(4), around(-4)];
  const [value, gradOutput] = [around(0), around(0)];
  const expected = attentionBackwardReference(shape, gradOutput, query, key, value);
  const tensor = (data: Float64Array) =>
    Tensor.from(Float32Array.from(data), [1, 130, 1, 64], { device });
  const args = { query: tensor(query), key: tensor(key), value: tensor(value), causal };
  const forward = ops.flashAttentionForward(args);
  const gradients = ops.flashAttentionBackward({
    ...{ ...args, ...forward, gradOutput: tensor(gradOutput) },
  });
  for (const name of ['gradQuery', 'gradKey', 'gradValue'] as const) {
    const actual = Float64Array.from(await gradients[name].read());
    expect(actual.every(Number.isFinite), name).toBe(true);
    // A GPU multiplies and adds with one rounding, and is off by 1.2e-3; the emulator by 1.3e-4.
    const allowed = deviceName === 'cuda' ? 2.5e-3 : 1e-3;
    expect(relativeError(actual, expected[name]), name).toBeLessThan(allowed);
  }
});

test.skipIf(deviceName === 'cpu')('more than a grid has blocks for is refused', () => {
  for (const shape of [
    [65536, 1, 1, 2],
    [1, 1, 65536, 2],
  ]) {
    using query = Tensor.empty(shape, { device });
    const attend = () => ops.flashAttentionForward({ query, key: query, value: query });
    expect(attend).toThrow(/query has batch .* heads, expected at most 65535 of each on CUDA/);
  }
});

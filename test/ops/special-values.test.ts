// What comes of rows with infinities and NaN, and of numbers that a float32 only just holds. PyTorch gives the same.
import { describe, expect, test } from 'vitest';
import { Device, type DType, ops, Tensor } from '../../lib/ops.ts';
import { deviceName } from './case.ts';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const device = Device.open(deviceName);

function rowsOf(rows: readonly (readonly number[])[], dtype: DType = 'float32'): Tensor {
  return Tensor.from(rows.flat(), [rows.length, rows[0]!.length], { dtype, device });
}

/** Longer rows than a block has threads, and shorter ones; with 16-byte accesses, and without. */
describe.each([3, 8, 1000, 1001, 9000])('rows of %d', (width) => {
  const row = (value: number, ...first: number[]) =>
    Array.from({ length: width }, (_, i) => first[i] ?? value);

  test.each(['softmax', 'logSoftmax'] as const)('%s', async (name) => {
    const input = rowsOf([
      row(-infinity),
      row(0, nan),
      row(0, infinity),
      row(-infinity, 5),
      row(-3e38, 3e38, 3e38),
      row(1, 0, -infinity),
    ]);
    const { output } = ops[`${name}Forward`]({ input });
    const values = await output.read();
    const rows = Array.from({ length: 6 }, (_, i) => [
      ...values.subarray(i * width, (i + 1) * width),
    ]);
    const is = (share: number) => (name === 'softmax' ? share : Math.fround(Math.log(share)));
    for (const index of [0, 1, 2]) expect(rows[index]).toEqual(row(nan));
    expect(rows[3]).toEqual(row(is(0), is(1)));
    expect(rows[4]![0]).toBeCloseTo(is(0.5), 6);
    expect(rows[4]![2]).toBe(name === 'softmax' ? 0 : -infinity);
    expect(rows[5]!.every((x) => !Number.isNaN(x))).toBe(true);
    expect(rows[5]![1]).toBe(is(0));
  });

  test('layerNorm', async () => {
    const input = rowsOf([row(1, nan), row(1, infinity), row(7), row(1e18, -1e18)]);
    const weight = Tensor.from(row(1), [width], { device });
    const { output } = ops.layerNormForward({ input, weight, epsilon: 1e-5 });
    const values = await output.read();
    expect([...values.subarray(0, 2 * width)]).toEqual([...row(nan), ...row(nan)]);
    // A row of equal values has no deviation, and epsilon keeps it finite.
    expect([...values.subarray(2 * width, 3 * width)].map(Math.abs)).toEqual(row(0));
    expect(values.subarray(3 * width).every(Number.isFinite)).toBe(true);
  });

  test('max, argmax and topK', async () => {
    const input = rowsOf([row(-infinity), row(3, 2, nan, nan), row(-infinity, 0, -0, 0), row(7)]);
    const firsts = [0, 1, 0, 0];
    const { output, indices } = ops.maxForward({ input, dimension: 1 });
    expect([...(await output.read())]).toEqual([-infinity, nan, 0, 7]);
    expect([...(await indices.read())]).toEqual(firsts);
    expect([...(await ops.argmax({ input, dimension: 1 }).indices.read())]).toEqual(firsts);
    const top = ops.topKForward({ input, k: 3 });
    expect([...(await top.indices.read())]).toEqual([
      0,
      1,
      2,
      1,
      2,
      width > 3 ? 3 : 0,
      0,
      1,
      2,
      0,
      1,
      2,
    ]);
    expect([...(await top.output.read())].slice(3, 6)).toEqual([nan, nan, width > 3 ? 3 : 2]);
    const columns = Tensor.from(await input.read(), [1, 4 * width, 1], { device });
    const { indices: first } = ops.argmax({ input: columns, dimension: 1 });
    expect([...(await first.read())]).toEqual([width + 1]);
  });

  test('sum and mean', async () => {
    const input = rowsOf([
      row(1, nan),
      row(1, infinity),
      row(1, infinity, -infinity),
      row(2 ** -149),
    ]);
    const { output } = ops.sumForward({ input, dimension: 1 });
    expect([...(await output.read())]).toEqual([nan, infinity, nan, width * 2 ** -149]);
    const mean = ops.meanForward({ input, dimension: 1 });
    expect([...(await mean.output.read())]).toEqual([nan, infinity, nan, 2 ** -149]);
  });
});

test('of no elements the sum is 0, the mean NaN, and there is no highest', async () => {
  const input = Tensor.empty([2, 0], { device });
  expect([...(await ops.sumForward({ input, dimension: 1 }).output.read())]).toEqual([0, 0]);
  expect([...(await ops.meanForward({ input, dimension: 1 }).output.read())]).toEqual([nan, nan]);
  for (const call of [ops.maxForward, ops.argmax]) {
    expect(() => call({ input, dimension: 1 })).toThrow(
      /dimension 1 of shape \[2, 0\] has 0 elements, expected 1 to 2147483647$/,
    );
  }
});

test.each([3, -1])('an index that is out of range, %d, is named', async (index) => {
  const gradOutput = Tensor.from([1, 2], [2, 1], { device });
  const indices = Tensor.from(Int32Array.of(2, index), [2, 1], { device });
  const message = `index ${index} at position [1, 0], expected 0 to 2`;
  const args = { gradOutput, indices, shape: [2, 3] };
  for (const { gradInput } of [
    ops.maxBackward({ ...args, dimension: 1 }),
    ops.topKBackward(args),
  ]) {
    await expect(gradInput.read()).rejects.toThrow(message);
  }
  await device.synchronize().catch(() => {});
});

test('where a gradient goes has to be said', () => {
  const gradOutput = Tensor.from([1, 2], [2], { device });
  expect(() => ops.sumBackward({ gradOutput, dimension: 1 })).toThrow(
    'sumBackward: expected gradInput, or shape to make it',
  );
});

// What comes of rows with infinities and NaN, and of numbers that a float32 only just holds. PyTorch gives the same.
import { describe, expect, test } from 'vitest';
import { Device, type DType, ops, Tensor } from '../../lib/index.ts';
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
});

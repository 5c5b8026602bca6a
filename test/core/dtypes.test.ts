// The dtypes that are only stored: values in and out of tensors, and casts at the edges of every dtype, against references
// in BigInt and float64.
import { describe, expect, test } from 'vitest';
import { float16ToFloat32, float32ToFloat16 } from '../../lib/llama/float16.ts';
import { Device, type DType, LeiaError, ops, Tensor } from '../../lib/ops.ts';
import { deviceName } from '../ops/case.ts';

const device = Device.open(deviceName);
const everyHalf = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);

async function casted(values: Parameters<typeof Tensor.from>[0], from: DType, to: DType) {
  using input = Tensor.from(values, [values.length], { dtype: from, device });
  using output = input.to(to);
  return await output.readBits();
}

describe('values come in and out', () => {
  test('with the dtype of their array, bit for bit', async () => {
    const all = [
      [BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n), 'int64'],
      [Uint8Array.of(0, 255, 7), 'uint8'],
    ] as const;
    for (const [values, dtype] of all) {
      using tensor = Tensor.from(values, [3], { device });
      expect(tensor.dtype).toBe(dtype);
      expect(await tensor.readBits()).toEqual(values);
    }
    using bits = Tensor.from(everyHalf, [256, 256], { dtype: 'float16', device });
    expect(await bits.readBits()).toEqual(everyHalf);
    expect(`${bits}`).toBe(`Tensor(float16 [256, 256] on ${device.name})`);
  });

  test('as numbers: float16 widened exactly, int64 as float64', async () => {
    using halves = Tensor.from(everyHalf, [2 ** 16], { dtype: 'float16', device });
    expect(await halves.read()).toEqual(float16ToFloat32(everyHalf));
    expect(await halves.readFloats()).toEqual(float16ToFloat32(everyHalf));
    const whole = BigInt64Array.of(2n ** 53n, -(2n ** 53n), 5n);
    using integers = Tensor.from(whole, [3], { device });
    expect(await integers.read()).toEqual(Float64Array.from(whole, Number));
    using bytes = Tensor.from(Uint8Array.of(200), [], { device });
    expect([await bytes.item(), await integers.slice(2).item()]).toEqual([200, 5]);
    await expect(bytes.readFloats()).rejects.toThrow('the tensor is uint8, expected a float dtype');
  });

  test('but not an int64 that no number has exactly', async () => {
    using tensor = Tensor.from(BigInt64Array.of(1n, 2n ** 53n + 1n), [2], { device });
    await expect(tensor.read()).rejects.toThrow(
      'read: element 1 is 9007199254740993, more than a number has exactly; readBits() gives a BigInt64Array',
    );
    await expect(device.synchronize()).resolves.toBeUndefined();
    expect(await tensor.readBits()).toEqual(BigInt64Array.of(1n, 2n ** 53n + 1n));
  });

  test('float32 is rounded to float16 when it is written, to nearest, ties to even', async () => {
    const words = Uint32Array.from({ length: 70_000 }, (_, i) => Math.imul(i, 0x9e3779b9));
    const halves = float16ToFloat32(everyHalf.subarray(0, 0x7c00));
    const ties = halves.map((half, i) => (half + (halves[i + 1] ?? 65536)) / 2);
    const below = ties.map((tie) => tie * (1 - 2 ** -23));
    for (const floats of [new Float32Array(words.buffer), ties, ties.map((x) => -x), below]) {
      using tensor = Tensor.from(floats, [floats.length], { dtype: 'float16', device });
      const bits = (await tensor.readBits()) as Uint16Array;
      expect(sameNumbers(bits, float32ToFloat16(floats))).toBe(true);
    }
  });

  const Halves = (globalThis as { Float16Array?: new (values: number[]) => Uint16Array })
    .Float16Array;
  test.runIf(Halves)('in a Float16Array, where the language has one', async () => {
    const values = new Halves!([1.5, -2, 65504]);
    using tensor = Tensor.from(values as never, [3], { device });
    expect(tensor.dtype).toBe('float16');
    const back = new Halves!([0, 0, 0]);
    expect([...(await tensor.readInto(back))]).toEqual([1.5, -2, 65504]);
  });

  test('a Float16Array goes by its name, as bits', async () => {
    // What Node 24 has, for versions that do not.
    class Float16Array extends Uint16Array {
      override get [Symbol.toStringTag](): never {
        return 'Float16Array' as never;
      }
    }
    using tensor = Tensor.from(Float16Array.of(0x3c00, 0xc000), [2], { device });
    expect([tensor.dtype, ...(await tensor.read())]).toEqual(['float16', 1, -2]);
    expect(() => Tensor.from(Float16Array.of(1), [1], { dtype: 'float32' })).toThrow(
      'got a Float16Array for a tensor of float32, expected float16',
    );
  });

  test.each<[string, () => unknown, string]>([
    [
      '256',
      () => Tensor.from([1, 256], [2], { dtype: 'uint8' }),
      '0 to 255 for a uint8 tensor, got 256 at 1',
    ],
    ['-1', () => Tensor.from(Int32Array.of(-1), [1], { dtype: 'uint8' }), 'got -1 at 0'],
    [
      '2^53',
      () => Tensor.from([2 ** 53], [1], { dtype: 'int64' }),
      'whole numbers up to 2^53 for an int64 tensor, got 9007199254740992 at 0',
    ],
    ['NaN', () => Tensor.from([Number.NaN], [1], { dtype: 'int64' }), 'got NaN at 0'],
    [
      'bigint',
      () => Tensor.from(BigInt64Array.of(1n), [1], { dtype: 'int32' }),
      "for an int32 tensor, got a BigInt64Array; to('int32') converts an int64 tensor",
    ],
    [
      'bits',
      () => Tensor.from(Uint16Array.of(1), [1], { dtype: 'int64' }),
      'got a Uint16Array (bits of a 16-bit float)',
    ],
    [
      'a fill',
      () => ops.fill({ output: Tensor.empty([1], { dtype: 'int64' }), value: 2 ** 63 }),
      'value is 9223372036854775808, expected a 64-bit integer',
    ],
    [
      'another',
      () => ops.fill({ output: Tensor.empty([1], { dtype: 'uint8' }), value: -1 }),
      'value is -1, expected a whole number from 0 to 255',
    ],
  ])('%s is refused', (_what, make, message) => {
    expect(make).toThrow(LeiaError);
    expect(make).toThrow(message);
  });

  test('whole numbers of other arrays become int64 and uint8 exactly', async () => {
    using integers = Tensor.from(Int32Array.of(-7, 2 ** 31 - 1), [2], { dtype: 'int64', device });
    expect(await integers.readBits()).toEqual(BigInt64Array.of(-7n, 2n ** 31n - 1n));
    using bytes = Tensor.from([0, 255], [2], { dtype: 'uint8', device });
    expect(await bytes.readBits()).toEqual(Uint8Array.of(0, 255));
  });
});

test('views of bytes may begin anywhere, and copies take them', async () => {
  using whole = Tensor.from(
    Uint8Array.from({ length: 7 * 13 }, (_, i) => i),
    [7, 13],
    { device },
  );
  using part = whole.view([5, 11], 3);
  using turned = part.transpose();
  expect([...(await turned.slice(0, 1).read())]).toEqual([3, 14, 25, 36, 47]);
  const inputs = [part.slice(0, 1), part.slice(2, 3)];
  using joined = ops.concatenate({ inputs, dimension: 0 }).output;
  expect([...(await joined.slice(1).read())]).toEqual(Array.from({ length: 11 }, (_, i) => 25 + i));
});

/** Whether halves are equal; every NaN is as good as another. */
function sameNumbers(a: Uint16Array, b: Uint16Array): boolean {
  const isNan = (half: number) => (half & 0x7fff) > 0x7c00;
  return a.every((half, i) => half === b[i] || (isNan(half) && isNan(b[i]!)));
}

/** A whole number rounded to `bits` significant ones, to nearest, ties to even. */
function roundWhole(value: bigint, bits: number): bigint {
  const magnitude = value < 0n ? -value : value;
  const shift = BigInt(Math.max(0, magnitude.toString(2).length - bits));
  const unit = 1n << shift;
  const rest = magnitude % unit;
  let quotient = magnitude / unit;
  if (rest * 2n > unit || (rest * 2n === unit && quotient % 2n === 1n)) quotient += 1n;
  return (value < 0n ? -1n : 1n) * quotient * unit;
}

/** Around all powers of two, and random ones. */
function edges(): bigint[] {
  const near = Array.from({ length: 63 }, (_, i) => 2n ** BigInt(i)).flatMap((power) => [
    power - 1n,
    power,
    power + 1n,
    power + power / 2n + 1n,
  ]);
  const ties = [2n ** 24n + 1n, 2n ** 24n + 3n, 2n ** 54n + 2n ** 30n, 3n * 2n ** 53n + 2n ** 30n];
  const all = [0n, ...near, ...ties, 2n ** 62n + 12345678901234567n].filter((x) => x < 2n ** 63n);
  return [...all, ...all.map((value) => -value), -(2n ** 63n), 2n ** 63n - 1n];
}

describe('a cast', () => {
  test('of int64 to floats rounds to float32, then to the dtype', async () => {
    const whole = BigInt64Array.from(edges());
    const single = Float32Array.from(whole, (value) => Number(roundWhole(value, 24)));
    expect(await casted(whole, 'int64', 'float32')).toEqual(single);
    using rounded = Tensor.from(single, [single.length], { dtype: 'bfloat16', device });
    expect(await casted(whole, 'int64', 'bfloat16')).toEqual(await rounded.readBits());
    expect(await casted(whole, 'int64', 'float16')).toEqual(float32ToFloat16(single));
  });

  test('to float16 becomes infinity at 65520, from every dtype that has it', async () => {
    const infinity = 0x7c00;
    for (const from of ['float32', 'bfloat16', 'int32', 'int64'] as const) {
      const [values, last] =
        from === 'bfloat16' ? [[65280, 65536], infinity - 8] : [[65519, 65520], infinity - 1];
      expect([...(await casted(values, from, 'float16'))]).toEqual([last, infinity]);
    }
    const special = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 2 ** -25, 2 ** -24];
    expect([...(await casted(special, 'float32', 'float16'))]).toEqual([
      infinity,
      0xfc00,
      0x8000,
      0,
      1,
    ]);
    const [nan] = (await casted([Number.NaN], 'float32', 'float16')) as Uint16Array;
    expect(nan! & 0x7fff).toBeGreaterThan(infinity);
  });

  test('of floats to whole numbers rounds toward zero, up to the edges', async () => {
    const around = [-1.5, -0.5, 0.5, 1.999, 254.75];
    expect(await casted(around, 'float32', 'int32')).toEqual(Int32Array.of(-1, 0, 0, 1, 254));
    expect(await casted([-0.99, 255.99], 'float32', 'uint8')).toEqual(Uint8Array.of(0, 255));
    const ofInt32 = [-(2 ** 31), 2 ** 31 - 128];
    expect(await casted(ofInt32, 'float32', 'int32')).toEqual(Int32Array.from(ofInt32));
    const ofInt64 = [-(2 ** 63), 2 ** 63 - 2 ** 39];
    expect(await casted(ofInt64, 'float32', 'int64')).toEqual(BigInt64Array.from(ofInt64, BigInt));
    expect(await casted([-65504, 65504], 'float16', 'int64')).toEqual(
      BigInt64Array.of(-65504n, 65504n),
    );
  });

  test.each<[string, Parameters<typeof Tensor.from>[0], DType, DType, string]>([
    ['2^31', [1, 2 ** 31], 'float32', 'int32', '2147483648'],
    ['just below -2^31', [1, -(2 ** 31) - 256], 'float32', 'int32', '-2147483904'],
    ['NaN', [1, Number.NaN], 'float32', 'int32', 'nan'],
    ['infinity', [1, Number.POSITIVE_INFINITY], 'float16', 'int64', 'inf'],
    ['2^63', [1, 2 ** 63], 'bfloat16', 'int64', '9.223372e+18'],
    ['256', [1, 256], 'float32', 'uint8', '256'],
    ['-1', [1, -1], 'float16', 'uint8', '-1'],
    ['-1 of int32', Int32Array.of(1, -1), 'int32', 'uint8', '-1'],
    ['2^31 of int64', BigInt64Array.of(1n, 2n ** 31n), 'int64', 'int32', 'a number'],
    ['2^32 + 1 of int64', BigInt64Array.of(1n, 2n ** 32n + 1n), 'int64', 'uint8', 'a number'],
  ])('of %s is an error of what it should have written', async (_what, values, from, to, shown) => {
    using input = Tensor.from(values, [2, 1], { dtype: from, device });
    using output = input.to(to);
    await expect(output.read()).rejects.toThrow(
      `input has ${shown} at position [1, 0], expected numbers that ${to} holds`,
    );
    await expect(device.synchronize()).resolves.toBeUndefined();
  });

  test('of several bad numbers names the first', async () => {
    const count = 200_000;
    const values = BigInt64Array.from({ length: count }, (_, i) => BigInt(i));
    for (const bad of [count - 1, 150_000, 70_001]) values[bad] = 2n ** 40n;
    using input = Tensor.from(values, [count], { device });
    using output = input.to('int32');
    await expect(output.read()).rejects.toThrow('at position [70001]');
  });
});

test('ids of another dtype are refused with the way to convert them', () => {
  using weight = Tensor.zeros([3, 4], { device });
  using ids = Tensor.from(BigInt64Array.of(1n), [1], { device });
  expect(() => ops.embeddingForward({ ids, weight })).toThrow(
    "embeddingForward: ids is int64, expected int32; to('int32') converts it",
  );
});

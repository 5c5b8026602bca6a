// Methods of a tensor that give another one (parts, other orders of its dimensions, other dtypes), and reads into arrays.
import { describe, expect, test } from 'vitest';
import { bfloat16ToFloat32, float32ToBfloat16 } from '../../lib/core/bfloat16.ts';
import { Device, LeiaError, ops, Tensor } from '../../lib/ops.ts';

/** 0, 1, 2, ... */
function counted(...shape: number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return Tensor.from(
    Array.from({ length: count }, (_, i) => i),
    shape,
  );
}

describe('slice', () => {
  test('of the outermost dimension shares memory, to its end unless said', async () => {
    using tensor = counted(3, 2);
    using part = tensor.slice(1);
    expect(part.shape).toEqual([2, 2]);
    part.write([9, 8, 7, 6]);
    expect([...(await tensor.read())]).toEqual([0, 1, 9, 8, 7, 6]);
  });

  test('of another is a copy', async () => {
    using tensor = counted(2, 3, 2);
    using part = tensor.slice(1, 3, 1);
    expect(part.shape).toEqual([2, 2, 2]);
    expect([...(await part.read())]).toEqual([2, 3, 4, 5, 8, 9, 10, 11]);
    part.write(new Float32Array(8));
    expect(await tensor.read()).toEqual(Float32Array.from({ length: 12 }, (_, i) => i));
    using last = tensor.slice(1, undefined, -1);
    expect([...(await last.read())]).toEqual([1, 3, 5, 7, 9, 11]);
  });

  test('stays inside', () => {
    using tensor = counted(2, 3);
    expect(() => tensor.slice(1, 4, 1)).toThrow(
      'slice: 1 to 4 of the 3 in dimension 1, expected 0 <= start <= end <= 3',
    );
    expect(() => tensor.slice(0, 1, 2)).toThrow(
      'slice: dimension 2 of Tensor(float32 [2, 3] on cpu), expected -2 to 1',
    );
    expect(() => tensor.slice(2, 1, 1)).toThrow(LeiaError);
    expect(() => ops.slice({ input: tensor, dimension: -1, start: -1 })).toThrow(
      'slice: -1 to 3 of the 3 in dimension 1, expected 0 <= start <= end <= 3',
    );
    expect(() => ops.topKForward({ input: tensor, k: 1.5 })).toThrow('topKForward: k is 1.5');
  });
});

describe('permute and transpose', () => {
  test('copy into another order', async () => {
    using tensor = counted(2, 1, 3);
    using permuted = tensor.permute([2, 0, 1]);
    expect(permuted.shape).toEqual([3, 2, 1]);
    expect([...(await permuted.read())]).toEqual([0, 3, 1, 4, 2, 5]);
    using transposed = tensor.transpose();
    expect(transposed.shape).toEqual([2, 3, 1]);
    using outer = tensor.transpose(0, -1);
    expect(outer.shape).toEqual([3, 1, 2]);
    expect([...(await outer.read())]).toEqual([0, 3, 1, 4, 2, 5]);
    using same = tensor.transpose(1, 1);
    expect([...(await same.read())]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('name what is no order and no dimension', () => {
    using tensor = counted(2, 3);
    expect(() => tensor.permute([0])).toThrow(
      'permute: order is [0], expected each dimension of input [2, 3] once, counted from 0',
    );
    expect(() => tensor.permute([0, 2])).toThrow(
      'permute: dimension 2 of Tensor(float32 [2, 3] on cpu), expected -2 to 1',
    );
    expect(() => counted(3).transpose()).toThrow(
      'transpose: dimension -2 of Tensor(float32 [3] on cpu)',
    );
  });
});

describe('readInto', () => {
  test('fills the array that it is given, shared memory and parts of a buffer too', async () => {
    using tensor = counted(2, 2);
    const whole = new Float32Array(8).fill(-1);
    const target = whole.subarray(2, 6);
    expect(await tensor.readInto(target)).toBe(target);
    expect([...whole]).toEqual([-1, -1, 0, 1, 2, 3, -1, -1]);
    const shared = new Float32Array(new SharedArrayBuffer(16));
    await tensor.readInto(shared);
    expect([...shared]).toEqual([0, 1, 2, 3]);
    using ids = Tensor.from(Int32Array.of(-5, 7), [2]);
    expect([...(await ids.readInto(new Int32Array(2)))]).toEqual([-5, 7]);
  });

  test('refuses an array of another kind or length', async () => {
    using tensor = counted(2, 2);
    await expect(tensor.readInto(new Float32Array(3))).rejects.toThrow(
      'read: got an array of 3 values for a tensor of float32[2, 2]',
    );
    await expect(tensor.readInto(new Int32Array(4))).rejects.toThrow(
      'expected a Float32Array for a tensor of float32',
    );
    await expect(tensor.readInto(new Uint16Array(4))).rejects.toThrow(LeiaError);
  });
});

describe('bfloat16', () => {
  test('is widened exactly, all of them, at every length', async () => {
    for (const count of [0, 1, 2, 3, 1023, 1024, 1025, 2 ** 16]) {
      const bits = Uint16Array.from({ length: count }, (_, i) => 2 ** 16 - 1 - i);
      using tensor = Tensor.from(bits, [count]);
      const values = await tensor.readInto(new Float32Array(count));
      const expected = bfloat16ToFloat32(bits);
      expect(Buffer.from(values.buffer).equals(Buffer.from(expected.buffer)), `${count}`).toBe(
        true,
      );
    }
  });

  test('is rounded to nearest, ties to even, as JavaScript would', async () => {
    const words = Uint32Array.from({ length: 70_000 }, (_, i) => Math.imul(i, 0x9e3779b9));
    const ties = Uint32Array.from({ length: 2 ** 16 }, (_, i) => ((i << 16) | 0x8000) >>> 0);
    for (const floats of [words, ties].map(({ buffer }) => new Float32Array(buffer))) {
      using tensor = Tensor.from(floats, [floats.length], { dtype: 'bfloat16' });
      expect(await tensor.readBits()).toEqual(float32ToBfloat16(floats));
      tensor.write(Array.from(floats.subarray(0, 9)).concat(new Array(floats.length - 9).fill(0)));
      expect((await tensor.readBits()).slice(0, 9)).toEqual(
        float32ToBfloat16(floats.subarray(0, 9)),
      );
    }
  });
});

describe('to', () => {
  test('another dtype is a rounded copy, the same shares memory', async () => {
    using tensor = Tensor.from([1, 1.001, -3], [3]);
    using rounded = tensor.to('bfloat16');
    expect(rounded.dtype).toBe('bfloat16');
    expect([...(await rounded.read())]).toEqual([1, 1, -3]);
    using same = tensor.to('float32');
    ops.fill({ output: same, value: 2 });
    expect([...(await tensor.read())]).toEqual([2, 2, 2]);
    using whole = tensor.to('int32');
    expect(await whole.read()).toEqual(Int32Array.of(2, 2, 2));
  });

  test('the same device shares memory', async () => {
    using tensor = counted(2, 2);
    using same = await tensor.to(Device.open('cpu'));
    ops.fill({ output: same, value: 2 });
    expect([...(await tensor.read())]).toEqual([2, 2, 2, 2]);
  });
});

test('operations count dimensions from the innermost as well', async () => {
  using tensor = counted(2, 3);
  using part = ops.slice({ input: tensor, dimension: -1, start: 1 }).output;
  using both = ops.concatenate({ inputs: [tensor, part], dimension: -1 }).output;
  expect(both.shape).toEqual([2, 5]);
  ops.writeSlice({ input: part, output: both, dimension: -1, start: 0, accumulate: true });
  expect([...(await both.read())]).toEqual([1, 3, 2, 1, 2, 7, 9, 5, 4, 5]);
});

test('numbers where ids are wanted: the error says how to make int32', () => {
  using ids = Tensor.from([1, 2], [2]);
  using weight = counted(3, 4);
  expect(() => ops.embeddingForward({ ids, weight })).toThrow(
    'embeddingForward: ids is float32, expected int32; Tensor.from(Int32Array.of(1, 2), [2]) makes a tensor of whole numbers',
  );
});

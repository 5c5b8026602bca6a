// Methods of a tensor that give another one: parts, and other orders of its dimensions.
import { describe, expect, test } from 'vitest';
import { LeiaError, Tensor } from '../../lib/index.ts';

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
    using last = tensor.slice(1, undefined, 2);
    expect([...(await last.read())]).toEqual([1, 3, 5, 7, 9, 11]);
  });

  test('stays inside', () => {
    using tensor = counted(2, 3);
    expect(() => tensor.slice(1, 4, 1)).toThrow(
      'slice: 1 to 4 of the 3 in dimension 1, expected 0 <= start <= end <= 3',
    );
    expect(() => tensor.slice(0, 1, 2)).toThrow(
      'slice: dimension 2 of Tensor(float32 [2, 3] on cpu), expected 0 to 1',
    );
    expect(() => tensor.slice(2, 1, 1)).toThrow(LeiaError);
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
    using outer = tensor.transpose(0, 2);
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
      'permute: dimension 2 of Tensor(float32 [2, 3] on cpu), expected 0 to 1',
    );
    expect(() => counted(3).transpose()).toThrow(
      'transpose: dimension -1 of Tensor(float32 [3] on cpu)',
    );
  });
});

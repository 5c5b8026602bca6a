// Tensors: values in and out, views, and memory that is freed when it should be and not before.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addon, type NativeTensor } from '../../lib/core/addon.ts';
import { Device, type DType, LeiaError, ops, Tensor } from '../../lib/ops.ts';
import { runChild } from '../support/child.ts';
import { steadyBytes } from '../support/steady-bytes.ts';

const device = Device.open();

/** A product that keeps the stream busy for a while. */
function queueWork(size = 1000): void {
  using a = Tensor.zeros([size, size]);
  ops.matmul({ a, b: a }).output.dispose();
}

describe('values', () => {
  test('come back bit for bit in every dtype', async () => {
    const bits = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(bits, async (words) => {
        const ints = Int32Array.from(words);
        const floats = new Float32Array(ints.slice().buffer);
        const halves = Uint16Array.from(words);
        for (const values of [ints, floats, halves]) {
          using tensor = Tensor.from(values, [values.length]);
          const back = await tensor.readBits();
          expect(back.constructor).toBe(values.constructor);
          expect(Buffer.from(back.buffer).equals(Buffer.from(values.buffer))).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('are copied before from() and write() return', async () => {
    queueWork();
    const values = Float32Array.of(1, 2, 3);
    using tensor = Tensor.from(values, [3]);
    values.fill(9);
    using other = ops.cast({ input: tensor }).output;
    tensor.write(values);
    values.fill(11);
    expect(await other.read()).toEqual(Float32Array.of(1, 2, 3));
    expect(await tensor.read()).toEqual(Float32Array.of(9, 9, 9));
  });

  test('are read as they are when read() is called, not later', async () => {
    queueWork();
    using tensor = Tensor.from([1, 2], [2]);
    const first = tensor.read();
    ops.fill({ output: tensor, value: 5 });
    expect(await first).toEqual(Float32Array.of(1, 2));
    expect(await tensor.read()).toEqual(Float32Array.of(5, 5));
  });

  test('may lie in shared memory and in a part of a buffer', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(16)).fill(2);
    using a = Tensor.from(shared, [4]);
    using b = Tensor.from(new Float32Array(8).map((_, i) => i).subarray(3, 6), [3]);
    expect(await a.read()).toEqual(Float32Array.of(2, 2, 2, 2));
    expect(await b.read()).toEqual(Float32Array.of(3, 4, 5));
  });

  test('a tensor without dimensions has one, a dimension of 0 none', async () => {
    using scalar = Tensor.from([7], []);
    using none = Tensor.zeros([3, 0, 2]);
    expect(await scalar.read()).toEqual(Float32Array.of(7));
    expect(await none.read()).toEqual(Float32Array.of());
  });

  test('item is the value of one element, whatever the shape', async () => {
    using float = Tensor.from([2.5], [1, 1]);
    using integer = Tensor.from(Int32Array.of(-7), []);
    using rounded = Tensor.from([3], [1], { dtype: 'bfloat16' });
    expect(await Promise.all([float.item(), integer.item(), rounded.item()])).toEqual([2.5, -7, 3]);
    using several = Tensor.zeros([2, 3]);
    await expect(several.item()).rejects.toThrow(
      'item: expected one element, got Tensor(float32 [2, 3] on cpu)',
    );
  });

  test('shows what it is', () => {
    using tensor = Tensor.empty([2, 3], { dtype: 'bfloat16' });
    expect(`${tensor}`).toBe('Tensor(bfloat16 [2, 3] on cpu)');
    expect(inspect({ tensor })).toBe('{ tensor: Tensor(bfloat16 [2, 3] on cpu) }');
  });

  test('readFloats refuses int32', async () => {
    using tensor = Tensor.zeros([2], { dtype: 'int32' });
    await expect(tensor.readFloats()).rejects.toThrow(
      'the tensor is int32, expected a float dtype',
    );
  });
});

test.each<[string, () => unknown, string]>([
  [
    'too few values',
    () => Tensor.from([1, 2], [3]),
    'write: got 2 values for a tensor of float32[3]',
  ],
  [
    'a fraction for int32',
    () => Tensor.from([1, 0.5], [2], { dtype: 'int32' }),
    'expected 32-bit integers for an int32 tensor, got 0.5 at 1',
  ],
  [
    'bits for float32',
    () => Tensor.from(Uint16Array.of(1), [1], { dtype: 'float32' }),
    'expected a Float32Array or numbers for a float32 tensor, got a Uint16Array (bits of a 16-bit float)',
  ],
  [
    'an unknown dtype',
    () => Tensor.empty([1], { dtype: 'float64' as DType }),
    "unknown dtype 'float64', expected float32, bfloat16, float16, int32, int64 or uint8",
  ],
  [
    'a negative size',
    () => Tensor.empty([2, -1]),
    'shape[1] is -1, expected a whole number of 0 or more',
  ],
  [
    'a fractional size',
    () => Tensor.empty([1.5]),
    'shape[0] is 1.5, expected a whole number of 0 or more',
  ],
  ['a size of text', () => Tensor.empty(['2'] as unknown as number[]), 'shape[0] is not a number'],
  ['six dimensions', () => Tensor.empty([1, 1, 1, 1, 1, 1]), 'a tensor has at most 5 dimensions'],
  ['too many elements', () => Tensor.empty([2 ** 40, 2 ** 40]), 'has too many elements'],
  ['a size that overflows', () => Tensor.empty([2 ** 52, 0, 2 ** 52]), 'has too many elements'],
  [
    'more than there is',
    () => Tensor.empty([2 ** 39, 2 ** 20]),
    `out of memory on cpu: asked for ${2n ** 61n} bytes`,
  ],
])('%s is refused', (_what, make, message) => {
  const before = device.liveBytes;
  expect(make).toThrow(LeiaError);
  expect(make).toThrow(message);
  expect(device.liveBytes).toBe(before);
});

describe('views', () => {
  test('share the memory, and outlive each other', async () => {
    const whole = Tensor.from([0, 1, 2, 3, 4, 5], [2, 3]);
    const row = whole.slice(1, 2);
    expect(row.shape).toEqual([1, 3]);
    const last = row.view([2], 1);
    const before = device.liveBytes;
    ops.fill({ output: last, value: 9 });
    expect(await whole.read()).toEqual(Float32Array.of(0, 1, 2, 3, 9, 9));
    whole.dispose();
    row.dispose();
    await device.synchronize();
    expect(device.liveBytes).toBe(before);
    expect(await last.read()).toEqual(Float32Array.of(9, 9));
    last.dispose();
    expect(device.liveBytes).toBe(before - 24);
  });

  test('have one size that follows from the others', () => {
    using tensor = Tensor.zeros([2, 3, 4]);
    const shapeOf = (shape: number[], offset?: number) => {
      using view = tensor.view(shape, offset);
      return view.shape;
    };
    expect(shapeOf([-1])).toEqual([24]);
    expect(shapeOf([6, -1])).toEqual([6, 4]);
    expect(shapeOf([2, -1, 2, 1])).toEqual([2, 6, 2, 1]);
    expect(shapeOf([-1, 4], 8)).toEqual([4, 4]);
    expect(shapeOf([-1, 4], 24)).toEqual([0, 4]);
    for (const [shape, offset] of [
      [[-1, 5], 0],
      [[-1, -1], 0],
      [[-1, 0], 0],
      [[-1, 2], 26],
      [[-1, 4], 2],
    ] as const) {
      expect(() => tensor.view(shape, offset)).toThrow(
        /^view: \[.*\] of Tensor\(float32 \[2, 3, 4\]/,
      );
    }
  });

  test('stay inside', () => {
    using tensor = Tensor.empty([2, 3]);
    const inside = tensor.view([4], 2);
    expect(inside.shape).toEqual([4]);
    tensor.view([0], 6).dispose();
    for (const [shape, offset] of [
      [[7], 0],
      [[5], 2],
      [[1], 6],
      [[1], -1],
      [[1], 2 ** 53 - 1],
      [[2 ** 30, 2 ** 30], 1],
    ] as const) {
      expect(() => tensor.view(shape, offset)).toThrow(
        `[${shape.join(', ')}] at element ${offset} does not fit into float32[2, 3]`,
      );
    }
    expect(() => inside.view([5])).toThrow('does not fit into float32[4]');
    expect(() => tensor.view([1], 0.5)).toThrow('elementOffset is 0.5, expected an integer');
    expect(() => tensor.slice(1, 3)).toThrow('rows 1 to 3 of a tensor with 2 rows');
    expect(() => tensor.slice(-1, 1)).toThrow('expected 0 <= start <= end <= 2');
  });
});

describe('memory', () => {
  test('live bytes count what is allocated, views not', async () => {
    const before = await steadyBytes(device);
    const tensors = [Tensor.empty([5, 3]), Tensor.empty([7], { dtype: 'bfloat16' })];
    tensors.push(tensors[0]!.view([15]));
    expect(device.liveBytes - before).toBe(60 + 14);
    for (const tensor of tensors) tensor.dispose();
    expect(device.liveBytes).toBe(before);
  });

  test('a block with `using` frees it; a second dispose does nothing', async () => {
    const before = await steadyBytes(device);
    {
      using tensor = Tensor.empty([100]);
      expect(device.liveBytes - before).toBe(400);
      tensor.dispose();
    }
    expect(device.liveBytes).toBe(before);
  });

  test('a failed from() keeps nothing', async () => {
    const before = await steadyBytes(device);
    expect(() => Tensor.from([1], [1000])).toThrow(LeiaError);
    expect(device.liveBytes).toBe(before);
  });

  test('using a disposed tensor throws', async () => {
    const tensor = Tensor.empty([2]);
    tensor.dispose();
    const error = (call: string) =>
      expect.objectContaining({
        code: 'usage',
        message: `${call} was disposed, expected a tensor with memory`,
      });
    expect(() => tensor.write([1, 2])).toThrow(error('write: this tensor'));
    expect(() => tensor.view([1])).toThrow(error('view: this tensor'));
    expect(() => ops.fill({ output: tensor, value: 1 })).toThrow(error('fill: output'));
    await expect(tensor.read()).rejects.toThrow(error('read: this tensor'));
  });

  test('what queued work uses lives until the work is done, though disposed before', async () => {
    const before = await steadyBytes(device);
    const results: Tensor[] = [];
    queueWork();
    for (let i = 0; i < 50; i++) {
      const input = Tensor.from(new Float32Array(4096).fill(i), [4096]);
      const output = Tensor.empty([4096]);
      results.push(output.view([4096]));
      ops.cast({ input, output });
      input.dispose();
      output.dispose();
      // Takes the place of what was freed, if it was.
      Tensor.from(new Float32Array(4096).fill(-1), [4096]).dispose();
    }
    for (const [i, result] of results.entries()) {
      expect((await result.readFloats()).every((value) => value === i)).toBe(true);
      result.dispose();
    }
    expect(device.liveBytes).toBe(before);
  });

  test('a tensor that is disposed while it is read gives its values', async () => {
    queueWork();
    const tensor = Tensor.from(new Float32Array(4096).fill(3), [4096]);
    const values = tensor.readFloats();
    tensor.dispose();
    Tensor.from(new Float32Array(4096).fill(-1), [4096]).dispose();
    expect((await values).every((value) => value === 3)).toBe(true);
  });

  test('the garbage collector frees what nobody holds, and only when queued work is done', async () => {
    const { code, output, errors } = await runChild('core/children/collected.ts', {}, [
      '--expose-gc',
    ]);
    expect(errors).toBe('');
    expect(JSON.parse(output)).toEqual({ right: true, freed: true });
    expect(code).toBe(0);
  });
});

test('only a handle of a tensor is taken for one, not what else is native', () => {
  const { fill } = addon().operations;
  for (const other of [device.handle, {}, Object.create(Tensor.empty([1]).handle), 1, null]) {
    const call = () => fill!(other as unknown as NativeTensor, 0);
    expect(call).toThrow(/^fill: output is .*, expected a Tensor$/);
  }
});

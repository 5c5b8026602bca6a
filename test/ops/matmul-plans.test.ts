// Plans of matrix products are kept for each shape and for where in memory the operands lie: one that was made for 16-byte
// accesses must not be used on what is only aligned to 4.
import { expect, test } from 'vitest';
import { Device, ops, Tensor } from '../../lib/ops.ts';
import { deviceName } from './case.ts';

const device = Device.open(deviceName);
const operands = ['a', 'b', 'output', 'bias'] as const;

/** Ones whose first element lies so many elements into memory of its own. */
function ones(shape: readonly number[], offset: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  using whole = Tensor.from(new Float32Array(count + offset).fill(1), [count + offset], { device });
  return whole.view(shape, offset);
}

test.each(operands)('the same product with %s elsewhere in memory', async (moved) => {
  const product = async (offset: number) => {
    const at = (name: (typeof operands)[number]) => (name === moved ? offset : 0);
    using a = ones([8, 16], at('a'));
    using b = ones([16, 24], at('b'));
    using output = ones([8, 24], at('output'));
    using bias = ones([24], at('bias'));
    ops.matmul({ a, b, output, bias, accumulate: true });
    return [...(await output.readFloats())];
  };
  // The second has a plan of its own; the third finds that of the first again, and the fourth that of the second.
  for (const offset of [0, 1, 0, 1, 2]) {
    expect(await product(offset), `${offset} elements`).toEqual(new Array(8 * 24).fill(18));
  }
});

// Permutations, as fast as memory if they are good. Heads to the front moves runs of a head; a transposition turns tiles. Large
// is 4 x 2048 tokens of LLaMA-7B.
import { type Device, ops } from '../../lib/index.ts';
import { elements } from '../../test/ops/case.ts';
import {
  bytesOf,
  compare,
  type Float,
  firstRows,
  type Prepared,
  type Sizes,
  Tensors,
  valuesOf,
  type Workload,
} from '../workload.ts';

function permute(shape: readonly number[], order: readonly number[], dtype: Float): Workload {
  return {
    name: `permute ${shape.join('x')} to ${order.map((i) => 'abcde'[i]).join('')} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: 0,
    bytes: 2 * elements(shape) * bytesOf(dtype),
    rival: { kind: 'permute', shape: [...shape], order: [...order], dtype },
    prepare: (device) => prepare(device, shape, order, dtype),
  };
}

function prepare(
  device: Device,
  shape: readonly number[],
  order: readonly number[],
  dtype: Float,
): Prepared {
  const tensors = new Tensors(device);
  const input = tensors.random(shape, dtype);
  const sizes = order.map((dimension) => shape[dimension]!);
  const output = tensors.empty(sizes, dtype);
  const run = () => ops.permute({ input, order, output });
  const check = async () => {
    ops.fill({ output, value: Number.NaN });
    run();
    const actual = await firstRows(output, 1);
    const values = await valuesOf(input);
    const expected = actual.map((_, index) => {
      let rest = index;
      let from = 0;
      for (let i = sizes.length - 1; i >= 0; i--) {
        from += (rest % sizes[i]!) * elements(shape.slice(order[i]! + 1));
        rest = Math.floor(rest / sizes[i]!);
      }
      return values.at(from);
    });
    return compare(['output', actual, expected, 0]);
  };
  return { run, check, dispose: () => tensors.dispose() };
}

export function workloads(sizes: Sizes): Workload[] {
  const all = {
    tiny: { batch: 2, sequence: 6, heads: 4, headDim: 8, rows: 40 },
    small: { batch: 4, sequence: 512, heads: 16, headDim: 64, rows: 2048 },
    large: { batch: 4, sequence: 2048, heads: 32, headDim: 128, rows: 8192 },
  };
  const { batch, sequence, heads, headDim, rows } = all[sizes];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) => [
    permute([batch, sequence, heads, headDim], [0, 2, 1, 3], dtype),
    permute([rows, heads * headDim], [1, 0], dtype),
  ]);
}

// Dropout, which is its own backward: judged by bandwidth, though drawing the mask is most of the work on a CPU. Large is
// 8192 tokens of LLaMA-7B.
import { type Device, ops } from '../../lib/index.ts';
import { dropoutMask, dropoutReference } from '../../test/ops/cases/dropout.ts';
import {
  bytesOf,
  compare,
  type Float,
  firstRows,
  type Prepared,
  type Sizes,
  Tensors,
  type Workload,
} from '../workload.ts';

const p = 0.1;
const seed = 1;

function dropout(rows: number, width: number, dtype: Float): Workload {
  return {
    name: `dropout ${rows}x${width} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: rows * width,
    bytes: 2 * rows * width * bytesOf(dtype),
    rival: { kind: 'dropout', rows, width, p, dtype },
    prepare: (device) => prepare(device, [rows, width], dtype),
  };
}

function prepare(device: Device, shape: [number, number], dtype: Float): Prepared {
  const tensors = new Tensors(device);
  const input = tensors.random(shape, dtype);
  const output = tensors.empty(shape, dtype);
  const run = () => ops.dropout({ input, p, seed, output });
  const check = async () => {
    ops.fill({ output, value: Number.NaN });
    run();
    const values = await firstRows(input, 1);
    const expected = dropoutReference(values, p, dropoutMask(values.length, p, seed, 0));
    return compare([
      'output',
      await firstRows(output, 1),
      expected,
      bytesOf(dtype) === 4 ? 1e-6 : 8e-3,
    ]);
  };
  return { run, check, dispose: () => tensors.dispose() };
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  const dtypes = sizes === 'large' ? (['bfloat16'] as const) : (['float32', 'bfloat16'] as const);
  return dtypes.map((dtype) => dropout(rows!, width!, dtype));
}

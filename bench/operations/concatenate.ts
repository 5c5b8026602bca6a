// Tensors side by side in rows, as fast as memory if it is good; slices run the same kernel. Large is 4 x 2048 tokens of
// LLaMA-7B.
import { type Device, ops } from '../../lib/index.ts';
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

/** Rows that are checked. */
const sample = 4;

function concatenate(rows: number, widths: readonly number[], dtype: Float): Workload {
  const width = widths.reduce((a, b) => a + b);
  return {
    name: `concatenate ${rows}x(${widths.join('+')}) ${dtype}`,
    dtype,
    bound: 'memory',
    flops: 0,
    bytes: 2 * rows * width * bytesOf(dtype),
    rival: { kind: 'concatenate', rows, widths: [...widths], dtype },
    prepare: (device) => prepare(device, rows, widths, dtype),
  };
}

function prepare(device: Device, rows: number, widths: readonly number[], dtype: Float): Prepared {
  const tensors = new Tensors(device);
  const inputs = widths.map((width) => tensors.random([rows, width], dtype));
  const output = tensors.empty([rows, widths.reduce((a, b) => a + b)], dtype);
  const run = () => ops.concatenate({ inputs, dimension: 1, output });
  const check = async () => {
    ops.fill({ output, value: Number.NaN });
    run();
    const parts = await Promise.all(inputs.map((input) => firstRows(input, sample)));
    const expected = Array.from({ length: Math.min(rows, sample) }, (_, row) =>
      parts.flatMap((part, i) => [...part.subarray(row * widths[i]!, (row + 1) * widths[i]!)]),
    );
    return compare(['output', await firstRows(output, sample), expected.flat(), 0]);
  };
  return { run, check, dispose: () => tensors.dispose() };
}

export function workloads(sizes: Sizes): Workload[] {
  const all = { tiny: [6, 8], small: [4096, 512], large: [8192, 4096] } as const;
  const [rows, width] = all[sizes];
  return (['float32', 'bfloat16'] as const).map((dtype) =>
    concatenate(rows, [width, width, 2 * width], dtype),
  );
}

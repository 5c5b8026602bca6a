// Casts between dtypes, and a copy within one. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function cast(rows: number, width: number, from: Float, to: Float): Workload {
  return rowsWorkload({
    name: `cast ${rows}x${width} ${from} to ${to}`,
    dtype: to,
    flops: 0,
    bytes: rows * width * (bytesOf(from) + bytesOf(to)),
    rival: { kind: 'cast', rows, width, dtype: from, to },
    make: (tensors) => {
      const input = tensors.random([rows, width], from);
      const output = tensors.empty([rows, width], to);
      return {
        inputs: [input],
        output,
        run: () => ops.cast({ input, output }),
        expected: (x) => x!,
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  return (
    [
      ['float32', 'bfloat16'],
      ['bfloat16', 'float32'],
      ['float32', 'float32'],
    ] as const
  ).map(([from, to]) => cast(rows!, width!, from, to));
}

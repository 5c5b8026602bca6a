// Casts between dtypes, and a copy within one. Large is 8192 tokens of LLaMA-7B.
import { bytesPerElement } from '../../lib/core/tensor.ts';
import { type DType, ops } from '../../lib/index.ts';
import { rowsWorkload } from '../rows.ts';
import type { Sizes, Workload } from '../workload.ts';

function cast(rows: number, width: number, from: DType, to: DType): Workload {
  return rowsWorkload({
    name: `cast ${rows}x${width} ${from} to ${to}`,
    // Decides how near the results must be.
    dtype: to === 'float32' || to === 'int32' ? 'float32' : 'bfloat16',
    flops: 0,
    bytes: rows * width * (bytesPerElement(from) + bytesPerElement(to)),
    rival: { kind: 'cast', rows, width, dtype: from, to },
    make: (tensors) => {
      // Positive numbers, which all dtypes have.
      const input = tensors.keep(tensors.random([rows, width], 'float32', 100, 10).to(from));
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
      ['float16', 'float32'],
      ['float32', 'float16'],
      ['int64', 'int32'],
      ['uint8', 'float32'],
    ] as const
  ).map(([from, to]) => cast(rows!, width!, from, to));
}

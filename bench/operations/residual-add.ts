// The sum of two tensors of one shape. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function residualAdd(rows: number, width: number, dtype: Float): Workload {
  return rowsWorkload({
    name: `residualAdd ${rows}x${width} ${dtype}`,
    dtype,
    flops: rows * width,
    bytes: 3 * rows * width * bytesOf(dtype),
    rival: { kind: 'residual_add', rows, width, dtype },
    make: (tensors) => {
      const a = tensors.random([rows, width], dtype);
      const b = tensors.random([rows, width], dtype);
      const output = tensors.empty([rows, width], dtype);
      return {
        inputs: [a, b],
        output,
        run: () => ops.residualAdd({ a, b, output }),
        expected: (x, y) => x!.map((value, i) => value + y![i]!),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  return (['float32', 'bfloat16'] as const).map((dtype) => residualAdd(rows!, width!, dtype));
}

// A choice between two tensors by a third, element by element. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function where(rows: number, width: number, dtype: Float): Workload {
  return rowsWorkload({
    name: `where ${rows}x${width} ${dtype}`,
    dtype,
    flops: 0,
    bytes: rows * width * (4 + 3 * bytesOf(dtype)),
    rival: { kind: 'where', rows, width, dtype },
    make: (tensors) => {
      const a = tensors.random([rows, width], dtype);
      const b = tensors.random([rows, width], dtype);
      const condition = tensors.keep(ops.less({ a, b }).output);
      const output = tensors.empty([rows, width], dtype);
      return {
        inputs: [a, b],
        output,
        run: () => ops.where({ condition, a, b, output }),
        expected: (x, y) => x!.map((value, i) => Math.min(value, y![i]!)),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  return (['float32', 'bfloat16'] as const).map((dtype) => where(rows!, width!, dtype));
}

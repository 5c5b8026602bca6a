// Comparisons of two tensors, element by element. All take the same path. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { comparisons, names } from '../../test/ops/cases/compare.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function comparison(
  name: (typeof names)[number],
  rows: number,
  width: number,
  dtype: Float,
): Workload {
  return rowsWorkload({
    name: `${name} ${rows}x${width} ${dtype}`,
    dtype,
    flops: rows * width,
    bytes: rows * width * (2 * bytesOf(dtype) + 4),
    rival: { kind: 'compare', name, rows, width, dtype },
    make: (tensors) => {
      const a = tensors.random([rows, width], dtype);
      const b = tensors.random([rows, width], dtype);
      const output = tensors.empty([rows, width], 'int32');
      return {
        inputs: [a, b],
        output,
        run: () => ops[name]({ a, b, output }),
        expected: (x, y) => x!.map((value, i) => (comparisons[name](value, y![i]!) ? 1 : 0)),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  return names.map((name) => comparison(name, rows!, width!, 'bfloat16'));
}

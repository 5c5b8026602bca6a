// One number everywhere: what memory takes that is only written. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function fill(rows: number, width: number, dtype: Float): Workload {
  return rowsWorkload({
    name: `fill ${rows}x${width} ${dtype}`,
    dtype,
    flops: 0,
    bytes: rows * width * bytesOf(dtype),
    rival: { kind: 'fill', rows, width, dtype },
    make: (tensors) => {
      const output = tensors.empty([rows, width], dtype);
      return {
        inputs: [output],
        output,
        run: () => ops.fill({ output, value: 3 }),
        expected: (x) => x!.map(() => 3),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  return (['float32', 'bfloat16'] as const).map((dtype) => fill(rows!, width!, dtype));
}

// Normally distributed numbers, the same on every device. Judged by what is written. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { randomNormalReference } from '../../test/ops/cases/random-normal.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function randomNormal(rows: number, width: number, dtype: Float): Workload {
  return rowsWorkload({
    name: `randomNormal ${rows}x${width} ${dtype}`,
    dtype,
    flops: 0,
    bytes: rows * width * bytesOf(dtype),
    rival: { kind: 'random_normal', rows, width, dtype },
    make: (tensors) => {
      const output = tensors.empty([rows, width], dtype);
      return {
        inputs: [output],
        output,
        run: () => ops.randomNormal({ output, seed: 5 }),
        expected: (x) => randomNormalReference(x!.length, 5),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  return (['float32', 'bfloat16'] as const).map((dtype) => randomNormal(rows!, width!, dtype));
}

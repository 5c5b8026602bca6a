// A part of an inner dimension, as of projections that were computed together. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { sliceReference } from '../../test/ops/cases/slice.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function slice(rows: number, width: number, dtype: Float): Workload {
  const [start, end] = [width / 4, (3 * width) / 4];
  return rowsWorkload({
    name: `slice ${start} to ${end} of ${rows}x${width} ${dtype}`,
    dtype,
    flops: 0,
    bytes: 2 * rows * (end - start) * bytesOf(dtype),
    rival: { kind: 'slice', rows, width, start, end, dtype },
    make: (tensors) => {
      const input = tensors.random([rows, width], dtype);
      const output = tensors.empty([rows, end - start], dtype);
      return {
        inputs: [input],
        output,
        run: () => ops.slice({ input, dimension: 1, start, output }),
        expected: (x) =>
          sliceReference(x!, { shape: [x!.length / width, width], dimension: 1, start, end }),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 4096], large: [8192, 8192] }[sizes];
  return (['float32', 'bfloat16'] as const).map((dtype) => slice(rows!, width!, dtype));
}

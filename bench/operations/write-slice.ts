// Writes a part of an inner dimension, or adds to it: what a slice's gradient needs. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { writeSliceReference } from '../../test/ops/cases/write-slice.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function writeSlice(rows: number, width: number, dtype: Float, accumulate: boolean): Workload {
  const [start, end] = [width / 4, (3 * width) / 4];
  const poison = 7;
  return rowsWorkload({
    name: `writeSlice ${accumulate ? 'adds ' : ''}${start} to ${end} of ${rows}x${width} ${dtype}`,
    dtype,
    flops: accumulate ? rows * (end - start) : 0,
    bytes: (accumulate ? 3 : 2) * rows * (end - start) * bytesOf(dtype),
    rival: { kind: 'write_slice', rows, width, start, end, accumulate, dtype },
    poison,
    make: (tensors) => {
      const input = tensors.random([rows, end - start], dtype);
      const output = tensors.empty([rows, width], dtype);
      return {
        inputs: [input],
        output,
        run: () => ops.writeSlice({ input, dimension: 1, start, accumulate, output }),
        expected: (x) => {
          const shape = [x!.length / (end - start), width];
          const before = new Float64Array(shape[0]! * width).fill(poison);
          return writeSliceReference(x!, before, { shape, dimension: 1, start, end }, accumulate);
        },
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 4096], large: [8192, 8192] }[sizes];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    [false, true].map((accumulate) => writeSlice(rows!, width!, dtype, accumulate)),
  );
}

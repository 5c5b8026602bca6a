// Writes rows into places of a table, as a key-value cache takes them. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { writeRowsReference } from '../../test/ops/cases/write-rows.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function writeRows(count: number, width: number, dtype: Float): Workload {
  const poison = 7;
  return rowsWorkload({
    name: `writeRows ${count}x${width} ${dtype}`,
    dtype,
    flops: 0,
    bytes: 2 * count * width * bytesOf(dtype),
    rival: { kind: 'write_rows', rows: count, width, dtype },
    poison,
    make: (tensors) => {
      const input = tensors.random([count, width], dtype);
      // Neighbours change places, so that the first rows come of the first rows.
      const places = Int32Array.from({ length: count }, (_, i) => i ^ 1);
      const rows = tensors.integers(places);
      const table = tensors.empty([count, width], dtype);
      return {
        inputs: [input],
        output: table,
        run: () => ops.writeRows({ rows, input, table }),
        expected: (x) => {
          const first = Float64Array.from(places.subarray(0, x!.length / width));
          const before = new Float64Array(x!.length).fill(poison);
          return writeRowsReference(first, x!, before).table;
        },
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  return (['float32', 'bfloat16'] as const).map((dtype) => writeRows(rows!, width!, dtype));
}

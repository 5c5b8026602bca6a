// The highest of each row: a few of many, as for sampling, and two of a few, as for choosing experts. Judged by the
// bandwidth of one read. Large is 8192 rows of 32,768, 537 MB.
import { ops } from '../../lib/index.ts';
import { scattered, topKReference } from '../../test/ops/cases/top-k.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function forward(rows: number, size: number, k: number, dtype: Float): Workload {
  return rowsWorkload({
    name: `topK ${k} of ${rows}x${size} ${dtype}`,
    dtype,
    flops: rows * size,
    bytes: rows * size * bytesOf(dtype),
    rival: { kind: 'top_k', pass: 'forward', rows, size, k, dtype },
    make: (tensors) => {
      const input = tensors.random([rows, size], dtype);
      const output = tensors.empty([rows, k], dtype);
      const indices = tensors.empty([rows, k], 'int32');
      return {
        inputs: [input],
        output,
        run: () => ops.topKForward({ input, k, output, indices }),
        expected: (x) => topKReference(x!, size, k).output,
      };
    },
  });
}

function backward(rows: number, size: number, k: number, dtype: Float): Workload {
  return rowsWorkload({
    name: `topK backward ${k} of ${rows}x${size} ${dtype}`,
    dtype,
    flops: 0,
    bytes: rows * (size + k) * bytesOf(dtype) + 4 * rows * k,
    rival: { kind: 'top_k', pass: 'backward', rows, size, k, dtype },
    make: (tensors) => {
      const gradOutput = tensors.random([rows, k], dtype);
      const places = Int32Array.from({ length: rows * k }, (_, i) => (i % k) * 2);
      const indices = tensors.integers(places, [rows, k]);
      const gradInput = tensors.empty([rows, size], dtype);
      return {
        inputs: [gradOutput],
        output: gradInput,
        run: () => ops.topKBackward({ gradOutput, indices, gradInput }),
        expected: (dy) => scattered(dy!, Float64Array.from(places), size, k),
      };
    },
  });
}

function topK(rows: number, size: number, k: number, dtype: Float): Workload[] {
  return [forward(rows, size, k, dtype), backward(rows, size, k, dtype)];
}

export function workloads(sizes: Sizes): Workload[] {
  if (sizes === 'large') {
    return [...topK(8192, 32_768, 40, 'bfloat16'), ...topK(2 ** 20, 64, 2, 'bfloat16')];
  }
  if (sizes === 'tiny') return topK(6, 72, 5, 'float32');
  return (['float32', 'bfloat16'] as const).flatMap((dtype) => [
    ...topK(256, 32_000, 40, dtype),
    ...topK(16_384, 64, 2, dtype),
  ]);
}

// Softmax over rows, forward and backward from the output. Each is one pass
// over memory and judged by bandwidth. Large is 8192 rows of 32,768, 537 MB a tensor.
import { ops } from '../../lib/index.ts';
import { softmaxBackwardReference, softmaxReference } from '../../test/ops/cases/softmax.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

type Pass = 'forward' | 'backward';

function softmax(rows: number, size: number, dtype: Float, pass: Pass): Workload {
  return rowsWorkload({
    name: `softmax ${pass} ${rows}x${size} ${dtype}`,
    dtype,
    flops: (pass === 'forward' ? 5 : 4) * rows * size,
    bytes: (pass === 'forward' ? 2 : 3) * rows * size * bytesOf(dtype),
    rival: { kind: 'softmax', pass, rows, size, dtype },
    make: (tensors) => {
      const input = tensors.random([rows, size], dtype, 0, 2);
      const output = tensors.empty([rows, size], dtype);
      const run = () => ops.softmaxForward({ input, output });
      if (pass === 'forward') {
        const expected = (x: Float64Array) => softmaxReference(x, size);
        return { inputs: [input], output, run, expected };
      }
      run();
      const gradOutput = tensors.random([rows, size], dtype);
      return {
        inputs: [gradOutput, output],
        output: input,
        run: () => ops.softmaxBackward({ gradOutput, output, gradInput: input }),
        expected: (dy, y) => softmaxBackwardReference(dy!, y!, size),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const passes = ['forward', 'backward'] as const;
  if (sizes === 'large') return passes.map((pass) => softmax(8192, 32_768, 'bfloat16', pass));
  const [rows, size] = sizes === 'tiny' ? [6, 72] : [4096, 2048];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    passes.map((pass) => softmax(rows!, size!, dtype, pass)),
  );
}

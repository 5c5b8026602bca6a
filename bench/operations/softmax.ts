// Softmax over rows, forward and backward from the output. Each is one pass
// over memory and judged by bandwidth. Large is 8192 rows of 32,768, 537 MB a tensor.
import { ops } from '../../lib/index.ts';
import { softmaxBackwardReference, softmaxReference } from '../../test/ops/cases/softmax.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

type Pass = 'forward' | 'backward';

/** Softmax or its logarithm, and the formulas that it is held against. */
interface Kind {
  readonly name: string;
  readonly rival: string;
  readonly forward: typeof ops.softmaxForward;
  readonly backward: typeof ops.softmaxBackward;
  readonly reference: typeof softmaxReference;
  readonly backwardReference: typeof softmaxBackwardReference;
}

const softmax: Kind = {
  name: 'softmax',
  rival: 'softmax',
  forward: ops.softmaxForward,
  backward: ops.softmaxBackward,
  reference: softmaxReference,
  backwardReference: softmaxBackwardReference,
};

function workload(kind: Kind, rows: number, size: number, dtype: Float, pass: Pass): Workload {
  return rowsWorkload({
    name: `${kind.name} ${pass} ${rows}x${size} ${dtype}`,
    dtype,
    flops: (pass === 'forward' ? 5 : 4) * rows * size,
    bytes: (pass === 'forward' ? 2 : 3) * rows * size * bytesOf(dtype),
    rival: { kind: kind.rival, pass, rows, size, dtype },
    make: (tensors) => {
      const input = tensors.random([rows, size], dtype, 0, 2);
      const output = tensors.empty([rows, size], dtype);
      const run = () => kind.forward({ input, output });
      if (pass === 'forward') {
        const expected = (x: Float64Array) => kind.reference(x, size);
        return { inputs: [input], output, run, expected };
      }
      run();
      const gradOutput = tensors.random([rows, size], dtype);
      return {
        inputs: [gradOutput, output],
        output: input,
        run: () => kind.backward({ gradOutput, output, gradInput: input }),
        expected: (dy, y) => kind.backwardReference(dy!, y!, size),
      };
    },
  });
}

export function workloadsOf(kind: Kind, sizes: Sizes): Workload[] {
  const passes = ['forward', 'backward'] as const;
  if (sizes === 'large') {
    return passes.map((pass) => workload(kind, 8192, 32_768, 'bfloat16', pass));
  }
  const [rows, size] = sizes === 'tiny' ? [6, 72] : [4096, 2048];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    passes.map((pass) => workload(kind, rows!, size!, dtype, pass)),
  );
}

export function workloads(sizes: Sizes): Workload[] {
  return workloadsOf(softmax, sizes);
}

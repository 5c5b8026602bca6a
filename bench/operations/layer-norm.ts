// LayerNorm with bias, forward and backward. Each is one pass over memory and judged by bandwidth. Large is 16384 tokens of
// 4096 numbers, 134 MB a tensor.
import { ops } from '../../lib/index.ts';
import { layerNormBackwardReference, layerNormReference } from '../../test/ops/cases/layer-norm.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

type Pass = 'forward' | 'backward';

const epsilon = 1e-5;

function layerNorm(rows: number, hidden: number, dtype: Float, pass: Pass): Workload {
  return rowsWorkload({
    name: `layerNorm ${pass} ${rows}x${hidden} ${dtype}`,
    dtype,
    flops: (pass === 'forward' ? 8 : 13) * rows * hidden,
    bytes: (pass === 'forward' ? 2 : 3) * rows * hidden * bytesOf(dtype) + 8 * rows,
    rival: { kind: 'layer_norm', pass, rows, hidden, epsilon, dtype },
    make: (tensors) => {
      const input = tensors.random([rows, hidden], dtype);
      const weight = tensors.random([hidden], dtype, 1, 0.1);
      const bias = tensors.random([hidden], dtype, 0, 0.1);
      const output = tensors.empty([rows, hidden], dtype);
      const mean = tensors.empty([rows]);
      const inverseDeviation = tensors.empty([rows]);
      const forward = { input, weight, bias, epsilon, output, mean, inverseDeviation };
      const run = () => ops.layerNormForward(forward);
      if (pass === 'forward') {
        const expected = (x: Float64Array, weight: Float64Array, bias: Float64Array) =>
          layerNormReference(x, weight, bias).output;
        return { inputs: [input, weight, bias], output, run, expected };
      }
      run();
      const gradOutput = tensors.random([rows, hidden], dtype);
      const gradWeight = ops.fill({ output: tensors.empty([hidden]), value: 0 }).output;
      const gradBias = ops.fill({ output: tensors.empty([hidden]), value: 0 }).output;
      const gradInput = output;
      const backward = { gradOutput, input, weight, mean, inverseDeviation };
      return {
        inputs: [gradOutput, input, weight],
        output: gradInput,
        run: () => ops.layerNormBackward({ ...backward, gradInput, gradWeight, gradBias }),
        expected: (dy, x, weight) => {
          const { mean, inverseDeviation } = layerNormReference(x!, weight!);
          const args = [dy!, x!, weight!, mean, inverseDeviation] as const;
          return layerNormBackwardReference(...args).gradInput;
        },
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const passes = ['forward', 'backward'] as const;
  if (sizes === 'large') return passes.map((pass) => layerNorm(16384, 4096, 'bfloat16', pass));
  const [rows, hidden] = sizes === 'tiny' ? [6, 72] : [16384, 768];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    passes.map((pass) => layerNorm(rows!, hidden!, dtype, pass)),
  );
}

// Means over one dimension, and their gradients.
import { ops } from '../../lib/index.ts';
import { sumReference } from '../../test/ops/cases/sum.ts';
import { reductions } from '../reductions.ts';
import type { Sizes, Workload } from '../workload.ts';

export function workloads(sizes: Sizes): Workload[] {
  return reductions(
    {
      name: 'mean',
      rival: 'mean',
      make: (tensors, input, outputs, dimension) => {
        const output = tensors.empty(outputs, input.dtype);
        return {
          output,
          run: () => ops.meanForward({ input, dimension, output }),
          expected: (x, shape) =>
            sumReference(x, shape, dimension).map((sum) => sum / shape[dimension]!),
        };
      },
      backward: (_, gradOutput, gradInput, dimension) => ({
        run: () => ops.meanBackward({ gradOutput, dimension, gradInput }),
        share: (_, size) => 1 / size,
      }),
    },
    sizes,
  );
}

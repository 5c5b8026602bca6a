// Sums over one dimension, and their gradients.
import { ops } from '../../lib/index.ts';
import { sumReference } from '../../test/ops/cases/sum.ts';
import { reductions } from '../reductions.ts';
import type { Sizes, Workload } from '../workload.ts';

export function workloads(sizes: Sizes): Workload[] {
  return reductions(
    {
      name: 'sum',
      rival: 'sum',
      make: (tensors, input, outputs, dimension) => {
        const output = tensors.empty(outputs, input.dtype);
        return {
          output,
          run: () => ops.sumForward({ input, dimension, output }),
          expected: (x, shape) => sumReference(x, shape, dimension),
        };
      },
      backward: (_, gradOutput, gradInput, dimension) => ({
        run: () => ops.sumBackward({ gradOutput, dimension, gradInput }),
        share: () => 1,
      }),
    },
    sizes,
  );
}

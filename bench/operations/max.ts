// The highest elements over one dimension, with their indices, and their gradients.
import { ops } from '../../lib/index.ts';
import { maxReference } from '../../test/ops/cases/max.ts';
import { reductions } from '../reductions.ts';
import type { Sizes, Workload } from '../workload.ts';

export function workloads(sizes: Sizes): Workload[] {
  return reductions(
    {
      name: 'max',
      rival: 'max',
      make: (tensors, input, outputs, dimension) => {
        const output = tensors.empty(outputs, input.dtype);
        const indices = tensors.empty(outputs, 'int32');
        return {
          output,
          run: () => ops.maxForward({ input, dimension, output, indices }),
          expected: (x, shape) => maxReference(x, shape, dimension).output,
        };
      },
      backward: (tensors, gradOutput, gradInput, dimension) => {
        const indices = tensors.empty(gradOutput.shape, 'int32');
        ops.fill({ output: indices, value: 1 });
        return {
          run: () => ops.maxBackward({ gradOutput, indices, dimension, gradInput }),
          share: (index) => (index === 1 ? 1 : 0),
        };
      },
    },
    sizes,
  );
}

// Where the highest elements over one dimension are.
import { ops } from '../../lib/index.ts';
import { maxReference } from '../../test/ops/cases/max.ts';
import { reductions } from '../reductions.ts';
import type { Sizes, Workload } from '../workload.ts';

export function workloads(sizes: Sizes): Workload[] {
  return reductions(
    {
      name: 'argmax',
      rival: 'argmax',
      make: (tensors, input, outputs, dimension) => {
        const output = tensors.empty(outputs, 'int32');
        return {
          output,
          run: () => ops.argmax({ input, dimension, indices: output }),
          expected: (x, shape) => maxReference(x, shape, dimension).indices,
        };
      },
    },
    sizes,
  );
}

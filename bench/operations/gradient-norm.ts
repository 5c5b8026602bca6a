// The norm of all gradients and the factor that clips them. Large is 268 MB.
import { ops } from '../../lib/index.ts';
import { gradientNormReference } from '../../test/ops/cases/gradient-norm.ts';
import { rowsWorkload } from '../rows.ts';
import type { Sizes, Workload } from '../workload.ts';

function gradientNorm(count: number): Workload {
  return rowsWorkload({
    name: `gradientNorm ${count} float32`,
    dtype: 'float32',
    flops: 2 * count,
    bytes: 4 * count,
    rival: { kind: 'gradient_norm', count },
    make: (tensors) => {
      const gradient = tensors.random([count], 'float32');
      const norm = tensors.empty([1]);
      const scale = tensors.empty([1]);
      return {
        inputs: [gradient],
        output: norm,
        run: () => ops.gradientNorm({ gradients: [gradient], maxNorm: 1, norm, scale }),
        expected: (values) => gradientNormReference([values!], 1).norm,
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  return [gradientNorm({ tiny: 1000, small: 2 ** 24, large: 2 ** 26 }[sizes])];
}

import { LeiaError } from '../../system/error.ts';
import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';

export interface GradientNorm {
  /** At least one tensor; any shapes, float32. */
  gradients: readonly Tensor[];
  /** Above 0; Infinity does not clip. */
  maxNorm: number;
  /** [1], float32. */
  norm?: Tensor;
  /** [1], float32: what to multiply gradients by, as `adamw` does with its gradientScale. */
  scale?: Tensor;
}

const nativeGradientNorm = operation<GradientNorm, 'norm' | 'scale'>('gradientNorm');

/**
 * The Euclidean norm of all gradients taken together, and the factor that clips it:
 * `scale = min(1, maxNorm / (norm + 1e-6))`. The gradients are left as they are.
 */
export function gradientNorm(args: GradientNorm): { norm: Tensor; scale: Tensor } {
  nativeGradientNorm.expect(args);
  const device = args.gradients[0]?.device;
  if (!device) {
    throw new LeiaError('argument', 'gradientNorm: gradients is empty, expected a tensor');
  }
  const norm = args.norm ?? Tensor.empty([1], { device });
  const scale = args.scale ?? Tensor.empty([1], { device });
  nativeGradientNorm(args, { norm, scale });
  return { norm, scale };
}

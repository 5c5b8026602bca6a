import { LeiaError } from '../../system/error.ts';
import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';

/** Arguments of {@link gradientNorm}. */
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
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradients = [Tensor.from([3], [1]), Tensor.from([0, 4], [2])];
 * const { norm, scale } = ops.gradientNorm({ gradients, maxNorm: 1 });
 * await norm.item(); // 5
 * await scale.item(); // 0.2
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

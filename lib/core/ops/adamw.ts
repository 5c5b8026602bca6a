import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

/** Arguments of {@link adamw}. */
export interface Adamw {
  /** At least one, any shapes, updated in place: all float32, or all bfloat16 with `masterLowBits`. */
  parameters: readonly Tensor[];
  /**
   * For each bfloat16 parameter, of its shape: the lower 16 bits of the float32 parameter whose
   * upper 16 bits, rounded to nearest and halves up, are `parameter` (see `splitFloat32`). The
   * dtype is bfloat16, but these are bits, not values. Zeros where the bfloat16 values are exact.
   */
  masterLowBits?: readonly Tensor[];
  /** For each parameter, of its shape, float32. */
  gradients: readonly Tensor[];
  /**
   * For each parameter, of its shape, zeros before the first step; updated. All moments are float32, or all are
   * bfloat16: then they are rounded at random to one of the two neighbours, so that their mean is kept.
   */
  firstMoments: readonly Tensor[];
  /** The same. */
  secondMoments: readonly Tensor[];
  learningRate: number;
  /** 0 or more and less than 1, like beta2. */
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled: the parameter is first multiplied by 1 - learningRate * weightDecay. */
  weightDecay: number;
  /** 1 for the first step. */
  step: number;
  /** [1], float32: what the gradient is multiplied by, as `gradientNorm` gives it. */
  gradientScale?: Tensor;
  /** Of the rounding of bfloat16 moments: a whole number of 0 or more; 0 unless given. */
  seed?: number;
  /**
   * The number of the first parameter among all that are updated with this seed, 0 unless given. With the seed, the
   * step and the place of an element in its parameter it decides how the element's moments are rounded.
   */
  firstParameter?: number;
  /**
   * Where each parameter begins in the tensor that it is a flat slice of: multiples of 4. The moments of a slice are then
   * rounded as those of the whole tensor would be. None unless given: all are whole.
   */
  firstElements?: readonly number[];
}

const nativeAdamw = operation<Adamw, 'seed' | 'firstParameter' | 'firstElements'>('adamw');

/**
 * One step of AdamW (Loshchilov & Hutter 2019) in the order of torch.optim.AdamW, in float32 and in
 * one pass over memory: on a GPU one launch for all parameters.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const parameter = Tensor.from([1, -1], [2]);
 * const gradient = Tensor.from([0.5, 0.5], [2]);
 * ops.adamw({
 *   parameters: [parameter],
 *   gradients: [gradient],
 *   firstMoments: [Tensor.zeros([2])],
 *   secondMoments: [Tensor.zeros([2])],
 *   learningRate: 0.1,
 *   beta1: 0.9,
 *   beta2: 0.95,
 *   epsilon: 1e-6,
 *   weightDecay: 0,
 *   step: 1,
 * });
 * await parameter.read(); // 0.9, -1.1
 */
export function adamw(args: Adamw): void {
  const { seed = 0, firstParameter = 0, firstElements = [] } = args;
  nativeAdamw(args, { seed, firstParameter, firstElements });
}

import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

export interface Adamw {
  /** At least one, any shapes, updated in place: all float32, or all bfloat16 with `masterLowBits`. */
  parameters: readonly Tensor[];
  /**
   * For each bfloat16 parameter, of its shape: the lower 16 bits of the float32 parameter whose
   * upper 16 bits, rounded to nearest and halves up, are `parameter` (see {@link splitFloat32}). The
   * dtype is bfloat16, but these are bits, not values. Zeros where the bfloat16 values are exact.
   */
  masterLowBits?: readonly Tensor[];
  /** For each parameter, of its shape, float32. */
  gradients: readonly Tensor[];
  /** For each parameter, of its shape, float32, zeros before the first step; updated. */
  firstMoments: readonly Tensor[];
  /** For each parameter, of its shape, float32, zeros before the first step; updated. */
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
}

const nativeAdamw = operation<Adamw>('adamw');

/**
 * One step of AdamW (Loshchilov & Hutter 2019) in the order of torch.optim.AdamW, in float32 and in
 * one pass over memory: on a GPU one launch for all parameters.
 */
export function adamw(args: Adamw): void {
  nativeAdamw(args, {});
}

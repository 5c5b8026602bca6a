import { addon, type Handle, type OptionalHandle } from '../addon.ts';
import type { Tensor } from '../tensor.ts';

export interface NativeAdamw {
  adamw(
    parameter: Handle,
    remainder: OptionalHandle,
    gradient: Handle,
    firstMoment: Handle,
    secondMoment: Handle,
    gradientScale: OptionalHandle,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    step: number,
  ): void;
}

export interface Adamw {
  /** Any shape, updated in place: float32, or bfloat16 with a remainder. */
  parameter: Tensor;
  /**
   * Shape of parameter: the lower 16 bits of the float32 parameter whose upper 16 bits, rounded to
   * nearest and halves up, are `parameter` (see {@link splitFloat32}). The dtype is bfloat16, but
   * these are bits, not values. Zeros where the bfloat16 values are exact.
   */
  remainder?: Tensor;
  /** Shape of parameter, float32. */
  gradient: Tensor;
  /** Shape of parameter, float32, zeros before the first step; updated. */
  firstMoment: Tensor;
  /** Shape of parameter, float32, zeros before the first step; updated. */
  secondMoment: Tensor;
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

/**
 * One step of AdamW (Loshchilov & Hutter 2019) in the order of torch.optim.AdamW, in float32 and in
 * one pass over memory.
 */
export function adamw(args: Adamw): void {
  addon().adamw(
    args.parameter.handle,
    args.remainder?.handle,
    args.gradient.handle,
    args.firstMoment.handle,
    args.secondMoment.handle,
    args.gradientScale?.handle,
    args.learningRate,
    args.beta1,
    args.beta2,
    args.epsilon,
    args.weightDecay,
    args.step,
  );
}

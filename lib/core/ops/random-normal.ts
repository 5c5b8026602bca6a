import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

/** Arguments of {@link randomNormal}. */
export interface RandomNormal {
  /** Any shape, float32 or bfloat16. */
  output: Tensor;
  /** Default 0. */
  mean?: number;
  /** 0 or more; default 1. */
  standardDeviation?: number;
  /** A whole number of 0 or more. */
  seed: number;
  /** A whole number of 0 or more, default 0: where in the seed's sequence the output begins. */
  offset?: number;
}

const nativeRandomNormal = operation<RandomNormal, 'mean' | 'standardDeviation' | 'offset'>(
  'randomNormal',
);

/**
 * Normally distributed numbers. Element i depends only on seed and offset + i; before it is rounded
 * to the output's dtype it is the same float32 value on every device. The generator is
 * Philox4x32-10 (Salmon et al. 2011) with the inverse distribution by algorithm AS 241 (Wichura 1988).
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const output = Tensor.empty([2, 3], { dtype: 'bfloat16' });
 * ops.randomNormal({ output, standardDeviation: 0.02, seed: 1 });
 */
export function randomNormal(args: RandomNormal): { output: Tensor } {
  const { mean = 0, standardDeviation = 1, offset = 0 } = args;
  nativeRandomNormal(args, { mean, standardDeviation, offset });
  return { output: args.output };
}

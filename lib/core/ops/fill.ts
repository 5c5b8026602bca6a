import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

/** Arguments of {@link fill}. */
export interface Fill {
  /** Any shape, any dtype. */
  output: Tensor;
  value: number;
}

const nativeFill = operation<Fill>('fill');

/**
 * `output[i] = value`, rounded to the output's dtype.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * await ops.fill({ output: Tensor.empty([3]), value: 7 }).output.read(); // 7, 7, 7
 */
export function fill(args: Fill): { output: Tensor } {
  nativeFill(args, {});
  return { output: args.output };
}

import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** Arguments of {@link dropout}. */
export interface Dropout {
  /** Any shape, float32 or bfloat16. */
  input: Tensor;
  /** The probability with which an element becomes 0: 0 or more, less than 1. */
  p: number;
  /** A whole number of 0 or more. */
  seed: number;
  /** A whole number of 0 or more, default 0: where in the seed's sequence the input begins. */
  offset?: number;
  /** Shape and dtype of input; may be input itself. */
  output?: Tensor;
}

const nativeDropout = operation<Dropout, 'offset' | 'output'>('dropout');

/**
 * Dropout (Srivastava et al. 2014): elements become 0 with probability p, the others `input / (1 - p)`. Which become 0
 * depends on seed and offset + i alone, on every device alike, so that no mask is stored: backward is dropout of the
 * gradient with the same p, seed and offset. With `p: 0` the output is the input, bit for bit.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1, 1, 1, 1], [4]);
 * await ops.dropout({ input, p: 0.5, seed: 4 }).output.read(); // 0, 2, 0, 0
 */
export function dropout(args: Dropout): { output: Tensor } {
  nativeDropout.expect(args);
  const { offset = 0, output = like(args.input) } = args;
  nativeDropout(args, { offset, output });
  return { output };
}

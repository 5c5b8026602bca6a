import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

/** Arguments of {@link writeSlice}. */
export interface WriteSlice {
  /** Shape of output, but for the dimension; dtype of output, float32 or bfloat16 with `accumulate`. */
  input: Tensor;
  /** Which dimension of the output is written to in part: 0 is the outermost, -1 the innermost. */
  dimension: number;
  /** The first index that is written to; `start` + the input's size is at most the output's. */
  start: number;
  /** Add to what is there, in float32, instead of overwriting it. */
  accumulate?: boolean;
  /** Any shape but [], any dtype; all outside of the range stays as it is. */
  output: Tensor;
}

const nativeWriteSlice = operation<WriteSlice, 'accumulate'>('writeSlice');

/**
 * Overwrites a range of one dimension, or adds to it: `output[…, start + j, …] (+)= input[…, j, …]`. The counterpart of
 * {@link slice}, and its backward: the gradient of a slice goes to its place in the gradient of the whole.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const output = Tensor.zeros([2, 3]);
 * ops.writeSlice({ input: Tensor.from([1, 2], [2, 1]), dimension: 1, start: 2, output });
 * await output.read(); // 0, 0, 1, 0, 0, 2
 */
export function writeSlice(args: WriteSlice): { output: Tensor } {
  const { accumulate = false } = args;
  nativeWriteSlice(args, { accumulate });
  return { output: args.output };
}

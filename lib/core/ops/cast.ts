import { operation } from '../operation.ts';
import { type DType, Tensor } from '../tensor.ts';

/** Arguments of {@link cast}. */
export interface Cast {
  /** Any shape, any dtype. */
  input: Tensor;
  /** Shape of input, any dtype; memory of its own. */
  output?: Tensor;
  /** The output's dtype when no output is given; that of input by default. */
  dtype?: DType;
}

const nativeCast = operation<Cast, 'output'>('cast');

/**
 * `output = input` in another dtype; the same dtype gives a copy. To a float dtype numbers are rounded to nearest, ties to
 * even, and become infinity where they are too large; whole numbers are rounded to float32 first. To a whole number they
 * are rounded toward zero, and one that the dtype does not hold (NaN too) is an error of the stream with its position,
 * where PyTorch takes whole numbers modulo 2^bits and leaves floats undefined.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1.001, 2], [2]);
 * await ops.cast({ input, dtype: 'bfloat16' }).output.read(); // 1, 2
 */
export function cast(args: Cast): { output: Tensor } {
  nativeCast.expect(args);
  const { input, dtype = input.dtype } = args;
  const output = args.output ?? Tensor.empty(input.shape, { dtype, device: input.device });
  nativeCast(args, { output });
  return { output };
}

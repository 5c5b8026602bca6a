import { operation } from '../operation.ts';
import { type DType, Tensor } from '../tensor.ts';

/** Arguments of {@link cast}. */
export interface Cast {
  /** Any shape, any dtype. */
  input: Tensor;
  /** Shape of input. */
  output?: Tensor;
  /** The output's dtype when no output is given: float32 or bfloat16, or int32 like input. */
  dtype?: DType;
}

const nativeCast = operation<Cast, 'output'>('cast');

/**
 * `output = input` in another dtype, rounded to nearest, ties to even; the same dtype gives a copy.
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

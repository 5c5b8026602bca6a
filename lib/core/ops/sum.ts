import { operation } from '../operation.ts';
import { type Shape, Tensor } from '../tensor.ts';
import { gradientOf, reducedShape } from './outputs.ts';

/** Arguments of {@link sumForward}. */
export interface SumForward {
  /** Float32 or bfloat16. */
  input: Tensor;
  /** Which dimension: 0 is the outermost, -1 the innermost. */
  dimension: number;
  /** Whether the result keeps the dimension, with size 1; false unless given. */
  keepDimension?: boolean;
  /** The input's shape without the dimension, or with size 1 there; dtype of input. */
  output?: Tensor;
}

const nativeSumForward = operation<SumForward, 'output'>('sumForward');

/**
 * The sum over one dimension. It is float32 in an order that depends on the shape alone, rounded to the dtype at the end. No
 * elements have the sum 0; a NaN makes its sum NaN.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or the dimension is not as said above.
 * @example
 * const input = Tensor.from([1, 2, 3, 6], [2, 2]);
 * await ops.sumForward({ input, dimension: 0 }).output.read(); // 4, 8
 */
export function sumForward(args: SumForward): { output: Tensor } {
  nativeSumForward.expect(args);
  const { input, dimension, keepDimension } = args;
  const output =
    args.output ?? Tensor.empty(reducedShape(input.shape, dimension, keepDimension), input);
  nativeSumForward(args, { output });
  return { output };
}

/** Arguments of {@link sumBackward}. */
export interface SumBackward {
  /** Shape and dtype of output. */
  gradOutput: Tensor;
  dimension: number;
  /** Shape and dtype of input; overwritten. */
  gradInput?: Tensor;
  /** The input's shape, where gradInput is not given. */
  shape?: Shape;
}

const nativeSumBackward = operation<SumBackward, 'gradInput'>('sumBackward');

/**
 * Backward of {@link sumForward}: every element gets the gradient of its sum.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or the dimension is not as said above.
 * @example
 * const gradOutput = Tensor.from([2, 4], [2]);
 * const { gradInput } = ops.sumBackward({ gradOutput, dimension: 0, shape: [2, 2] });
 * await gradInput.read(); // 2, 4, 2, 4
 */
export function sumBackward(args: SumBackward): { gradInput: Tensor } {
  nativeSumBackward.expect(args);
  const gradInput = gradientOf('sumBackward', args);
  nativeSumBackward(args, { gradInput });
  return { gradInput };
}

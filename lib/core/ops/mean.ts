import { operation } from '../operation.ts';
import { type Shape, Tensor } from '../tensor.ts';
import { gradientOf, reducedShape } from './outputs.ts';

/** Arguments of {@link meanForward}. */
export interface MeanForward {
  /** Float32 or bfloat16. */
  input: Tensor;
  /** Which dimension: 0 is the outermost, -1 the innermost. */
  dimension: number;
  /** Whether the result keeps the dimension, with size 1; false unless given. */
  keepDimension?: boolean;
  /** The input's shape without the dimension, or with size 1 there; dtype of input. */
  output?: Tensor;
}

const nativeMeanForward = operation<MeanForward, 'output'>('meanForward');

/**
 * The mean over one dimension: its sum, divided before it is rounded to the dtype. No elements have the mean NaN, as in
 * PyTorch.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or the dimension is not as said above.
 * @example
 * const input = Tensor.from([1, 2, 3, 6], [2, 2]);
 * await ops.meanForward({ input, dimension: 0 }).output.read(); // 2, 4
 */
export function meanForward(args: MeanForward): { output: Tensor } {
  nativeMeanForward.expect(args);
  const { input, dimension, keepDimension } = args;
  const output =
    args.output ?? Tensor.empty(reducedShape(input.shape, dimension, keepDimension), input);
  nativeMeanForward(args, { output });
  return { output };
}

/** Arguments of {@link meanBackward}. */
export interface MeanBackward {
  /** Shape and dtype of output. */
  gradOutput: Tensor;
  dimension: number;
  /** Shape and dtype of input; overwritten. */
  gradInput?: Tensor;
  /** The input's shape, where gradInput is not given. */
  shape?: Shape;
}

const nativeMeanBackward = operation<MeanBackward, 'gradInput'>('meanBackward');

/**
 * Backward of {@link meanForward}: every element gets the gradient of its mean, divided by the size of the dimension.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or the dimension is not as said above.
 * @example
 * const gradOutput = Tensor.from([2, 4], [2]);
 * const { gradInput } = ops.meanBackward({ gradOutput, dimension: 0, shape: [2, 2] });
 * await gradInput.read(); // 1, 2, 1, 2
 */
export function meanBackward(args: MeanBackward): { gradInput: Tensor } {
  nativeMeanBackward.expect(args);
  const gradInput = gradientOf('meanBackward', args);
  nativeMeanBackward(args, { gradInput });
  return { gradInput };
}

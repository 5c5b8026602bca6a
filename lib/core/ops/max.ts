import { operation } from '../operation.ts';
import { type Shape, Tensor } from '../tensor.ts';
import { gradientOf, reducedShape } from './outputs.ts';

/** Arguments of {@link maxForward}. */
export interface MaxForward {
  /** Float32 or bfloat16; at least one element in the dimension. */
  input: Tensor;
  /** Which dimension: 0 is the outermost, -1 the innermost. */
  dimension: number;
  /** Whether the results keep the dimension, with size 1; false unless given. */
  keepDimension?: boolean;
  /** The input's shape without the dimension, or with size 1 there; dtype of input. */
  output?: Tensor;
  /** Shape of output, int32. Saved for backward. */
  indices?: Tensor;
}

const nativeMaxForward = operation<MaxForward, 'output' | 'indices'>('maxForward');

/**
 * The highest element over one dimension and its index there; of equal ones the first. NaN is above all numbers, as in
 * PyTorch: where there is one, the result is NaN and the index that of the first.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or the dimension is not as said above.
 * @example
 * const input = Tensor.from([1, 5, 7, 3], [2, 2]);
 * const { output, indices } = ops.maxForward({ input, dimension: -1 });
 * await output.read(); // 5, 7
 * await indices.read(); // 1, 0
 */
export function maxForward(args: MaxForward): { output: Tensor; indices: Tensor } {
  nativeMaxForward.expect(args);
  const { input, dimension, keepDimension } = args;
  const shape = (args.output ?? args.indices)?.shape;
  const reduced = shape ?? reducedShape(input.shape, dimension, keepDimension);
  const output = args.output ?? Tensor.empty(reduced, input);
  const indices = args.indices ?? Tensor.empty(reduced, { dtype: 'int32', device: input.device });
  nativeMaxForward(args, { output, indices });
  return { output, indices };
}

/** Arguments of {@link maxBackward}. */
export interface MaxBackward {
  /** Shape and dtype of output. */
  gradOutput: Tensor;
  /** As forward gave them; one that is out of range is an error of the stream. */
  indices: Tensor;
  dimension: number;
  /** Shape and dtype of input; overwritten. */
  gradInput?: Tensor;
  /** The input's shape, where gradInput is not given. */
  shape?: Shape;
}

const nativeMaxBackward = operation<MaxBackward, 'gradInput'>('maxBackward');

/**
 * Backward of {@link maxForward}: the element at the index gets the gradient, all others 0.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or the dimension is not as said above.
 * @example
 * const indices = Tensor.from(Int32Array.of(1, 0), [2]);
 * const gradOutput = Tensor.from([5, 6], [2]);
 * const { gradInput } = ops.maxBackward({ gradOutput, indices, dimension: -1, shape: [2, 2] });
 * await gradInput.read(); // 0, 5, 6, 0
 */
export function maxBackward(args: MaxBackward): { gradInput: Tensor } {
  nativeMaxBackward.expect(args);
  const gradInput = gradientOf('maxBackward', args);
  nativeMaxBackward(args, { gradInput });
  return { gradInput };
}

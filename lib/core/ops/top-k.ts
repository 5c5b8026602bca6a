import { operation } from '../operation.ts';
import { type Shape, Tensor } from '../tensor.ts';
import { gradientOf } from './outputs.ts';

/** Arguments of {@link topKForward}. */
export interface TopKForward {
  /** [..., size], float32 or bfloat16. */
  input: Tensor;
  /** How many of each row: 1 to size. */
  k: number;
  /** [..., k], dtype of input. */
  output?: Tensor;
  /** [..., k], int32. Saved for backward. */
  indices?: Tensor;
}

const nativeTopKForward = operation<TopKForward, 'output' | 'indices'>('topKForward');

/**
 * The k highest elements of each row, the innermost dimension, and their indices there: the highest first, of equal ones
 * the one with the lower index. NaN is above all numbers, as in PyTorch. On CUDA made for k that are small beside a row.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1, 5, 2, 4], [1, 4]);
 * const { output, indices } = ops.topKForward({ input, k: 2 });
 * await output.read(); // 5, 4
 * await indices.read(); // 1, 3
 */
export function topKForward(args: TopKForward): { output: Tensor; indices: Tensor } {
  nativeTopKForward.expect(args);
  const { input, k } = args;
  // What is no such number is refused by the operation.
  const shape = [...input.shape.slice(0, -1), Number.isInteger(k) && k > 0 ? k : 0];
  const output = args.output ?? Tensor.empty(shape, input);
  const indices = args.indices ?? Tensor.empty(shape, { dtype: 'int32', device: input.device });
  nativeTopKForward(args, { output, indices });
  return { output, indices };
}

/** Arguments of {@link topKBackward}. */
export interface TopKBackward {
  /** [..., k], dtype of input. */
  gradOutput: Tensor;
  /** As forward gave them, none twice in a row; one that is out of range is an error of the stream. */
  indices: Tensor;
  /** Shape and dtype of input; overwritten. */
  gradInput?: Tensor;
  /** The input's shape, where gradInput is not given. */
  shape?: Shape;
}

const nativeTopKBackward = operation<TopKBackward, 'gradInput'>('topKBackward');

/**
 * Backward of {@link topKForward}: the elements at the indices get the gradients, all others 0.
 *
 * @throws LeiaError with code `argument` if a shape or dtype is not as said above.
 * @example
 * const indices = Tensor.from(Int32Array.of(1, 3), [1, 2]);
 * const gradOutput = Tensor.from([5, 6], [1, 2]);
 * await ops.topKBackward({ gradOutput, indices, shape: [1, 4] }).gradInput.read(); // 0, 5, 0, 6
 */
export function topKBackward(args: TopKBackward): { gradInput: Tensor } {
  nativeTopKBackward.expect(args);
  const gradInput = gradientOf('topKBackward', args);
  nativeTopKBackward(args, { gradInput });
  return { gradInput };
}

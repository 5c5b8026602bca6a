import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { reducedShape } from './outputs.ts';

/** Arguments of {@link argmax}. */
export interface Argmax {
  /** Float32 or bfloat16; at least one element in the dimension. */
  input: Tensor;
  /** Which dimension: 0 is the outermost, -1 the innermost. */
  dimension: number;
  /** Whether the result keeps the dimension, with size 1; false unless given. */
  keepDimension?: boolean;
  /** The input's shape without the dimension, or with size 1 there; int32. */
  indices?: Tensor;
}

const nativeArgmax = operation<Argmax, 'indices'>('argmax');

/**
 * Where the highest element over one dimension is; of equal ones the first. NaN is above all numbers, as in PyTorch.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or the dimension is not as said above.
 * @example
 * const input = Tensor.from([1, 5, 7, 3], [2, 2]);
 * await ops.argmax({ input, dimension: -1 }).indices.read(); // 1, 0
 */
export function argmax(args: Argmax): { indices: Tensor } {
  nativeArgmax.expect(args);
  const { input, dimension, keepDimension } = args;
  const shape = reducedShape(input.shape, dimension, keepDimension);
  const indices = args.indices ?? Tensor.empty(shape, { dtype: 'int32', device: input.device });
  nativeArgmax(args, { indices });
  return { indices };
}

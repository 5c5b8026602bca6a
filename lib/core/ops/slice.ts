import { LeiaError } from '../../system/error.ts';
import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { dimensionIndex } from './outputs.ts';

/** Arguments of {@link slice}. */
export interface Slice {
  /** Any shape but [], any dtype. */
  input: Tensor;
  /** Which dimension is cut: 0 is the outermost, -1 the innermost. */
  dimension: number;
  /** The first index of the range. */
  start: number;
  /** The index behind the range, for an output that is not given; the dimension's end unless set. */
  end?: number;
  /** Shape of input, but for the dimension, where it has the range's size; dtype of input; memory of its own. */
  output?: Tensor;
}

const nativeSlice = operation<Slice, 'output'>('slice');

/**
 * A copy of a range of one dimension: `output[…, j, …] = input[…, start + j, …]`. Its backward is {@link writeSlice}
 * into the input's gradient. Of the outermost dimension `tensor.slice` gives the same without a copy.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]);
 * await ops.slice({ input, dimension: -1, start: 1 }).output.read(); // 2, 3, 5, 6
 */
export function slice(args: Slice): { output: Tensor } {
  nativeSlice.expect(args);
  const output = args.output ?? allocate(args);
  nativeSlice(args, { output });
  return { output };
}

function allocate({ input, dimension, start, end: given }: Slice): Tensor {
  const index = dimensionIndex(input.shape, dimension);
  const end = given ?? input.shape[index] ?? start;
  const size = end - start;
  if (!(Number.isInteger(size) && size >= 0)) {
    throw new LeiaError(
      'argument',
      `slice: start is ${start} and end ${end}, expected whole numbers, start at most end`,
    );
  }
  const shape = input.shape.map((whole, i) => (i === index ? size : whole));
  return Tensor.empty(shape, input);
}

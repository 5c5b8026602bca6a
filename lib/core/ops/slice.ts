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
  const whole = input.shape[index] ?? 0;
  const end = given ?? whole;
  const isRange = Number.isInteger(start) && Number.isInteger(end);
  // A dimension that there is none of is refused by the operation.
  if (index in input.shape && !(isRange && start >= 0 && start <= end && end <= whole)) {
    throw new LeiaError(
      'argument',
      `slice: ${start} to ${end} of the ${whole} in dimension ${index}, expected 0 <= start <= end <= ${whole}`,
    );
  }
  return Tensor.empty(
    input.shape.map((size, i) => (i === index ? end - start : size)),
    input,
  );
}

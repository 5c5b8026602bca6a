import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { dimensionIndex } from './outputs.ts';

/** Arguments of {@link concatenate}. */
export interface Concatenate {
  /** One or more, of any dtype; all of one shape but for the dimension. */
  inputs: readonly Tensor[];
  /** Along which dimension they come one behind the other: 0 is the outermost, -1 the innermost. */
  dimension: number;
  /** Shape of the inputs, with the sum of their sizes in the dimension; dtype of inputs; memory of its own. */
  output?: Tensor;
}

const nativeConcatenate = operation<Concatenate, 'output'>('concatenate');

/**
 * Tensors one behind the other along a dimension, in the order of the list. Its backward is a {@link slice} of the
 * output's gradient for each input.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2], [2, 1]);
 * const b = Tensor.from([3, 4, 5, 6], [2, 2]);
 * await ops.concatenate({ inputs: [a, b], dimension: 1 }).output.read(); // 1, 3, 4, 2, 5, 6
 */
export function concatenate(args: Concatenate): { output: Tensor } {
  nativeConcatenate.expect(args);
  const output = args.output ?? allocate(args);
  nativeConcatenate(args, { output });
  return { output };
}

/** For no inputs an empty tensor, which the operation refuses with them. */
function allocate({ inputs, dimension }: Concatenate): Tensor {
  const [first] = inputs;
  if (first === undefined) return Tensor.empty([0]);
  const index = dimensionIndex(first.shape, dimension);
  const total = inputs.reduce((sum, { shape }) => sum + (shape[index] ?? 0), 0);
  return Tensor.empty(
    first.shape.map((size, i) => (i === index ? total : size)),
    first,
  );
}

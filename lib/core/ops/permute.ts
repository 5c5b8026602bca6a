import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';

/** Arguments of {@link permute}. */
export interface Permute {
  /** Any shape, any dtype. */
  input: Tensor;
  /** Each dimension of the input once, in the output's order: `[0, 2, 1, 3]` exchanges the middle two of four. */
  order: readonly number[];
  /** Its dimension d is the input's `order[d]`; dtype of input; memory of its own. */
  output?: Tensor;
}

const nativePermute = operation<Permute, 'output'>('permute');

/**
 * The dimensions in another order, copied, since tensors are contiguous. Its backward is itself with the inverse order;
 * `tensor.transpose(a, b)` is the order that exchanges two.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]);
 * await ops.permute({ input, order: [1, 0] }).output.read(); // 1, 4, 2, 5, 3, 6
 */
export function permute(args: Permute): { output: Tensor } {
  nativePermute.expect(args);
  const output = args.output ?? allocate(args);
  nativePermute(args, { output });
  return { output };
}

function allocate({ input, order }: Permute): Tensor {
  // What is no dimension is refused by the operation.
  const shape = order.map((dimension) => input.shape[dimension] ?? 0);
  return Tensor.empty(shape.slice(0, input.shape.length), input);
}

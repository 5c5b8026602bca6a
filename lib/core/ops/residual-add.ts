import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** Arguments of {@link residualAdd}. */
export interface ResidualAdd {
  /** Any shape, float32 or bfloat16. */
  a: Tensor;
  /** Shape and dtype of a. */
  b: Tensor;
  /** Shape and dtype of a; may be a or b itself. */
  output?: Tensor;
}

const nativeResidualAdd = operation<ResidualAdd, 'output'>('residualAdd');

/**
 * `output = a + b`, element by element, added in float32. Its backward is the identity; gradients
 * that meet at a residual connection are added with it, too.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2], [2]);
 * await ops.residualAdd({ a, b: Tensor.from([10, 20], [2]) }).output.read(); // 11, 22
 */
export function residualAdd(args: ResidualAdd): { output: Tensor } {
  nativeResidualAdd.expect(args);
  const output = args.output ?? like(args.a);
  nativeResidualAdd(args, { output });
  return { output };
}

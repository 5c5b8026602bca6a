import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

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
 */
export function residualAdd(args: ResidualAdd): { output: Tensor } {
  nativeResidualAdd.expect(args);
  const output = args.output ?? like(args.a);
  nativeResidualAdd(args, { output });
  return { output };
}

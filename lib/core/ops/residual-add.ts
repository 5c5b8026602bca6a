import { addon, type Handle } from '../addon.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

export interface NativeResidualAdd {
  residualAdd(a: Handle, b: Handle, output: Handle): void;
}

export interface ResidualAdd {
  /** Any shape, float32 or bfloat16. */
  a: Tensor;
  /** Shape and dtype of a. */
  b: Tensor;
  /** Shape and dtype of a; may be a or b itself. */
  output?: Tensor;
}

/**
 * `output = a + b`, element by element, added in float32. Its backward is the identity; gradients
 * that meet at a residual connection are added with it, too.
 */
export function residualAdd({ a, b, ...args }: ResidualAdd): { output: Tensor } {
  const output = args.output ?? like(a);
  addon().residualAdd(a.handle, b.handle, output.handle);
  return { output };
}

import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

export interface Fill {
  /** Any shape, any dtype. */
  output: Tensor;
  value: number;
}

const nativeFill = operation<Fill>('fill');

/** `output[i] = value`, rounded to the output's dtype. */
export function fill(args: Fill): { output: Tensor } {
  nativeFill(args, {});
  return { output: args.output };
}

import { addon, type Handle } from '../addon.ts';
import type { Tensor } from '../tensor.ts';

export interface NativeFill {
  fill(output: Handle, value: number): void;
}

/** `output[i] = value`, rounded to the output's dtype (any). */
export function fill({ output, value }: { output: Tensor; value: number }): { output: Tensor } {
  addon().fill(output.handle, value);
  return { output };
}

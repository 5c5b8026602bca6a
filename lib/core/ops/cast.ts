import { addon, type DType, type Handle } from '../addon.ts';
import { Tensor } from '../tensor.ts';

export interface NativeCast {
  cast(input: Handle, output: Handle): void;
}

export interface Cast {
  /** Any shape, any dtype. */
  input: Tensor;
  /** Shape of input. */
  output?: Tensor;
  /** The output's dtype when no output is given: float32 or bfloat16, or int32 like input. */
  dtype?: DType;
}

/** `output = input` in another dtype, rounded to nearest, ties to even; the same dtype gives a copy. */
export function cast({ input, ...args }: Cast): { output: Tensor } {
  const { dtype = input.dtype } = args;
  const output = args.output ?? Tensor.empty(input.shape, { dtype, device: input.device });
  addon().cast(input.handle, output.handle);
  return { output };
}

import { addon, type Handle } from '../addon.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

export interface NativeSwiglu {
  swigluForward(gate: Handle, up: Handle, output: Handle): void;
  swigluBackward(
    gradOutput: Handle,
    gate: Handle,
    up: Handle,
    gradGate: Handle,
    gradUp: Handle,
  ): void;
}

export interface SwigluForward {
  /** Any shape, float32 or bfloat16. */
  gate: Tensor;
  /** Shape and dtype of gate. */
  up: Tensor;
  /** Shape and dtype of gate; may be gate or up itself. */
  output?: Tensor;
}

/** SwiGLU's activation (Shazeer 2020): `output = silu(gate) * up`, `silu(x) = x / (1 + e^-x)`. */
export function swigluForward({ gate, up, ...args }: SwigluForward): { output: Tensor } {
  const output = args.output ?? like(gate);
  addon().swigluForward(gate.handle, up.handle, output.handle);
  return { output };
}

export interface SwigluBackward {
  /** Shape and dtype of gate. */
  gradOutput: Tensor;
  gate: Tensor;
  up: Tensor;
  /** Shape and dtype of gate; overwritten; may be gradOutput, gate or up itself. */
  gradGate?: Tensor;
  /** Likewise, another one than gradGate. */
  gradUp?: Tensor;
}

/** Backward of {@link swigluForward}. */
export function swigluBackward(args: SwigluBackward): { gradGate: Tensor; gradUp: Tensor } {
  const { gradOutput, gate, up } = args;
  const gradGate = args.gradGate ?? like(gate);
  const gradUp = args.gradUp ?? like(gate);
  addon().swigluBackward(gradOutput.handle, gate.handle, up.handle, gradGate.handle, gradUp.handle);
  return { gradGate, gradUp };
}

import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** Arguments of {@link swigluForward}. */
export interface SwigluForward {
  /** Any shape, float32 or bfloat16. */
  gate: Tensor;
  /** Shape and dtype of gate. */
  up: Tensor;
  /** Shape and dtype of gate; may be gate or up itself. */
  output?: Tensor;
}

const nativeSwigluForward = operation<SwigluForward, 'output'>('swigluForward');

/**
 * SwiGLU's activation (Shazeer 2020): `output = silu(gate) * up`, `silu(x) = x / (1 + e^-x)`.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gate = Tensor.from([-1, 2], [2]);
 * const up = Tensor.from([10, 10], [2]);
 * await ops.swigluForward({ gate, up }).output.read(); // -2.689, 17.616
 */
export function swigluForward(args: SwigluForward): { output: Tensor } {
  nativeSwigluForward.expect(args);
  const output = args.output ?? like(args.gate);
  nativeSwigluForward(args, { output });
  return { output };
}

/** Arguments of {@link swigluBackward}. */
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

const nativeSwigluBackward = operation<SwigluBackward, 'gradGate' | 'gradUp'>('swigluBackward');

/**
 * Backward of {@link swigluForward}.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gate = Tensor.from([-1, 2], [2]);
 * const up = Tensor.from([10, 10], [2]);
 * const { gradUp } = ops.swigluBackward({ gradOutput: Tensor.from([1, 1], [2]), gate, up });
 * await gradUp.read(); // -0.269, 1.762
 */
export function swigluBackward(args: SwigluBackward): { gradGate: Tensor; gradUp: Tensor } {
  nativeSwigluBackward.expect(args);
  const gradGate = args.gradGate ?? like(args.gate);
  const gradUp = args.gradUp ?? like(args.gate);
  nativeSwigluBackward(args, { gradGate, gradUp });
  return { gradGate, gradUp };
}

import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** The angles of a rotation, and where they apply. */
export interface RopeAngles {
  /** [rows, headDim / 2], float32: cosines of position × frequency. */
  cos: Tensor;
  /** Like cos: the sines. */
  sin: Tensor;
  /** [batch, sequence], int32: each position's row in cos and sin. Default: 0, 1, ... in each row. */
  positions?: Tensor;
}

/** Arguments of {@link ropeForward}. */
export interface RopeForward extends RopeAngles {
  /** [batch, sequence, heads, headDim], float32 or bfloat16; headDim even. */
  input: Tensor;
  /** Shape and dtype of input; may be input itself. */
  output?: Tensor;
}

const nativeRopeForward = operation<RopeForward, 'output'>('ropeForward');

/**
 * Rotary position embedding (Su et al. 2021) in Hugging Face's rotate-half form: elements i and
 * i + headDim / 2 of each head are rotated by the angle of their position. A position that is no row
 * of the tables is an error of the stream.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1, 0, 1, 0], [1, 2, 1, 2]);
 * // Position 1 is turned by a right angle.
 * const angles = { cos: Tensor.from([1, 0], [2, 1]), sin: Tensor.from([0, 1], [2, 1]) };
 * await ops.ropeForward({ input, ...angles }).output.read(); // 1, 0, 0, 1
 */
export function ropeForward(args: RopeForward): { output: Tensor } {
  nativeRopeForward.expect(args);
  const output = args.output ?? like(args.input);
  nativeRopeForward(args, { output });
  return { output };
}

/** Arguments of {@link ropeBackward}. */
export interface RopeBackward extends RopeAngles {
  /** [batch, sequence, heads, headDim], float32 or bfloat16. */
  gradOutput: Tensor;
  /** Shape and dtype of gradOutput; may be gradOutput itself. */
  gradInput?: Tensor;
}

const nativeRopeBackward = operation<RopeBackward, 'gradInput'>('ropeBackward');

/**
 * Backward of {@link ropeForward}: the rotation by the opposite angles.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradOutput = Tensor.from([1, 0, 0, 1], [1, 2, 1, 2]);
 * const angles = { cos: Tensor.from([1, 0], [2, 1]), sin: Tensor.from([0, 1], [2, 1]) };
 * await ops.ropeBackward({ gradOutput, ...angles }).gradInput.read(); // 1, 0, 1, 0
 */
export function ropeBackward(args: RopeBackward): { gradInput: Tensor } {
  nativeRopeBackward.expect(args);
  const gradInput = args.gradInput ?? like(args.gradOutput);
  nativeRopeBackward(args, { gradInput });
  return { gradInput };
}

import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** Arguments of {@link addBias}. */
export interface AddBias {
  /** [..., width], float32 or bfloat16. */
  input: Tensor;
  /** [width], dtype of input. */
  bias: Tensor;
  /** Shape and dtype of input; may be input itself. */
  output?: Tensor;
}

const nativeAddBias = operation<AddBias, 'output'>('addBias');

/**
 * `output = input + bias`, for each row, added in float32.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1, 2, 3, 4], [2, 2]);
 * const bias = Tensor.from([10, 20], [2]);
 * await ops.addBias({ input, bias }).output.read(); // 11, 22, 13, 24
 */
export function addBias(args: AddBias): { output: Tensor } {
  nativeAddBias.expect(args);
  const output = args.output ?? like(args.input);
  nativeAddBias(args, { output });
  return { output };
}

/** Arguments of {@link addBiasBackward}. */
export interface AddBiasBackward {
  /** [..., width], float32 or bfloat16. It is the gradient of the input, too. */
  gradOutput: Tensor;
  /** [width], float32; added to. Zeros if not given. */
  gradBias?: Tensor;
}

const nativeAddBiasBackward = operation<AddBiasBackward, 'gradBias'>('addBiasBackward');

/**
 * Backward of {@link addBias} for the bias: `gradBias += gradOutput`, summed over the rows.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradOutput = Tensor.from([1, 2, 3, 4], [2, 2]);
 * await ops.addBiasBackward({ gradOutput }).gradBias.read(); // 4, 6
 */
export function addBiasBackward(args: AddBiasBackward): { gradBias: Tensor } {
  nativeAddBiasBackward.expect(args);
  const { gradOutput } = args;
  const gradBias =
    args.gradBias ?? Tensor.zeros(gradOutput.shape.slice(-1), { device: gradOutput.device });
  nativeAddBiasBackward(args, { gradBias });
  return { gradBias };
}

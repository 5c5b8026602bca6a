import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { gradientOfWeight, like, rowCount } from './outputs.ts';

/** Arguments of {@link rmsNormForward}. */
export interface RmsNormForward {
  /** [..., hidden], float32 or bfloat16. */
  input: Tensor;
  /** [hidden], dtype of input. */
  weight: Tensor;
  /** Added to the mean square, 0 or more. */
  epsilon: number;
  /** Shape and dtype of input; what the norm is of is then `sum = input + residual`. */
  residual?: Tensor;
  /** Shape and dtype of input; may be input or residual itself. Only with residual. */
  sum?: Tensor;
  /** Shape and dtype of input; may be input itself. */
  output?: Tensor;
  /** [rows], float32: saved for backward. */
  inverseRms?: Tensor;
}

const nativeRmsNormForward = operation<RmsNormForward, 'output' | 'inverseRms' | 'sum'>(
  'rmsNormForward',
);

/**
 * RMSNorm (Zhang & Sennrich 2019) over the innermost dimension:
 * `output = sum * inverseRms * weight`, `inverseRms = 1 / sqrt(mean(sum²) + epsilon)`, where `sum` is
 * the input, or the input and the residual added, in the same pass.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([3, 4], [1, 2]);
 * const weight = Tensor.from([1, 2], [2]);
 * await ops.rmsNormForward({ input, weight, epsilon: 0 }).output.read(); // 0.849, 2.263
 */
export function rmsNormForward(args: RmsNormForward): {
  output: Tensor;
  inverseRms: Tensor;
  sum: Tensor;
} {
  nativeRmsNormForward.expect(args);
  const { input, residual } = args;
  const sum = args.sum ?? (residual && like(input));
  const output = args.output ?? like(input);
  const inverseRms =
    args.inverseRms ?? Tensor.empty([rowCount(input.shape)], { device: input.device });
  nativeRmsNormForward(args, { output, inverseRms, sum });
  return { output, inverseRms, sum: sum ?? input };
}

/** Arguments of {@link rmsNormBackward}. */
export interface RmsNormBackward {
  /** Shape and dtype of input. */
  gradOutput: Tensor;
  /** What the norm was of: `sum`, where a residual was added. */
  input: Tensor;
  weight: Tensor;
  inverseRms: Tensor;
  /** Shape and dtype of input: the gradient of `sum` from elsewhere, added to gradInput. */
  gradSum?: Tensor;
  /** Shape and dtype of input; overwritten; may be gradOutput, input or gradSum itself. */
  gradInput?: Tensor;
  /** [hidden], float32; added to. Zeros if not given. */
  gradWeight?: Tensor;
  /** Asks for the gradient of the input alone, as for a weight that is frozen. */
  only?: 'input' | undefined;
}

const nativeRmsNormBackward = operation<RmsNormBackward, 'gradInput' | 'gradWeight'>(
  'rmsNormBackward',
);

/**
 * Backward of {@link rmsNormForward}.
 *
 * @throws LeiaError with code `argument` if a shape or dtype is not as said above.
 * @example
 * const input = Tensor.from([3, 4], [1, 2]);
 * const weight = Tensor.from([1, 2], [2]);
 * const { inverseRms } = ops.rmsNormForward({ input, weight, epsilon: 0 });
 * const gradOutput = Tensor.from([1, 1], [1, 2]);
 * await ops.rmsNormBackward({ gradOutput, input, weight, inverseRms }).gradWeight.read(); // 0.849, 1.131
 */
export function rmsNormBackward(args: RmsNormBackward & { only: 'input' }): {
  gradInput: Tensor;
  gradWeight: undefined;
};
export function rmsNormBackward(args: RmsNormBackward & { only?: undefined }): {
  gradInput: Tensor;
  gradWeight: Tensor;
};
export function rmsNormBackward(args: RmsNormBackward): {
  gradInput: Tensor;
  gradWeight: Tensor | undefined;
};
export function rmsNormBackward(args: RmsNormBackward): {
  gradInput: Tensor;
  gradWeight: Tensor | undefined;
} {
  nativeRmsNormBackward.expect(args);
  const gradInput = args.gradInput ?? like(args.input);
  const gradWeight = gradientOfWeight(args);
  nativeRmsNormBackward(args, { gradInput, gradWeight });
  return { gradInput, gradWeight };
}

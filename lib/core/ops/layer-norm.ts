import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { gradientOfWeight, like, rowCount } from './outputs.ts';

/** Arguments of {@link layerNormForward}. */
export interface LayerNormForward {
  /** [..., hidden], float32 or bfloat16. */
  input: Tensor;
  /** [hidden], dtype of input. */
  weight: Tensor;
  /** [hidden], dtype of input; none is added if not given. */
  bias?: Tensor;
  /** Added to the variance, 0 or more. */
  epsilon: number;
  /** Shape and dtype of input; may be input itself. */
  output?: Tensor;
  /** [rows], float32: saved for backward. */
  mean?: Tensor;
  /** [rows], float32: saved for backward. */
  inverseDeviation?: Tensor;
}

const nativeLayerNormForward = operation<LayerNormForward, 'output' | 'mean' | 'inverseDeviation'>(
  'layerNormForward',
);

/**
 * LayerNorm (Ba, Kiros & Hinton 2016) over the innermost dimension:
 * `output = (input - mean) * inverseDeviation * weight + bias`, where
 * `inverseDeviation = 1 / sqrt(variance + epsilon)` and the variance is the mean of squared deviations, as in PyTorch.
 * A mean that is large beside the deviation costs the output no digits.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([1, 2, 3, 6], [1, 4]);
 * const weight = Tensor.from([1, 1, 1, 1], [4]);
 * await ops.layerNormForward({ input, weight, epsilon: 0 }).output.read(); // -1.069, -0.535, 0, 1.604
 */
export function layerNormForward(args: LayerNormForward): {
  output: Tensor;
  mean: Tensor;
  inverseDeviation: Tensor;
} {
  nativeLayerNormForward.expect(args);
  const { input } = args;
  const perRow = () => Tensor.empty([rowCount(input.shape)], { device: input.device });
  const output = args.output ?? like(input);
  const mean = args.mean ?? perRow();
  const inverseDeviation = args.inverseDeviation ?? perRow();
  nativeLayerNormForward(args, { output, mean, inverseDeviation });
  return { output, mean, inverseDeviation };
}

/** Arguments of {@link layerNormBackward}. */
export interface LayerNormBackward {
  /** Shape and dtype of input. */
  gradOutput: Tensor;
  input: Tensor;
  weight: Tensor;
  mean: Tensor;
  inverseDeviation: Tensor;
  /** Shape and dtype of input; overwritten; may be gradOutput or input itself. */
  gradInput?: Tensor;
  /** [hidden], float32; added to. Zeros if not given. */
  gradWeight?: Tensor;
  /** [hidden], float32; added to. Given where there was a bias, whose gradient is computed then. */
  gradBias?: Tensor;
  /** Asks for no gradient of the weight, as for one that is frozen: for that of the input, and of the bias if it is given. */
  only?: 'input' | undefined;
}

const nativeLayerNormBackward = operation<LayerNormBackward, 'gradInput' | 'gradWeight'>(
  'layerNormBackward',
);

/**
 * Backward of {@link layerNormForward}.
 *
 * @throws LeiaError with code `argument` if a shape or dtype is not as said above.
 * @example
 * const input = Tensor.from([1, 3], [1, 2]);
 * const weight = Tensor.from([1, 1], [2]);
 * const { mean, inverseDeviation } = ops.layerNormForward({ input, weight, epsilon: 0 });
 * const gradOutput = Tensor.from([1, 2], [1, 2]);
 * const gradients = ops.layerNormBackward({ gradOutput, input, weight, mean, inverseDeviation });
 * await gradients.gradWeight.read(); // -1, 2
 */
export function layerNormBackward(args: LayerNormBackward & { only: 'input' }): {
  gradInput: Tensor;
  gradWeight: undefined;
};
export function layerNormBackward(args: LayerNormBackward & { only?: undefined }): {
  gradInput: Tensor;
  gradWeight: Tensor;
};
export function layerNormBackward(args: LayerNormBackward): {
  gradInput: Tensor;
  gradWeight: Tensor | undefined;
};
export function layerNormBackward(args: LayerNormBackward): {
  gradInput: Tensor;
  gradWeight: Tensor | undefined;
} {
  nativeLayerNormBackward.expect(args);
  const gradInput = args.gradInput ?? like(args.input);
  const gradWeight = gradientOfWeight(args);
  nativeLayerNormBackward(args, { gradInput, gradWeight });
  return { gradInput, gradWeight };
}

// Norms over the innermost dimension.
import * as ops from '../../core/ops.ts';
import { Tensor } from '../../core/tensor.ts';
import { type GradientSum, give } from '../gradient-sum.ts';
import { type Operand, record, tensorOf, type Variable } from '../variable.ts';

/**
 * RMSNorm over the innermost dimension, as {@link ops.rmsNormForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const weight = Tensor.from([1, 2], [2]);
 * await rmsNorm(Tensor.from([3, 4], [1, 2]), weight, { epsilon: 0 }).read(); // 0.849, 2.263
 */
export function rmsNorm(
  input: Operand,
  weight: Operand,
  { epsilon }: { readonly epsilon: number },
): Variable {
  const values = { input: tensorOf(input), weight: tensorOf(weight) };
  const { output, inverseRms } = ops.rmsNormForward({ ...values, epsilon });
  const saved = [values.input, values.weight, inverseRms] as const;
  const [result] = record([input, weight], [output], saved, ([gradOutput], sums, kept) => {
    if (gradOutput === undefined) return;
    const arrived = sums[0]?.takeToExtend();
    give(rmsNormGradient(gradOutput, kept, sums[1], arrived), sums[0]);
    arrived?.dispose();
  });
  inverseRms.dispose();
  return result;
}

/**
 * A residual connection and the norm behind it in one pass over memory: `sum = input + residual` and its RMSNorm, as
 * {@link ops.rmsNormForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const [x, y] = [Tensor.from([1, 1], [1, 2]), Tensor.from([2, 3], [1, 2])];
 * const { output, sum } = residualRmsNorm(x, y, Tensor.from([1, 2], [2]), { epsilon: 0 });
 * await output.read(); // 0.849, 2.263
 * await sum.read(); // 3, 4
 */
export function residualRmsNorm(
  input: Operand,
  residual: Operand,
  weight: Operand,
  { epsilon }: { readonly epsilon: number },
): { readonly output: Variable; readonly sum: Variable } {
  const values = { input: tensorOf(input), residual: tensorOf(residual), weight: tensorOf(weight) };
  const made = ops.rmsNormForward({ ...values, epsilon });
  const inputs = [input, residual, weight] as const;
  const saved = [made.sum, values.weight, made.inverseRms] as const;
  const results = [made.output, made.sum] as const;
  const [output, sum] = record(inputs, results, saved, ([gradOutput, gradSum], sums, kept) => {
    const [ofInput, ofResidual, ofWeight] = sums;
    if (gradOutput) {
      give(rmsNormGradient(gradOutput, kept, ofWeight, gradSum), ofInput, ofResidual);
    } else if (gradSum) {
      ofInput?.share(gradSum);
      ofResidual?.share(gradSum);
    }
  });
  made.inverseRms.dispose();
  return { output, sum };
}

/** The gradient of what was normalised; that of the weight is added to its sum. */
function rmsNormGradient(
  gradOutput: Tensor,
  [input, weight, inverseRms]: readonly [Tensor, Tensor, Tensor],
  ofWeight: GradientSum | undefined,
  gradSum?: Tensor,
): Tensor {
  const gradInput = Tensor.empty(input.shape, input);
  const args = { gradOutput, input, weight, inverseRms, gradInput, ...(gradSum && { gradSum }) };
  if (ofWeight) ofWeight.inFloat32((gradWeight) => ops.rmsNormBackward({ ...args, gradWeight }));
  else ops.rmsNormBackward({ ...args, only: 'input' });
  return gradInput;
}

/**
 * LayerNorm over the innermost dimension, as {@link ops.layerNormForward}; without a bias none is added.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const [weight, bias] = [Tensor.from([1, 1], [2]), Tensor.from([0, 5], [2])];
 * await layerNorm(Tensor.from([1, 3], [1, 2]), weight, bias, { epsilon: 0 }).read(); // -1, 6
 */
export function layerNorm(
  input: Operand,
  weight: Operand,
  bias: Operand | undefined,
  { epsilon }: { readonly epsilon: number },
): Variable {
  const values = { input: tensorOf(input), weight: tensorOf(weight) };
  const { output, mean, inverseDeviation } = ops.layerNormForward({
    ...values,
    ...(bias && { bias: tensorOf(bias) }),
    epsilon,
  });
  const saved = [values.input, values.weight, mean, inverseDeviation] as const;
  const inputs = [input, weight, bias] as const;
  const [result] = record(inputs, [output], saved, ([gradOutput], sums, kept) => {
    if (gradOutput === undefined) return;
    const [ofInput, ofWeight, ofBias] = sums;
    const [input, weight, mean, inverseDeviation] = kept;
    const gradInput = Tensor.empty(input.shape, input);
    const args = { gradOutput, input, weight, mean, inverseDeviation, gradInput };
    const computeBeside = (gradBias?: { gradBias: Tensor }) => {
      if (ofWeight) {
        ofWeight.inFloat32((gradWeight) =>
          ops.layerNormBackward({ ...args, ...gradBias, gradWeight }),
        );
      } else {
        ops.layerNormBackward({ ...args, ...gradBias, only: 'input' });
      }
    };
    if (ofBias) ofBias.inFloat32((gradBias) => computeBeside({ gradBias }));
    else computeBeside();
    give(gradInput, ofInput);
  });
  for (const tensor of [mean, inverseDeviation]) tensor.dispose();
  return result;
}

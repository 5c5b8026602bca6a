// Losses: one number, whose gradient goes on as a number.
import { ignoredLabel } from '../../core/ops/cross-entropy.ts';
import * as ops from '../../core/ops.ts';
import { Tensor } from '../../core/tensor.ts';
import { give } from '../gradient-sum.ts';
import { type Operand, recordForNumbers, tensorOf, type Variable } from '../variable.ts';

/**
 * The mean cross-entropy of rows of logits, [1], float32; rows whose label is {@link ignoredLabel} do not count.
 *
 * @param logits [rows, vocabulary], float32 or bfloat16.
 * @param labels [rows], whole numbers: an array, or an int32 tensor.
 * @param options.labelTokens what the sum is divided by: unless given, the number of labels that are not ignored if they are an
 *   array; all of them if they are a tensor, which is not read.
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const logits = new Variable(Tensor.from([2, 0, 0, 3], [2, 2]), { requiresGrad: true });
 * const loss = crossEntropy(logits, Int32Array.of(0, ignoredLabel));
 * loss.backward();
 * await loss.item(); // 0.127
 * await logits.gradient.read(); // -0.119, 0.119, 0, 0
 */
export function crossEntropy(
  logits: Operand,
  labels: Tensor | Int32Array,
  options: { readonly labelTokens?: number } = {},
): Variable {
  const value = tensorOf(logits);
  const { device } = value;
  const ids = labels instanceof Tensor ? labels : Tensor.from(labels, [labels.length], { device });
  const [rows = 0] = ids.shape;
  const { labelTokens = labels instanceof Tensor ? rows : countOf(labels) } = options;
  const { losses, logsumexp } = ops.crossEntropyForward({ logits: value, labels: ids });
  const mean = weightedSum(losses, 1 / labelTokens);
  const saved = [value, ids, logsumexp] as const;
  const [result] = recordForNumbers([logits], [mean], saved, ([gradient], [sum], kept) => {
    if (gradient === undefined) return;
    const [logits, labels, logsumexp] = kept;
    const scale = (typeof gradient === 'number' ? gradient : 1) / labelTokens;
    const { gradLogits } = ops.crossEntropyBackward({ logits, labels, logsumexp, scale });
    give(gradient instanceof Tensor ? multiplied(gradLogits, gradient) : gradLogits, sum);
  });
  for (const tensor of [losses, logsumexp]) tensor.dispose();
  if (ids !== labels) ids.dispose();
  return result;
}

function countOf(labels: Int32Array): number {
  return labels.reduce((count, label) => count + Number(label !== ignoredLabel), 0);
}

/** The sum of the elements times a number, [1], float32. */
function weightedSum(values: Tensor, weight: number): Tensor {
  const {
    device,
    shape: [rows = 0],
  } = values;
  using weights = ops.fill({ output: Tensor.empty([rows, 1], { device }), value: weight }).output;
  using row = values.view([1, rows]);
  const output = Tensor.empty([1], { device });
  using matrix = output.view([1, 1]);
  ops.matmul({ a: row, b: weights, output: matrix });
  return output;
}

/** A new tensor for the elements times the one number that a float32 tensor has. */
function multiplied(values: Tensor, factor: Tensor): Tensor {
  using exact = ops.cast({ input: values, dtype: 'float32' }).output;
  ops.multiply({ a: exact, b: factor, output: exact });
  return ops.cast({ input: exact, dtype: values.dtype, output: values }).output;
}

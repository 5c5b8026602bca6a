// The operations on variables: each calls the forward of `leia/ops` and notes how the backward is called. Operands are
// variables, or tensors that have no gradient. Shapes, dtypes, formulas and errors are those of the operation.
import { ignoredLabel } from '../core/ops/cross-entropy.ts';
import * as ops from '../core/ops.ts';
import { type DType, Tensor } from '../core/tensor.ts';
import type { GradientSum } from './gradient-sum.ts';
import {
  type Operand,
  record,
  recordForNumbers,
  tensorOf,
  type Variable,
  wantsGradient,
} from './variable.ts';

/** Hands a new gradient to those who want it. */
function give(gradient: Tensor, ...sums: readonly (GradientSum | undefined)[]): void {
  const wanting = sums.filter((sum) => sum !== undefined);
  if (wanting.length === 1) {
    wanting[0]?.add(gradient);
  } else {
    for (const sum of wanting) sum.share(gradient);
    gradient.dispose();
  }
}

/** The product of matrices, as {@link ops.matmul}; `matmul(x, weight, { transposeB: true })` is a linear layer. */
export function matmul(
  a: Operand,
  b: Operand,
  options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
): Variable {
  const { transposeA = false, transposeB = false } = options;
  const [valueA, valueB] = [tensorOf(a), tensorOf(b)];
  const { output } = ops.matmul({ a: valueA, b: valueB, transposeA, transposeB });
  const saved = [
    wantsGradient(b) ? valueA : undefined,
    wantsGradient(a) ? valueB : undefined,
  ] as const;
  const [result] = record([a, b], [output], saved, ([gradient], [sumA, sumB], [keptA, keptB]) => {
    if (gradient === undefined) return;
    if (sumB && keptA) {
      const transposed = { a: gradient, transposeA: true, b: keptA, transposeB: transposeA };
      const straight = { a: keptA, transposeA: !transposeA, b: gradient };
      ops.matmul({ ...(transposeB ? transposed : straight), ...sumB.target() });
    }
    if (sumA && keptB) {
      const transposed = { a: keptB, transposeA: transposeB, b: gradient, transposeB: true };
      const straight = { a: gradient, b: keptB, transposeB: !transposeB };
      ops.matmul({ ...(transposeA ? transposed : straight), ...sumA.target() });
    }
  });
  return result;
}

/** Rows of a table, as {@link ops.embeddingForward}. */
export function embedding(ids: Tensor, weight: Operand): Variable {
  const { output } = ops.embeddingForward({ ids, weight: tensorOf(weight) });
  const [result] = record([weight], [output], [ids], ([gradOutput], [sum], [keptIds]) => {
    sum?.inFloat32((gradWeight) => {
      if (gradOutput) ops.embeddingBackward({ gradOutput, ids: keptIds, gradWeight });
    });
  });
  return result;
}

/** RMSNorm over the innermost dimension, as {@link ops.rmsNormForward}. */
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
  const args = { gradOutput, input, weight, inverseRms, ...(gradSum && { gradSum }) };
  if (ofWeight === undefined) {
    const { gradInput, gradWeight } = ops.rmsNormBackward(args);
    gradWeight.dispose();
    return gradInput;
  }
  const gradInput = Tensor.empty(input.shape, input);
  ofWeight.inFloat32((gradWeight) => ops.rmsNormBackward({ ...args, gradInput, gradWeight }));
  return gradInput;
}

/** Rotary position embedding, as {@link ops.ropeForward}; the tables have no gradient. */
export function rope(input: Operand, angles: ops.RopeAngles): Variable {
  const { output } = ops.ropeForward({ input: tensorOf(input), ...angles });
  const saved = [angles.cos, angles.sin, angles.positions] as const;
  const [result] = record(
    [input],
    [output],
    saved,
    ([gradOutput], [sum], [cos, sin, positions]) => {
      if (gradOutput === undefined) return;
      const args = { gradOutput, cos, sin, ...(positions && { positions }) };
      give(ops.ropeBackward(args).gradInput, sum);
    },
  );
  return result;
}

export interface FlashAttentionOptions {
  /** Query i sees keys up to i + (keys - queries). False unless given. */
  readonly causal?: boolean;
  /** Factor of the scores, 1/sqrt(headDim) unless given. */
  readonly scale?: number;
  /** [batch, sequence], int32: where the document of each position starts. */
  readonly documentStarts?: Tensor;
}

/** Attention, as {@link ops.flashAttentionForward}: operands are [batch, sequence, heads, headDim]. */
export function flashAttention(
  query: Operand,
  key: Operand,
  value: Operand,
  { documentStarts, ...options }: FlashAttentionOptions = {},
): Variable {
  const values = [tensorOf(query), tensorOf(key), tensorOf(value)] as const;
  const { output, logsumexp } = ops.flashAttentionForward({
    ...{ query: values[0], key: values[1], value: values[2], ...options },
    ...(documentStarts && { documentStarts }),
  });
  const saved = [...values, output, logsumexp, documentStarts] as const;
  const inputs = [query, key, value] as const;
  const [result] = record(inputs, [output], saved, ([gradOutput], sums, kept) => {
    if (gradOutput === undefined) return;
    const [query, key, value, output, logsumexp, starts] = kept;
    const gradients = ops.flashAttentionBackward({
      ...{ gradOutput, query, key, value, output, logsumexp, ...options },
      ...(starts && { documentStarts: starts }),
    });
    give(gradients.gradQuery, sums[0]);
    give(gradients.gradKey, sums[1]);
    give(gradients.gradValue, sums[2]);
  });
  logsumexp.dispose();
  return result;
}

/** `silu(gate) * up`, as {@link ops.swigluForward}. */
export function swiglu(gate: Operand, up: Operand): Variable {
  const values = { gate: tensorOf(gate), up: tensorOf(up) };
  const { output } = ops.swigluForward(values);
  const saved = [values.gate, values.up] as const;
  const [result] = record([gate, up], [output], saved, ([gradOutput], sums, [gate, up]) => {
    if (gradOutput === undefined) return;
    const { gradGate, gradUp } = ops.swigluBackward({ gradOutput, gate, up });
    give(gradGate, sums[0]);
    give(gradUp, sums[1]);
  });
  return result;
}

/** `a + b` of one shape, as {@link ops.residualAdd}. */
export function residualAdd(a: Operand, b: Operand): Variable {
  const { output } = ops.residualAdd({ a: tensorOf(a), b: tensorOf(b) });
  const [result] = record([a, b], [output], [], ([gradient], [sumA, sumB]) => {
    if (gradient === undefined) return;
    sumA?.share(gradient);
    sumB?.share(gradient);
  });
  return result;
}

/** The same numbers in another float dtype, as {@link ops.cast}. */
export function cast(input: Operand, dtype: DType): Variable {
  const { output } = ops.cast({ input: tensorOf(input), dtype });
  const [result] = record([input], [output], [], ([gradient], [sum]) => {
    if (gradient) sum?.share(gradient);
  });
  return result;
}

/**
 * The mean cross-entropy of rows of logits, [1], float32; rows whose label is {@link ignoredLabel} do not count.
 *
 * @param logits [rows, vocabulary], float32 or bfloat16.
 * @param labels [rows], whole numbers: an array, or an int32 tensor.
 * @param labelTokens what the sum is divided by: unless given, the number of labels that are not ignored if they are an
 *   array; all of them if they are a tensor, which is not read.
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
  using column = exact.view([-1, 1]);
  using number = factor.view([1, 1]);
  using product = ops.matmul({ a: column, b: number }).output;
  using output = ops.cast({ input: product, dtype: values.dtype }).output;
  values.dispose();
  return output.view(values.shape);
}

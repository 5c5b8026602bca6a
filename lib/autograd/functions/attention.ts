// Attention, and the rotation of its positions.
import * as ops from '../../core/ops.ts';
import type { Tensor } from '../../core/tensor.ts';
import { give } from '../gradient-sum.ts';
import { type Operand, record, tensorOf, type Variable } from '../variable.ts';

/**
 * Rotary position embedding, as {@link ops.ropeForward}; the tables have no gradient.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const heads = Tensor.from([1, 0, 1, 0], [1, 2, 1, 2]);
 * // Position 1 is turned by a right angle.
 * const angles = { cos: Tensor.from([1, 0], [2, 1]), sin: Tensor.from([0, 1], [2, 1]) };
 * await rope(heads, angles).read(); // 1, 0, 0, 1
 */
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

/** What {@link flashAttention} takes beside its operands. */
export interface FlashAttentionOptions {
  /** Query i sees keys up to i + (keys - queries). False unless given. */
  readonly causal?: boolean;
  /** Factor of the scores, 1/sqrt(headDim) unless given. */
  readonly scale?: number;
  /** Keys that a query sees to the left and to the right of its own position; -1 is no bound, and `[-1, -1]` the default. */
  readonly windowSize?: readonly [left: number, right: number];
  /** Scores become softcap * tanh(score / softcap). 0, the default, is none. */
  readonly softcap?: number;
  /** [batch, sequence], int32: where the document of each position starts. */
  readonly documentStarts?: Tensor;
  /** [batch], int32: how many of its keys each row has; causal queries are the last of them. Not with documents. */
  readonly keyLengths?: Tensor;
}

/**
 * Attention, as {@link ops.flashAttentionForward}: operands are [batch, sequence, heads, headDim].
 *
 * @throws LeiaError `argument` for a shape, dtype or option that does not fit.
 * @example
 * const query = Tensor.from([1, 0, 0, 1], [1, 2, 1, 2]);
 * const value = Tensor.from([1, 2, 3, 4], [1, 2, 1, 2]);
 * // Each position sees itself and the one before it.
 * const output = flashAttention(query, query, value, { causal: true, windowSize: [1, 0] });
 * await output.read(); // 1, 2, 2.34, 3.34
 */
export function flashAttention(
  query: Operand,
  key: Operand,
  value: Operand,
  { documentStarts, keyLengths, ...options }: FlashAttentionOptions = {},
): Variable {
  const values = [tensorOf(query), tensorOf(key), tensorOf(value)] as const;
  const { output, logsumexp } = ops.flashAttentionForward({
    ...{ query: values[0], key: values[1], value: values[2], ...options },
    ...(documentStarts && { documentStarts }),
    ...(keyLengths && { keyLengths }),
  });
  const saved = [...values, output, logsumexp, documentStarts, keyLengths] as const;
  const inputs = [query, key, value] as const;
  const [result] = record(inputs, [output], saved, ([gradOutput], sums, kept) => {
    if (gradOutput === undefined) return;
    const [query, key, value, output, logsumexp, starts, lengths] = kept;
    const gradients = ops.flashAttentionBackward({
      ...{ gradOutput, query, key, value, output, logsumexp, ...options },
      ...(starts && { documentStarts: starts }),
      ...(lengths && { keyLengths: lengths }),
    });
    give(gradients.gradQuery, sums[0]);
    give(gradients.gradKey, sums[1]);
    give(gradients.gradValue, sums[2]);
  });
  logsumexp.dispose();
  return result;
}

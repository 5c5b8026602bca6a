// What is computed over a dimension.
import * as ops from '../../core/ops.ts';
import type { Shape, Tensor } from '../../core/tensor.ts';
import { give } from '../gradient-sum.ts';
import { type Operand, record, tensorOf, type Variable } from '../variable.ts';

/**
 * Softmax over the innermost dimension, as {@link ops.softmaxForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await softmax(Tensor.from([0, 1], [1, 2])).read(); // 0.269, 0.731
 */
export function softmax(input: Operand): Variable {
  return fromOutput(input, ops.softmaxForward, ops.softmaxBackward);
}

/**
 * The logarithm of softmax over the innermost dimension, as {@link ops.logSoftmaxForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await logSoftmax(Tensor.from([0, 1], [1, 2])).read(); // -1.313, -0.313
 */
export function logSoftmax(input: Operand): Variable {
  return fromOutput(input, ops.logSoftmaxForward, ops.logSoftmaxBackward);
}

/** An operation whose backward needs what forward gave. */
function fromOutput(
  input: Operand,
  forward: (args: { input: Tensor }) => { output: Tensor },
  backward: (args: { gradOutput: Tensor; output: Tensor }) => { gradInput: Tensor },
): Variable {
  const { output } = forward({ input: tensorOf(input) });
  const [result] = record([input], [output], [output], ([gradOutput], [sum], [output]) => {
    if (gradOutput) give(backward({ gradOutput, output }).gradInput, sum);
  });
  return result;
}

/** What a reduction takes beside its operand. */
export interface ReduceOptions {
  /** Which dimension: 0 is the outermost, -1 the innermost. */
  readonly dimension: number;
  /** Whether the result keeps the dimension, with size 1; false unless given. */
  readonly keepDimension?: boolean;
}

/**
 * The sum over one dimension, as {@link ops.sumForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await sum(Tensor.from([1, 2, 3, 6], [2, 2]), { dimension: 0 }).read(); // 4, 8
 */
export function sum(input: Operand, options: ReduceOptions): Variable {
  return reduced(input, options, ops.sumForward, ops.sumBackward);
}

/**
 * The mean over one dimension, as {@link ops.meanForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await mean(Tensor.from([1, 2, 3, 6], [2, 2]), { dimension: 0 }).read(); // 2, 4
 */
export function mean(input: Operand, options: ReduceOptions): Variable {
  return reduced(input, options, ops.meanForward, ops.meanBackward);
}

function reduced(
  input: Operand,
  { dimension, keepDimension = false }: ReduceOptions,
  forward: (args: { input: Tensor } & ReduceOptions) => { output: Tensor },
  backward: (args: { gradOutput: Tensor; dimension: number; shape: Shape }) => {
    gradInput: Tensor;
  },
): Variable {
  const value = tensorOf(input);
  const { output } = forward({ input: value, dimension, keepDimension });
  const { shape } = value;
  const [result] = record([input], [output], [], ([gradOutput], [sum]) => {
    if (gradOutput) give(backward({ gradOutput, dimension, shape }).gradInput, sum);
  });
  return result;
}

/**
 * The highest element over one dimension, as {@link ops.maxForward}; its gradient goes to the first of equal ones.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await max(Tensor.from([1, 2, 3, 6], [2, 2]), { dimension: 0 }).read(); // 3, 6
 */
export function max(input: Operand, { dimension, keepDimension = false }: ReduceOptions): Variable {
  const value = tensorOf(input);
  const { output, indices } = ops.maxForward({ input: value, dimension, keepDimension });
  const { shape } = value;
  const [result] = record([input], [output], [indices], ([gradOutput], [sum], [indices]) => {
    if (gradOutput) give(ops.maxBackward({ gradOutput, indices, dimension, shape }).gradInput, sum);
  });
  indices.dispose();
  return result;
}

/**
 * The k highest elements of each row, the innermost dimension, and their indices there, as {@link ops.topKForward}. The
 * gradient goes to these elements.
 *
 * @returns output, [..., k]; and indices, [..., k], int32, which belong to the caller.
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const { output, indices } = topK(Tensor.from([1, 5, 2, 4], [1, 4]), 2);
 * await output.read(); // 5, 4
 * await indices.read(); // 1, 3
 */
export function topK(input: Operand, k: number): { output: Variable; indices: Tensor } {
  const value = tensorOf(input);
  const { shape } = value;
  const { output, indices } = ops.topKForward({ input: value, k });
  const [result] = record([input], [output], [indices], ([gradOutput], [sum], [indices]) => {
    if (gradOutput) give(ops.topKBackward({ gradOutput, indices, shape }).gradInput, sum);
  });
  return { output: result, indices };
}

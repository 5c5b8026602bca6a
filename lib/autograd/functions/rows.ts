// What is computed over the innermost dimension.
import * as ops from '../../core/ops.ts';
import type { Tensor } from '../../core/tensor.ts';
import { give } from '../gradient-sum.ts';
import { type Operand, record, tensorOf, type Variable } from '../variable.ts';

/** Softmax over the innermost dimension, as {@link ops.softmaxForward}. */
export function softmax(input: Operand): Variable {
  return fromOutput(input, ops.softmaxForward, ops.softmaxBackward);
}

/** The logarithm of softmax over the innermost dimension, as {@link ops.logSoftmaxForward}. */
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

// Activation functions, element by element, and dropout.
import * as ops from '../../core/ops.ts';
import type { Tensor } from '../../core/tensor.ts';
import { give } from '../gradient-sum.ts';
import { nextSeed } from '../random.ts';
import { type Operand, record, tensorOf, type Variable } from '../variable.ts';

/** `input * Φ(input)`, or with `approximate` GPT-2's form by tanh, as {@link ops.gelu}. */
export function gelu(input: Operand, options: { readonly approximate?: boolean } = {}): Variable {
  return activation(
    input,
    (args) => ops.gelu({ ...args, ...options }),
    (args) => ops.geluBackward({ ...args, ...options }),
  );
}

/** `input / (1 + e^-input)`, as {@link ops.silu}. */
export function silu(input: Operand): Variable {
  return activation(input, ops.silu, ops.siluBackward);
}

/** `max(input, 0)`, as {@link ops.relu}. */
export function relu(input: Operand): Variable {
  return activation(input, ops.relu, ops.reluBackward);
}

/** As {@link ops.tanh}. */
export function tanh(input: Operand): Variable {
  return activation(input, ops.tanh, ops.tanhBackward);
}

/** `1 / (1 + e^-input)`, as {@link ops.sigmoid}. */
export function sigmoid(input: Operand): Variable {
  return activation(input, ops.sigmoid, ops.sigmoidBackward);
}

function activation(
  input: Operand,
  forward: (args: { input: Tensor }) => { output: Tensor },
  backward: (args: { gradOutput: Tensor; input: Tensor }) => { gradInput: Tensor },
): Variable {
  const value = tensorOf(input);
  const { output } = forward({ input: value });
  const [result] = record([input], [output], [value], ([gradOutput], [sum], [input]) => {
    if (gradOutput) give(backward({ gradOutput, input }).gradInput, sum);
  });
  return result;
}

/**
 * Sets elements to 0 with a probability and divides the others by what is left of 1, as {@link ops.dropout}. Each call
 * draws anew, in the sequence that `manualSeed` begins; a checkpoint draws the same again.
 */
export function dropout(input: Operand, probability: number): Variable {
  const draw = { p: probability, seed: nextSeed() };
  const { output } = ops.dropout({ input: tensorOf(input), ...draw });
  const [result] = record([input], [output], [], ([gradient], [sum]) => {
    if (gradient) give(ops.dropout({ input: gradient, ...draw }).output, sum);
  });
  return result;
}

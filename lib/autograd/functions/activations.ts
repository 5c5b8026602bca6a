// Activation functions, element by element, and dropout.
import * as ops from '../../core/ops.ts';
import type { Tensor } from '../../core/tensor.ts';
import { give } from '../gradient-sum.ts';
import { nextSeed } from '../random.ts';
import { type Operand, record, tensorOf, type Variable } from '../variable.ts';

/**
 * `input * Φ(input)`, or with `approximate` GPT-2's form by tanh, as {@link ops.gelu}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = Tensor.from([-1, 0, 2], [3]);
 * await gelu(x).read(); // -0.159, 0, 1.954
 */
export function gelu(input: Operand, options: { readonly approximate?: boolean } = {}): Variable {
  return activation(
    input,
    (args) => ops.gelu({ ...args, ...options }),
    (args) => ops.geluBackward({ ...args, ...options }),
  );
}

/**
 * `input / (1 + e^-input)`, as {@link ops.silu}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = Tensor.from([-1, 0, 2], [3]);
 * await silu(x).read(); // -0.269, 0, 1.762
 */
export function silu(input: Operand): Variable {
  return activation(input, ops.silu, ops.siluBackward);
}

/**
 * `max(input, 0)`, as {@link ops.relu}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = Tensor.from([-1, 0, 2], [3]);
 * await relu(x).read(); // 0, 0, 2
 */
export function relu(input: Operand): Variable {
  return activation(input, ops.relu, ops.reluBackward);
}

/**
 * As {@link ops.tanh}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = Tensor.from([-1, 0, 2], [3]);
 * await tanh(x).read(); // -0.762, 0, 0.964
 */
export function tanh(input: Operand): Variable {
  return activation(input, ops.tanh, ops.tanhBackward);
}

/**
 * `1 / (1 + e^-input)`, as {@link ops.sigmoid}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = Tensor.from([-1, 0, 2], [3]);
 * await sigmoid(x).read(); // 0.269, 0.5, 0.881
 */
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
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * manualSeed(1);
 * await dropout(Tensor.from([1, 1, 1, 1], [4]), 0.5).read(); // 0, 0, 2, 0
 */
export function dropout(input: Operand, probability: number): Variable {
  const draw = { p: probability, seed: nextSeed() };
  const { output } = ops.dropout({ input: tensorOf(input), ...draw });
  const [result] = record([input], [output], [], ([gradient], [sum]) => {
    if (gradient) give(ops.dropout({ input: gradient, ...draw }).output, sum);
  });
  return result;
}

// Activation functions, element by element in float32. All take the same arguments.
import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

export interface Activation {
  /** Any shape, float32 or bfloat16. */
  input: Tensor;
  /** Shape and dtype of input; may be input itself. */
  output?: Tensor;
}

export interface ActivationBackward {
  /** Shape and dtype of input. */
  gradOutput: Tensor;
  /** The input of the forward pass. */
  input: Tensor;
  /** Shape and dtype of input; overwritten; may be gradOutput or input itself. */
  gradInput?: Tensor;
}

/** Of gelu alone. */
interface Form {
  /** Whether to compute the approximation by tanh; default false. */
  approximate?: boolean;
}

export type Gelu = Activation & Form;
export type GeluBackward = ActivationBackward & Form;

function forward(name: string): (args: Gelu) => { output: Tensor } {
  const native = operation<Gelu, 'output' | 'approximate'>(name);
  return (args) => {
    native.expect(args);
    const { approximate = false, output = like(args.input) } = args;
    native(args, { output, approximate });
    return { output };
  };
}

function backward(name: string): (args: GeluBackward) => { gradInput: Tensor } {
  const native = operation<GeluBackward, 'gradInput' | 'approximate'>(name);
  return (args) => {
    native.expect(args);
    const { approximate = false, gradInput = like(args.input) } = args;
    native(args, { gradInput, approximate });
    return { gradInput };
  };
}

type Forward = (args: Activation) => { output: Tensor };
type Backward = (args: ActivationBackward) => { gradInput: Tensor };

/**
 * `output = input * Φ(input)`, Φ the normal distribution's (Hendrycks & Gimpel 2016); with `approximate`, as GPT-2 has it,
 * `0.5 * input * (1 + tanh(sqrt(2 / π) * (input + 0.044715 * input³)))`.
 */
export const gelu = forward('gelu');
/** Backward of {@link gelu}, of the same form. */
export const geluBackward = backward('geluBackward');

/** `output = input / (1 + e^-input)`. */
export const silu: Forward = forward('silu');
/** Backward of {@link silu}. */
export const siluBackward: Backward = backward('siluBackward');

/** `output = max(input, 0)`; NaN stays NaN. */
export const relu: Forward = forward('relu');
/** Backward of {@link relu}: gradOutput where the input is above 0, else 0. */
export const reluBackward: Backward = backward('reluBackward');

/** `output = tanh(input)`. */
export const tanh: Forward = forward('tanh');
/** Backward of {@link tanh}, from its input. */
export const tanhBackward: Backward = backward('tanhBackward');

/** `output = 1 / (1 + e^-input)`. */
export const sigmoid: Forward = forward('sigmoid');
/** Backward of {@link sigmoid}, from its input. */
export const sigmoidBackward: Backward = backward('sigmoidBackward');

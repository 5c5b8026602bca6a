// Activation functions, element by element in float32. All take the same arguments.
import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** Arguments of an activation function. */
export interface Activation {
  /** Any shape, float32 or bfloat16. */
  input: Tensor;
  /** Shape and dtype of input; may be input itself. */
  output?: Tensor;
}

/** Arguments of an activation function's backward. */
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

/** Arguments of {@link gelu}. */
export type Gelu = Activation & Form;
/** Arguments of {@link geluBackward}. */
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
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * await ops.gelu({ input }).output.read(); // -0.159, 0, 1.954
 */
export const gelu = forward('gelu');
/**
 * Backward of {@link gelu}, of the same form.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * const gradOutput = Tensor.from([1, 1, 1], [3]);
 * await ops.geluBackward({ gradOutput, input }).gradInput.read(); // -0.083, 0.5, 1.085
 */
export const geluBackward = backward('geluBackward');

/**
 * `output = input / (1 + e^-input)`.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * await ops.silu({ input }).output.read(); // -0.269, 0, 1.762
 */
export const silu: Forward = forward('silu');
/**
 * Backward of {@link silu}.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * const gradOutput = Tensor.from([1, 1, 1], [3]);
 * await ops.siluBackward({ gradOutput, input }).gradInput.read(); // 0.072, 0.5, 1.091
 */
export const siluBackward: Backward = backward('siluBackward');

/**
 * `output = max(input, 0)`; NaN stays NaN.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * await ops.relu({ input }).output.read(); // 0, 0, 2
 */
export const relu: Forward = forward('relu');
/**
 * Backward of {@link relu}: gradOutput where the input is above 0, else 0.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * const gradOutput = Tensor.from([1, 1, 1], [3]);
 * await ops.reluBackward({ gradOutput, input }).gradInput.read(); // 0, 0, 1
 */
export const reluBackward: Backward = backward('reluBackward');

/**
 * `output = tanh(input)`.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * await ops.tanh({ input }).output.read(); // -0.762, 0, 0.964
 */
export const tanh: Forward = forward('tanh');
/**
 * Backward of {@link tanh}, from its input.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * const gradOutput = Tensor.from([1, 1, 1], [3]);
 * await ops.tanhBackward({ gradOutput, input }).gradInput.read(); // 0.42, 1, 0.071
 */
export const tanhBackward: Backward = backward('tanhBackward');

/**
 * `output = 1 / (1 + e^-input)`.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * await ops.sigmoid({ input }).output.read(); // 0.269, 0.5, 0.881
 */
export const sigmoid: Forward = forward('sigmoid');
/**
 * Backward of {@link sigmoid}, from its input.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const input = Tensor.from([-1, 0, 2], [3]);
 * const gradOutput = Tensor.from([1, 1, 1], [3]);
 * await ops.sigmoidBackward({ gradOutput, input }).gradInput.read(); // 0.197, 0.25, 0.105
 */
export const sigmoidBackward: Backward = backward('sigmoidBackward');

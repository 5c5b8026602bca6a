// The modules that most models are made of. Shapes and names of parameters are PyTorch's; so are the spreads of initial
// weights unless said otherwise, with normal distributions. All that is drawn follows from `manualSeed`.
import { dropout, embedding, layerNorm, matmul, rmsNorm } from '../autograd/functions.ts';
import { nextSeed } from '../autograd/random.ts';
import { type Operand, Variable } from '../autograd/variable.ts';
import { Device } from '../core/device.ts';
import * as ops from '../core/ops.ts';
import { type Shape, Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { Module } from './module.ts';

/** Where parameters live, and what they are stored in. */
export interface ParameterOptions {
  /** Where parameters live; the CPU unless given. */
  readonly device?: Device | string;
  /** What they are kept and computed in; float32 unless given. */
  readonly dtype?: 'float32' | 'bfloat16';
}

/** A parameter of normally distributed numbers. */
function drawn(shape: Shape, standardDeviation: number, options: ParameterOptions): Variable {
  const output = emptyParameter(shape, options);
  ops.randomNormal({ output, standardDeviation, seed: nextSeed() });
  return new Variable(output, { requiresGrad: true });
}

function filled(shape: Shape, value: number, options: ParameterOptions): Variable {
  const { output } = ops.fill({ output: emptyParameter(shape, options), value });
  return new Variable(output, { requiresGrad: true });
}

function emptyParameter(shape: Shape, { device, dtype = 'float32' }: ParameterOptions): Tensor {
  if (!shape.every((size) => Number.isInteger(size) && size > 0)) {
    const sizes = shape.join(', ');
    throw new LeiaError('argument', `a parameter of [${sizes}], expected positive whole numbers`);
  }
  const place = device instanceof Device ? device : Device.open(device);
  return Tensor.empty(shape, { dtype, device: place });
}

/** How a {@link Linear} is made. */
export interface LinearOptions extends ParameterOptions {
  /** Whether a bias is added; it begins as zeros. True unless given. */
  readonly bias?: boolean;
  /** Of the initial weights; 1 / sqrt(3 inputs) unless given, which is that of PyTorch's uniform ones. */
  readonly standardDeviation?: number;
}

/**
 * `output = input weight^T + bias`; weight [outputs, inputs], bias [outputs].
 *
 * @throws LeiaError with code `argument` for sizes that are no positive whole numbers, or an input of another size.
 * @example
 * const layer = new Linear(3, 2, { bias: false });
 * layer.forward(Tensor.zeros([4, 3])).shape; // 4, 2
 */
export class Linear extends Module {
  readonly weight: Variable;
  readonly bias: Variable | undefined;

  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super();
    const { bias = true, standardDeviation = 1 / Math.sqrt(3 * inputs) } = options;
    this.weight = drawn([outputs, inputs], standardDeviation, options);
    this.bias = bias ? filled([outputs], 0, options) : undefined;
  }

  /** @param input [..., inputs]. @returns [..., outputs]. */
  forward(input: Operand): Variable {
    return matmul(input, this.weight, { transposeB: true, bias: this.bias });
  }
}

/** How an {@link Embedding} is made. */
export interface EmbeddingOptions extends ParameterOptions {
  /** Of the initial weights; 1 unless given. */
  readonly standardDeviation?: number;
}

/**
 * A table of vectors, looked up by number; weight [count, size].
 *
 * @throws LeiaError with code `argument` for sizes that are no positive whole numbers, or an input of another size.
 * @example
 * const table = new Embedding(100, 8);
 * table.forward(Tensor.from(Int32Array.of(1, 5), [2])).shape; // 2, 8
 */
export class Embedding extends Module {
  readonly weight: Variable;

  constructor(count: number, size: number, options: EmbeddingOptions = {}) {
    super();
    this.weight = drawn([count, size], options.standardDeviation ?? 1, options);
  }

  /** @param ids [...], int32, each 0 to count - 1. @returns [..., size]. */
  forward(ids: Tensor): Variable {
    return embedding(ids, this.weight);
  }
}

/** How a norm is made. */
export interface NormOptions extends ParameterOptions {
  /** Added to the variance, or to the mean square; 1e-5 unless given. */
  readonly epsilon?: number;
  /** Whether LayerNorm has a bias; true unless given. */
  readonly bias?: boolean;
}

/**
 * LayerNorm over the innermost dimension; weight [size] of ones, bias [size] of zeros.
 *
 * @throws LeiaError with code `argument` for sizes that are no positive whole numbers, or an input of another size.
 * @example
 * const norm = new LayerNorm(4, { bias: false });
 * await norm.forward(Tensor.from([1, 2, 3, 6], [1, 4])).read(); // -1.069, -0.535, 0, 1.604
 */
export class LayerNorm extends Module {
  readonly weight: Variable;
  readonly bias: Variable | undefined;
  readonly epsilon: number;

  constructor(size: number, options: NormOptions = {}) {
    super();
    this.epsilon = options.epsilon ?? 1e-5;
    this.weight = filled([size], 1, options);
    this.bias = (options.bias ?? true) ? filled([size], 0, options) : undefined;
  }

  /** The input, [..., size], with normalised rows. */
  forward(input: Operand): Variable {
    return layerNorm(input, this.weight, this.bias, { epsilon: this.epsilon });
  }
}

/**
 * RMSNorm over the innermost dimension; weight [size] of ones.
 *
 * @throws LeiaError with code `argument` for sizes that are no positive whole numbers, or an input of another size.
 * @example
 * const norm = new RmsNorm(2);
 * await norm.forward(Tensor.from([3, 4], [1, 2])).read(); // 0.849, 1.131
 */
export class RmsNorm extends Module {
  readonly weight: Variable;
  readonly epsilon: number;

  constructor(size: number, options: Omit<NormOptions, 'bias'> = {}) {
    super();
    this.epsilon = options.epsilon ?? 1e-5;
    this.weight = filled([size], 1, options);
  }

  /** The input, [..., size], with normalised rows. */
  forward(input: Operand): Variable {
    return rmsNorm(input, this.weight, { epsilon: this.epsilon });
  }
}

/**
 * Sets elements to zero at random while the module trains, and scales the others up, so that the mean stays.
 *
 * @throws LeiaError with code `argument`, when it is called, for a probability that is not 0 or more and less than 1.
 * @example
 * const dropout = new Dropout(0.5);
 * const x = new Variable(Tensor.from([1, 2], [2]));
 * await dropout.train(false).forward(x).read(); // 1, 2
 */
export class Dropout extends Module {
  readonly probability: number;

  /** @param probability of an element to be dropped, 0 or more and less than 1. */
  constructor(probability: number) {
    super();
    this.probability = probability;
  }

  /** The input; in training, some elements are 0 and the others scaled up. */
  forward(input: Variable): Variable {
    return this.isTraining && this.probability > 0 ? dropout(input, this.probability) : input;
  }
}

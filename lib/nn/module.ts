// What a model is made of: an object whose properties are parameters and other modules. Their names are the paths to them,
// as PyTorch has them, so that weights go from one to the other by name.
import { noGrad } from '../autograd/recording.ts';
import { isDifferentiable, Variable } from '../autograd/variable.ts';
import type { TrainableParameter } from '../llama/parameters.ts';
import { loadState, saveState } from './state-file.ts';

/** What is asked of the parameters that train. */
export interface TrainableOptions {
  /** Whether AdamW's weight decay applies: to matrices and larger, not to biases and norms, unless given. */
  readonly decay?: (name: string, parameter: Variable) => boolean;
}

/**
 * @example
 * class Perceptron extends Module {
 *   readonly hidden = new Linear(784, 128);
 *   readonly output = new Linear(128, 10);
 *
 *   forward(pixels: Tensor): Variable {
 *     return this.output.forward(relu(this.hidden.forward(pixels)));
 *   }
 * }
 */
export abstract class Module implements Disposable {
  #isTraining = true;

  /** Whether dropout and the like do something. */
  get isTraining(): boolean {
    return this.#isTraining;
  }

  /** Sets whether this module and those in it train; they do at first. */
  train(isTraining = true): this {
    this.#isTraining = isTraining;
    for (const [, part] of partsOf(this)) if (part instanceof Module) part.train(isTraining);
    return this;
  }

  /** Computes as in use, without dropout and without recording; see {@link noGrad}. */
  evaluate<Result>(compute: () => Result): Result {
    const before = this.#isTraining;
    this.train(false);
    try {
      return noGrad(compute);
    } finally {
      this.train(before);
    }
  }

  /**
   * Every parameter, frozen ones too, by its path: `blocks.0.attention.query.weight`. They are the float leaves in this
   * module's properties, in arrays there, and in its modules; one that is in two places has the name of the first. Private
   * fields (`#weight`) cannot be seen.
   */
  *namedParameters(): Generator<[string, Variable]> {
    const seen = new Set<Variable>();
    for (const [name, parameter] of allParameters(this)) {
      if (seen.has(parameter)) continue;
      seen.add(parameter);
      yield [name, parameter];
    }
  }

  /** What an optimiser needs: every parameter that is not frozen, with its gradient. */
  trainableParameters({ decay = isMatrix }: TrainableOptions = {}): TrainableParameter[] {
    return [...this.namedParameters()]
      .filter(([, parameter]) => parameter.requiresGrad)
      .map(([name, parameter]) => {
        const { value, gradient } = parameter;
        return { name, parameter: value, gradient, decay: decay(name, parameter) };
      });
  }

  /** Sets all gradients to zero, for the next step. */
  zeroGradients(): void {
    for (const [, parameter] of this.namedParameters()) {
      if (parameter.requiresGrad) parameter.zeroGradient();
    }
  }

  /** Takes the gradients of parameters away, all or those of which `which` says so: nothing trains them from now on. */
  freeze(which: (name: string) => boolean = () => true): this {
    for (const [name, parameter] of this.namedParameters()) {
      if (which(name)) parameter.setRequiresGrad(false);
    }
    return this;
  }

  /**
   * Writes all parameters to a safetensors file, under their names, in their dtypes.
   * @throws LeiaError `io`; what was there before is there still.
   */
  async save(path: string): Promise<void> {
    await saveState(path, this.namedParameters());
  }

  /**
   * Reads all parameters from a safetensors file, converted to their dtypes. The file may have come from PyTorch.
   *
   * @param strict whether the file must have these parameters and no others, which it must unless this is false; then
   *   parameters that it lacks stay, and tensors that nobody asks for are left.
   * @throws LeiaError `io`, `format`; `mismatch` for names or shapes that do not fit. Then no parameter has changed.
   */
  async load(path: string, { strict = true }: { readonly strict?: boolean } = {}): Promise<void> {
    await loadState(path, new Map(this.namedParameters()), strict);
  }

  /** Frees the parameters and their gradients. */
  dispose(): void {
    for (const [, parameter] of this.namedParameters()) {
      if (parameter.requiresGrad) parameter.setRequiresGrad(false);
      parameter.dispose();
    }
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function isMatrix(_name: string, { shape }: Variable): boolean {
  return shape.length >= 2;
}

function* allParameters(module: Module): Generator<[string, Variable]> {
  for (const [name, part] of partsOf(module)) {
    if (part instanceof Variable) {
      if (part.isLeaf && isDifferentiable(part.dtype)) yield [name, part];
    } else {
      for (const [inner, parameter] of allParameters(part)) yield [`${name}.${inner}`, parameter];
    }
  }
}

/** The variables and modules in an object's properties, and in arrays there, by their paths. */
function* partsOf(whole: object): Generator<[string, Variable | Module]> {
  for (const [name, part] of Object.entries(whole)) {
    if (part instanceof Variable || part instanceof Module) {
      yield [name, part];
    } else if (Array.isArray(part)) {
      for (const [index, inner] of partsOf(part)) yield [`${name}.${index}`, inner];
    }
  }
}

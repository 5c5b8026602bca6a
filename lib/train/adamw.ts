// AdamW with decoupled weight decay over any set of parameters. The moments are float32, or bfloat16 rounded at random
// so that they are right on average. A bfloat16 parameter is the upper half of a float32 master, whose lower 16 bits are
// kept here, so that rounding loses nothing between steps. State is allocated when the optimiser is made, never in a
// step.
//
// Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2, in the order of
// operations of torch.optim.AdamW.
import { joinFloat32 } from '../core/bfloat16.ts';
import type { Device } from '../core/device.ts';
import { type Allocated, type Allocation, allocate, TensorLayout } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { DType, Shape, Tensor } from '../core/tensor.ts';
import type { TrainableParameter } from '../llama/parameters.ts';
import { LeiaError } from '../system/error.ts';
import { loadOptimizer, saveOptimizer } from './optimizer-file.ts';

/** The settings of {@link AdamW}. */
export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  /** Added to the square root of the second moment. */
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** What the moments are kept in; float32 unless given. */
  readonly moments?: MomentDtype;
  /** Of the rounding of bfloat16 moments: a whole number; 0 unless given. */
  readonly seed?: number;
}

export const momentDtypes = ['float32', 'bfloat16'] as const;
/** What moments can be kept in. */
export type MomentDtype = (typeof momentDtypes)[number];

/** What the optimiser keeps for one parameter, each of the parameter's shape. */
function stateLayout(
  { shape, dtype }: { readonly shape: Shape; readonly dtype: DType },
  moments: MomentDtype,
) {
  return {
    firstMoment: new TensorLayout(shape, moments),
    secondMoment: new TensorLayout(shape, moments),
    /** The lower 16 bits of the float32 masters of bfloat16 parameters, in a bfloat16 tensor. */
    masterLowBits: dtype === 'bfloat16' ? new TensorLayout(shape, dtype) : undefined,
  };
}

/** What {@link AdamW} keeps for one parameter. */
export type AdamWState = Allocated<ReturnType<typeof stateLayout>>;

/** The optimiser's memory, by the parameters' names. */
export function adamwLayout(
  parameters: Iterable<readonly [string, { readonly shape: Shape; readonly dtype: DType }]>,
  moments: MomentDtype = 'float32',
) {
  return Object.fromEntries(
    [...parameters].map(([name, parameter]) => [name, stateLayout(parameter, moments)]),
  );
}

/** Parameters that one call updates: of one dtype, all with weight decay or all without. */
interface Group {
  readonly decay: boolean;
  readonly parameters: readonly TrainableParameter[];
  /** How many parameters the groups before have. */
  readonly first: number;
}

function groupsOf(parameters: readonly TrainableParameter[]): Group[] {
  let first = 0;
  return (['float32', 'bfloat16'] as const)
    .flatMap((dtype) => [true, false].map((decay) => ({ dtype, decay })))
    .map(({ dtype, decay }) => {
      const own = parameters.filter(
        (item) => item.parameter.dtype === dtype && item.decay === decay,
      );
      const group = { decay, parameters: own, first };
      first += own.length;
      return group;
    })
    .filter((group) => group.parameters.length > 0);
}

/** State is kept by name, and dtypes are updated apart: a second of a name, or another dtype, has no place. */
function checkParameters(parameters: readonly TrainableParameter[]): void {
  const names = new Set<string>();
  for (const { name, parameter } of parameters) {
    if (names.has(name)) {
      const expected = 'names of their own, as a Module that holds both gives them';
      throw new LeiaError(
        'argument',
        `AdamW: two parameters are named ${JSON.stringify(name)}, expected ${expected}`,
      );
    }
    names.add(name);
    if (parameter.dtype !== 'float32' && parameter.dtype !== 'bfloat16') {
      throw new LeiaError(
        'argument',
        `AdamW: ${JSON.stringify(name)} is ${parameter.dtype}, expected float32 or bfloat16`,
      );
    }
  }
}

/** Where the parameters live: all on one device. */
function deviceOf([first]: readonly TrainableParameter[]): Device {
  if (first !== undefined) return first.parameter.device;
  throw new LeiaError('argument', 'AdamW: there are no parameters, expected at least one');
}

/**
 * An optimiser of the parameters of any model: it moves them by their gradients, and keeps two moments for each.
 *
 * @throws LeiaError see the constructor and the methods.
 * @example
 * const weight = new Variable(Tensor.from([1, -1], [2]), { requiresGrad: true });
 * const { value: parameter, gradient } = weight;
 * const optimizer = new AdamW([{ name: 'weight', parameter, gradient, decay: false }]);
 * multiply(weight, weight).backward();
 * optimizer.step({ learningRate: 0.1 });
 * await weight.read(); // 0.9, -0.9
 */
export class AdamW implements Disposable {
  /** Steps taken so far; set it together with the state's tensors to resume. */
  stepCount = 0;
  readonly parameters: readonly TrainableParameter[];
  readonly #options: Required<Omit<AdamWOptions, 'moments'>>;
  readonly #memory: Allocation<ReturnType<typeof adamwLayout>>;
  readonly #states: ReadonlyMap<string, AdamWState>;
  readonly #groups: readonly Group[];

  /**
   * Defaults are the paper's (Yamada & Ri 2024, table 6).
   *
   * @throws LeiaError `argument` without parameters, for two of one name, or for a dtype that is not float32 or bfloat16;
   *   `execution` when the memory does not suffice.
   */
  constructor(parameters: readonly TrainableParameter[], options: AdamWOptions = {}) {
    const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-6, weightDecay = 0.1 } = options;
    const { moments = 'float32', seed = 0 } = options;
    this.#options = { beta1, beta2, epsilon, weightDecay, seed };
    checkParameters(parameters);
    this.parameters = parameters;
    this.#groups = groupsOf(parameters);
    const layout = adamwLayout(
      parameters.map(({ name, parameter }) => [name, parameter]),
      moments,
    );
    this.#memory = allocate(layout, deviceOf(parameters));
    this.#states = new Map(Object.entries(this.#memory.tensors));
    for (const state of this.#states.values()) {
      for (const output of Object.values(state)) if (output) ops.fill({ output, value: 0 });
    }
  }

  /**
   * Updates every parameter from its gradient.
   *
   * @param args.learningRate for this step.
   * @param args.gradientScale float32 [1], multiplied into every gradient: the clipping factor.
   */
  step(args: { readonly learningRate: number; readonly gradientScale?: Tensor }): void {
    const step = this.stepCount + 1;
    const { weightDecay, ...options } = this.#options;
    for (const { decay, parameters, first } of this.#groups) {
      const states = parameters.map(({ name }) => this.state(name));
      const masterLowBits = states.flatMap((state) => state.masterLowBits ?? []);
      ops.adamw({
        parameters: parameters.map(({ parameter }) => parameter),
        gradients: parameters.map(({ gradient }) => gradient),
        firstMoments: states.map(({ firstMoment }) => firstMoment),
        secondMoments: states.map(({ secondMoment }) => secondMoment),
        ...(masterLowBits.length > 0 && { masterLowBits }),
        ...options,
        ...args,
        firstParameter: first,
        ...(parameters.some((item) => item.first !== undefined) && {
          firstElements: parameters.map((item) => item.first ?? 0),
        }),
        weightDecay: decay ? weightDecay : 0,
        step,
      });
    }
    this.stepCount = step;
  }

  /** The state of one parameter. */
  state(name: string): AdamWState {
    const state = this.#states.get(name);
    if (state !== undefined) return state;
    throw new LeiaError('argument', `AdamW: there is no parameter "${name}"`);
  }

  /** The float32 values behind a parameter, exactly. */
  async master(name: string): Promise<Float32Array> {
    const { masterLowBits } = this.state(name);
    const parameter = this.parameters.find((item) => item.name === name)?.parameter as Tensor;
    if (masterLowBits === undefined) return await parameter.readFloats();
    const upper = (await parameter.readBits()) as Uint16Array;
    return joinFloat32(upper, (await masterLowBits.readBits()) as Uint16Array);
  }

  /**
   * Writes the state to a safetensors file. For each parameter it has `firstMoment.NAME` and `secondMoment.NAME`, F32 or BF16
   * of its shape, and for a bfloat16 one `remainder.NAME`, U16: the lower 16 bits of its float32 master. `stepCount` is in
   * the file's metadata as `step`. The parameters themselves are their model's to save, in their own dtype if the masters are
   * to be exact.
   *
   * @throws LeiaError `io`, and then what was there before is there still; `unsupported` for slices of parameters.
   */
  async save(path: string): Promise<void> {
    await saveOptimizer(path, this);
  }

  /**
   * Reads what {@link save} has written, for the same parameters and options.
   *
   * @throws LeiaError `io`, `format`; `mismatch` for another optimiser's state. Then nothing has changed.
   */
  async load(path: string): Promise<void> {
    await loadOptimizer(path, this);
  }

  get bytes(): number {
    return this.#memory.bytes;
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

// AdamW with decoupled weight decay over any set of parameters. All state is float32; a bfloat16 parameter
// keeps the 16 bits that it lacks of a float32 master beside it, so nothing is lost to rounding between
// steps. State is allocated when the optimiser is made, never in a step.
//
// Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2, in the order of
// operations of torch.optim.AdamW.
import { joinFloat32 } from '../core/bfloat16.ts';
import * as ops from '../core/ops.ts';
import { bytesPerElement, elementCount, Tensor } from '../core/tensor.ts';
import type { TrainableParameter } from '../llama/parameters.ts';
import { LeiaError } from '../system/error.ts';

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  /** Added to the square root of the second moment. */
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/** What the optimiser keeps for one parameter, each of the parameter's shape. */
export interface AdamWState {
  /** float32. */
  readonly firstMoment: Tensor;
  /** float32. */
  readonly secondMoment: Tensor;
  /** The low halves of the float32 master, for bfloat16 parameters. */
  readonly masterLowBits: Tensor | undefined;
}

/** Parameters that one call updates: of one dtype, all with weight decay or all without. */
interface Group {
  readonly decay: boolean;
  readonly parameters: readonly TrainableParameter[];
}

function groupsOf(parameters: readonly TrainableParameter[]): Group[] {
  return (['float32', 'bfloat16'] as const)
    .flatMap((dtype) => [true, false].map((decay) => ({ dtype, decay })))
    .map(({ dtype, decay }) => ({
      decay,
      parameters: parameters.filter(
        (item) => item.parameter.dtype === dtype && item.decay === decay,
      ),
    }))
    .filter((group) => group.parameters.length > 0);
}

export class AdamW implements Disposable {
  /** Steps taken so far; set it together with the state's tensors to resume. */
  stepCount = 0;
  readonly parameters: readonly TrainableParameter[];
  readonly #options: Required<AdamWOptions>;
  readonly #states: ReadonlyMap<string, AdamWState>;
  readonly #groups: readonly Group[];

  /** Defaults are the paper's (Yamada & Ri 2024, table 6). */
  constructor(parameters: readonly TrainableParameter[], options: AdamWOptions = {}) {
    const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-6, weightDecay = 0.1 } = options;
    this.#options = { beta1, beta2, epsilon, weightDecay };
    this.parameters = parameters;
    this.#groups = groupsOf(parameters);
    this.#states = new Map(
      parameters.map(({ name, parameter: { device, dtype, shape } }) => [
        name,
        {
          firstMoment: Tensor.zeros(shape, { device }),
          secondMoment: Tensor.zeros(shape, { device }),
          masterLowBits: dtype === 'bfloat16' ? Tensor.zeros(shape, { dtype, device }) : undefined,
        },
      ]),
    );
  }

  /**
   * Updates every parameter from its gradient.
   *
   * @param learningRate for this step.
   * @param gradientScale float32 [1], multiplied into every gradient: the clipping factor.
   */
  step(args: { readonly learningRate: number; readonly gradientScale?: Tensor }): void {
    this.stepCount++;
    const { weightDecay, ...moments } = this.#options;
    for (const { decay, parameters } of this.#groups) {
      const states = parameters.map(({ name }) => this.state(name));
      const masterLowBits = states.flatMap(({ masterLowBits }) => masterLowBits ?? []);
      ops.adamw({
        parameters: parameters.map(({ parameter }) => parameter),
        gradients: parameters.map(({ gradient }) => gradient),
        firstMoments: states.map(({ firstMoment }) => firstMoment),
        secondMoments: states.map(({ secondMoment }) => secondMoment),
        ...(masterLowBits.length > 0 && { masterLowBits }),
        ...moments,
        ...args,
        weightDecay: decay ? weightDecay : 0,
        step: this.stepCount,
      });
    }
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

  get bytes(): number {
    let bytes = 0;
    for (const { firstMoment, secondMoment, masterLowBits } of this.#states.values()) {
      for (const tensor of [firstMoment, secondMoment, masterLowBits]) {
        if (tensor) bytes += elementCount(tensor.shape) * bytesPerElement(tensor.dtype);
      }
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    for (const { firstMoment, secondMoment, masterLowBits } of this.#states.values()) {
      firstMoment.dispose();
      secondMoment.dispose();
      masterLowBits?.dispose();
    }
  }
}

// A LLaMA that can be called: weights on a device, planned memory, and the passes of `model.ts` over them.
// Calls queue their work and return at once; reading a tensor or `device.synchronize()` waits for it.
import { Device } from '../core/device.ts';
import * as ops from '../core/ops.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Activations, Recompute } from './activations.ts';
import { checkLength, type TokenRows } from './batch.ts';
import { Checkpoint, type CheckpointView } from './checkpoint.ts';
import type { LlamaConfig } from './config.ts';
import { type LayerHook, LayerHooks, type LayerPoint } from './hooks.ts';
import { initializeWeights, loadWeights } from './load-weights.ts';
import type {
  BackwardOptions,
  BackwardResult,
  ForwardBackwardResult,
  ForwardOptions,
  ForwardResult,
  LossResult,
  ModelDtype,
  ModelOptions,
  SaveModelOptions,
} from './model-options.ts';
import { llamaParameters, type TrainableParameter } from './parameters.ts';
import type { PassListener } from './parts.ts';
import { Passes } from './passes.ts';
import type { RoundingLoss } from './rounding.ts';
import { saveModel } from './save-model.ts';
import { type ParameterSelection, selectParameters } from './select-parameters.ts';
import type { StoredDtype } from './stored-values.ts';
import { LlamaGradients, LlamaWeights } from './weights.ts';

/**
 * A LLaMA on a device: it computes logits, losses and gradients, and generates. Gradients are added up until
 * `zeroGradients`; an optimiser takes them from `trainableParameters`.
 *
 * Sources: Touvron et al. 2023, "LLaMA" and "Llama 2".
 *
 * @throws LeiaError see the methods.
 * @example
 * const optimizer = new AdamW(model.trainableParameters());
 * const before = await model.forwardBackward(ids, labels).loss.item();
 * optimizer.step({ learningRate: 1e-3 });
 * const after = await model.forward(ids, labels).loss.item();
 * after < before; // true
 */
export class LlamaModel implements Disposable {
  readonly config: LlamaConfig;
  readonly device: Device;
  readonly dtype: ModelDtype;
  readonly recompute: Recompute;
  readonly weights: LlamaWeights;
  /** The dtype of the checkpoint that this was loaded from; the model's own dtype if it was not loaded. */
  readonly storedDtype: StoredDtype;
  /** The folder this was loaded from, whose tokenizer goes along when the model is saved. */
  readonly folder: string | undefined;
  /** What {@link addHook} has added. */
  readonly hooks: LayerHooks;
  /** Hears from all passes which part of the model comes next. */
  listener: PassListener | undefined;
  readonly #inWindow: ModelOptions['inWindow'];
  readonly #passes: Passes;
  #frozen: ReadonlySet<string> = new Set();
  #gradients: LlamaGradients | undefined;

  private constructor(
    config: LlamaConfig,
    weights: LlamaWeights,
    options: {
      device: Device;
      dtype: ModelDtype;
      recompute?: Recompute | undefined;
      inWindow?: ModelOptions['inWindow'];
      storedDtype?: StoredDtype;
      folder?: string;
    },
  ) {
    this.config = config;
    this.weights = weights;
    this.device = options.device;
    this.dtype = options.dtype;
    this.recompute = options.recompute ?? 'none';
    this.#inWindow = options.inWindow;
    this.storedDtype = options.storedDtype ?? options.dtype;
    this.folder = options.folder;
    this.hooks = new LayerHooks(config.numHiddenLayers);
    this.#passes = new Passes(this);
  }

  /**
   * Loads a Hugging Face folder, or a view of one that changes it while it is read. Without `dtype`, bfloat16
   * weights stay so and others become float32.
   *
   * @throws LeiaError see {@link Checkpoint.open}; `format` when a weight is not finite.
   */
  static async load(
    source: string | CheckpointView,
    options: ModelOptions = {},
  ): Promise<LlamaModel> {
    if (typeof source === 'string') {
      await using checkpoint = await Checkpoint.open(source);
      return await LlamaModel.load(checkpoint, options);
    }
    const model = LlamaModel.allocate(source, options);
    try {
      await loadWeights(source, model.weights.entries());
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** The model of a checkpoint, its weights allocated but not read; `loadWeights` reads them. */
  static allocate(
    { folder, config, dtype: storedDtype }: Omit<CheckpointView, 'read'>,
    options: ModelOptions = {},
  ): LlamaModel {
    const device = openDevice(options.device);
    const dtype = options.dtype ?? (storedDtype === 'bfloat16' ? 'bfloat16' : 'float32');
    const { recompute, inWindow } = options;
    const memory = { dtype, device, inWindow: inWindow?.parameters ?? false };
    const weights = new LlamaWeights(config, memory);
    const others = { device, dtype, recompute, inWindow, storedDtype, folder };
    return new LlamaModel(config, weights, others);
  }

  /** A model with random weights; see `initializeWeights`. */
  static initialize(
    config: LlamaConfig,
    options: ModelOptions & { readonly seed: number },
  ): LlamaModel {
    const device = openDevice(options.device);
    const { dtype = 'float32', seed, recompute } = options;
    const weights = initializeWeights(config, { dtype, device, seed });
    return new LlamaModel(config, weights, { device, dtype, recompute });
  }

  /** One parameter by its Hugging Face name: [out, in] or [hidden], dtype of the model. */
  parameter(name: string): Tensor {
    return this.weights.get(name);
  }

  /**
   * Its gradient: same shape, float32. With tied embeddings both parts are in the one tensor.
   *
   * @throws LeiaError `argument` if the parameter is frozen, or the model has none of the name.
   */
  gradient(name: string): Tensor {
    return this.gradients.get(name);
  }

  /** The gradients of all parameters that are not frozen; allocated, as zeros, when first asked for. */
  get gradients(): LlamaGradients {
    const memory = { device: this.device, inWindow: this.#inWindow?.gradients ?? false };
    this.#gradients ??= new LlamaGradients(this.config, { ...memory, frozen: this.#frozen });
    return this.#gradients;
  }

  /** The names of the parameters that do not train. */
  get frozen(): ReadonlySet<string> {
    return this.#frozen;
  }

  /**
   * Freezes parameters, all unless told which, beside those that are frozen already: they have no gradient and so no
   * optimiser state, and backward computes nothing for them alone. The gradients of the others stay the same, bit for bit.
   * Called before an optimiser is made, since gradients begin anew, as zeros.
   *
   * @param which names such as `model.norm.weight`, or patterns: `model.layers.0.*`.
   * @param options.except which of them go on training.
   * @throws LeiaError `argument` for a name or pattern that no parameter has.
   * @example
   * model.freeze('*', { except: ['model.embed_tokens.weight', 'lm_head.weight'] });
   */
  freeze(
    which: ParameterSelection = '*',
    options: { readonly except?: ParameterSelection } = {},
  ): this {
    const { except = [] } = options;
    const names = llamaParameters(this.config).map(({ name }) => name);
    const kept = selectParameters(names, except);
    const chosen = [...selectParameters(names, which)].filter((name) => !kept.has(name));
    this.#setFrozen([...this.#frozen, ...chosen]);
    return this;
  }

  /**
   * Lets frozen parameters train again, all unless told which. Gradients begin anew, as with {@link freeze}.
   *
   * @throws LeiaError `argument` for a name or pattern that no parameter has.
   */
  unfreeze(which: ParameterSelection = '*'): this {
    const names = llamaParameters(this.config).map(({ name }) => name);
    const chosen = selectParameters(names, which);
    this.#setFrozen([...this.#frozen].filter((name) => !chosen.has(name)));
    return this;
  }

  #setFrozen(names: readonly string[]): void {
    this.#frozen = new Set(names);
    this.#gradients?.[Symbol.dispose]();
    this.#gradients = undefined;
    this.#passes.forget();
  }

  /**
   * Calls functions at a point of layers, in every pass from now on: with the activation there, which they may change in
   * place, and in backward with its gradient. A backward calls the hooks that were there at its forward. Hooks are no part
   * of what {@link save} writes.
   *
   * @returns what removes the hook when it is disposed of.
   * @throws LeiaError `argument` for a point or a layer that there is none of.
   * @example
   * using hook = model.addHook({
   *   point: 'attentionOutput',
   *   layers: [3],
   *   forward: (activation) => ops.multiply({ a: activation, b: 0.5, output: activation }),
   *   backward: (gradient) => ops.multiply({ a: gradient, b: 0.5, output: gradient }),
   * });
   */
  addHook<Point extends LayerPoint>(hook: LayerHook<Point>): Disposable {
    return this.hooks.add(hook);
  }

  /**
   * What an optimiser needs: every parameter that is not frozen with its gradient, and whether weight decay applies to it.
   */
  trainableParameters(): TrainableParameter[] {
    return llamaParameters(this.config)
      .filter(({ name }) => !this.#frozen.has(name))
      .map(({ name, isNorm }) => ({
        name,
        parameter: this.parameter(name),
        gradient: this.gradient(name),
        decay: !isNorm,
      }));
  }

  /**
   * Allocates the gradients and the memory of a training step of this shape now, so that too little memory
   * shows at the start and not on the way; {@link bytes} then says what it takes.
   *
   * @throws LeiaError `argument` for more tokens than the model has positions, `execution` without memory.
   */
  reserve({ batch, sequence }: { batch: number; sequence: number }): void {
    this.#passes.reserve({ batch, sequence });
    void this.gradients;
  }

  /** Sets the gradients to zero, for the next step. */
  zeroGradients(): void {
    for (const [, output] of this.gradients.entries()) ops.fill({ output, value: 0 });
  }

  /**
   * Logits of every position and, with labels, the mean loss: position t predicts the label of t + 1, -100
   * asks for nothing. Only with labels can `backward` follow.
   *
   * @param inputIds rows of equal length, or an int32 tensor [batch, sequence]; or, instead of ids, the embeddings that
   *   tokens would have: float32 or bfloat16 [batch, sequence, hidden], as for a prompt that is learned.
   * @param labels as `inputIds`, not shifted.
   * @throws LeiaError `argument` for ids or labels outside the vocabulary, rows that differ in length, a
   *   sequence longer than `max_position_embeddings`, or labels that are all ignored.
   */
  forward(
    inputIds: TokenRows | Tensor,
    labels?: undefined,
    options?: ForwardOptions,
  ): ForwardResult;
  forward(inputIds: TokenRows | Tensor, labels: TokenRows, options?: ForwardOptions): LossResult;
  forward(
    inputIds: TokenRows | Tensor,
    labels?: TokenRows,
    options: ForwardOptions = {},
  ): ForwardResult | LossResult {
    return labels === undefined
      ? this.#passes.forward(inputIds, options)
      : this.#passes.forwardLoss(inputIds, labels, options);
  }

  /**
   * Adds the gradients of `scale` times the last loss to those of the parameters. The activations are used
   * up: each backward needs a forward of its own.
   *
   * @throws LeiaError `argument` if no forward with labels came before.
   */
  backward(options: BackwardOptions = {}): BackwardResult {
    return this.#passes.backward(options);
  }

  /**
   * `forward` with labels and `backward` in one, for training: the same loss and gradients, but the logits
   * exist for some rows at a time only, so that a large vocabulary does not fill the memory.
   *
   * @throws LeiaError as {@link LlamaModel.forward}.
   * @example
   * const { gradInputEmbeddings } = model.forwardBackward(ids, labels, { gradInputEmbeddings: true });
   */
  forwardBackward(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions & BackwardOptions & { readonly gradInputEmbeddings: true },
  ): Required<ForwardBackwardResult>;
  forwardBackward(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options?: ForwardOptions & BackwardOptions,
  ): ForwardBackwardResult;
  forwardBackward(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions & BackwardOptions = {},
  ): ForwardBackwardResult {
    return this.#passes.forwardBackward(inputIds, labels, options);
  }

  /**
   * The trunk of a training step's forward pass alone, to look at what it computes. What `recompute` names is there for
   * the last layer only; of layers that backward would not enter, nothing is.
   *
   * @throws LeiaError as {@link LlamaModel.forward}.
   */
  forwardActivations(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions = {},
  ): Activations {
    return this.#passes.forwardActivations(inputIds, labels, options);
  }

  /**
   * Writes a Hugging Face folder, with the tokenizer's files of the folder this was loaded from (or of
   * `companions`). Files of the same name in `files` take their place.
   *
   * @returns what rounding to the dtype took from the weights, if it could take anything.
   * @throws LeiaError `io`; `usage` for weights that float16 cannot hold. What was in the folder is then still there.
   */
  async save(folder: string, options: SaveModelOptions = {}): Promise<RoundingLoss | undefined> {
    return await saveModel(this, folder, options);
  }

  /** Bytes that are allocated now: weights, gradients, rotary tables, and what a pass of the last shape needs. */
  get bytes(): number {
    const parts = [this.weights, this.#gradients, this.#passes];
    return parts.reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
  }

  /** Rotary tables for at least so many positions: [positions, headDim / 2], float32. */
  ropeTables(positions: number): { readonly cos: Tensor; readonly sin: Tensor } {
    return this.#passes.ropeTables(positions);
  }

  /** Refuses sequences longer than the config's `max_position_embeddings`. */
  checkLength(sequence: number): void {
    checkLength(sequence, this.config);
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Frees its memory, as soon as no queued work needs it. */
  dispose(): void {
    this.#passes[Symbol.dispose]();
    this.#gradients?.[Symbol.dispose]();
    this.weights[Symbol.dispose]();
  }
}

function openDevice(device: Device | string | undefined): Device {
  return device instanceof Device ? device : Device.open(device);
}

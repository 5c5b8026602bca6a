// A LLaMA that can be called: weights on a device, planned memory, and the passes of `model.ts` over them.
// Calls queue their work and return at once; reading a tensor or `device.synchronize()` waits for it.
import { Device } from '../core/device.ts';
import type { Allocated } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type {
  Activations,
  KeptLogits,
  LossWorkspace,
  PassLayout,
  Purpose,
  Recompute,
} from './activations.ts';
import {
  type BackwardContext,
  backwardLoss,
  backwardTrunk,
  lossWithGradient,
  lowestTrained,
} from './backward.ts';
import {
  checkLabelTokens,
  checkLength,
  type PassInput,
  packDocumentStarts,
  packLabels,
  passInput,
  shiftLabels,
  type TokenBatch,
  type TokenRows,
} from './batch.ts';
import { Checkpoint, type CheckpointView } from './checkpoint.ts';
import type { LlamaConfig } from './config.ts';
import { type LayerHook, LayerHooks, type LayerPoint } from './hooks.ts';
import { initializeWeights, loadWeights } from './load-weights.ts';
import { forwardLoss, forwardTrunk, linear, type PassContext } from './model.ts';
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
import { PassMemory } from './pass-memory.ts';
import { type RoundingLoss, RoundingMeter } from './rounding.ts';
import { saveCheckpoint } from './save-checkpoint.ts';
import { type ParameterSelection, selectParameters } from './select-parameters.ts';
import { resolveDtype, type StoredDtype, storedValues } from './stored-values.ts';
import { LlamaGradients, LlamaWeights } from './weights.ts';

/** The last forward pass with labels, until its backward. */
interface PendingBackward {
  readonly context: Omit<BackwardContext, 'gradients'>;
  readonly activations: Activations;
  readonly loss: LossWorkspace;
  readonly labelTokens: number;
  readonly wantsEmbeddings: boolean;
}

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
  readonly #memory: PassMemory;
  #frozen: ReadonlySet<string> = new Set();
  #gradients: LlamaGradients | undefined;
  #pending: PendingBackward | undefined;

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
    this.#memory = new PassMemory(config, options.device);
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
    this.#pending = undefined;
  }

  /**
   * Calls functions at a point of layers, in every pass from now on: with the activation there, which they may change in
   * place, and in backward with its gradient. Hooks are no part of what {@link save} writes.
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
    this.checkLength(sequence);
    this.#plan({ batch, sequence }, 'step', {});
    this.ropeTables(sequence);
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
    if (labels === undefined) {
      const input = passInput(inputIds, this.config);
      const starts = options.documentStarts && packDocumentStarts(options.documentStarts, input);
      const pass = this.#plan(input, 'logits', options);
      const { activations } = pass;
      const logits = pass.logits as Tensor;
      forwardTrunk(this.#context(pass, input, starts), this.weights, activations);
      linear(activations.final, this.weights.head, logits);
      return { logits };
    }
    const step = this.#forwardTrunk('forward', inputIds, labels, options);
    const { activations, loss } = step;
    const kept = loss.kept as KeptLogits;
    forwardLoss(this.weights, activations, loss, kept);
    this.#pending = step;
    return { logits: kept.byPosition, loss: loss.lossValue };
  }

  /**
   * Adds the gradients of `scale` times the last loss to those of the parameters. The activations are used
   * up: each backward needs a forward of its own.
   *
   * @throws LeiaError `argument` if no forward with labels came before.
   */
  backward({ scale = 1 }: BackwardOptions = {}): BackwardResult {
    const pending = this.#pending;
    const kept = pending?.loss.kept;
    if (pending === undefined || kept === undefined) {
      throw new LeiaError(
        'argument',
        'backward: call forward with labels first, once for each backward',
      );
    }
    this.#pending = undefined;
    const { context, activations, loss, labelTokens } = pending;
    const backward = { ...context, gradients: this.gradients };
    backwardLoss(backward, this.weights, activations, loss, kept, scale / labelTokens);
    backwardTrunk(backward, this.weights, activations, loss.gradients);
    return { gradInputEmbeddings: pending.wantsEmbeddings ? loss.gradients.embedded : undefined };
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
    const { scale = 1, gradInputEmbeddings } = options;
    const step = this.#forwardTrunk('step', inputIds, labels, options);
    const { context, activations, loss, labelTokens } = step;
    const backward = { ...context, gradients: this.gradients };
    const logits = loss.logitsChunk as Tensor;
    lossWithGradient(backward, this.weights, activations, loss, logits, scale / labelTokens);
    backwardTrunk(backward, this.weights, activations, loss.gradients);
    return {
      loss: loss.lossValue,
      ...(gradInputEmbeddings && { gradInputEmbeddings: loss.gradients.embedded }),
    };
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
    return this.#forwardTrunk('step', inputIds, labels, options).activations;
  }

  /** Everything up to `activations.final`, with the labels in place. */
  #forwardTrunk(
    purpose: 'forward' | 'step',
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions,
  ) {
    const input = passInput(inputIds, this.config);
    const packed = packLabels(labels, input, this.config.vocabSize);
    const labelTokens = checkLabelTokens(labels, options.labelTokens);
    const starts = options.documentStarts && packDocumentStarts(options.documentStarts, input);
    const pass = this.#plan(input, purpose, options);
    const { activations } = pass;
    const loss = pass.loss as LossWorkspace;
    const context = { ...this.#context(pass, input, starts), lowest: this.#lowest(options) };
    forwardTrunk(context, this.weights, activations);
    loss.labels.write(shiftLabels(packed));
    ops.fill({ output: loss.rowWeights, value: 1 / labelTokens });
    const wantsEmbeddings = options.gradInputEmbeddings === true;
    return { context, activations, loss, labelTokens, wantsEmbeddings };
  }

  /**
   * Writes a Hugging Face folder, with the tokenizer's files of the folder this was loaded from (or of
   * `companions`). Files of the same name in `files` take their place.
   *
   * @returns what rounding to the dtype took from the weights, if it could take anything.
   * @throws LeiaError `io`; `usage` for weights that float16 cannot hold. What was in the folder is then still there.
   */
  async save(folder: string, options: SaveModelOptions = {}): Promise<RoundingLoss | undefined> {
    const { masters, before, companions = this.folder, files = new Map() } = options;
    const dtype = resolveDtype(options.dtype, this.storedDtype);
    const { parameters = (name) => this.parameter(name).readBits() } = options;
    const parameter = async (name: string) => storedValues(this.dtype, await parameters(name));
    const exact = async (name: string) =>
      masters ? storedValues('float32', await masters(name)) : await parameter(name);
    // A bfloat16 parameter is its master, rounded: written as it is, it is what training computed with.
    const asTrained = dtype === this.dtype;
    const isExact = dtype === 'float32' || (asTrained && masters === undefined);
    const rounding = new RoundingMeter(dtype);
    await saveCheckpoint(folder, {
      config: this.config,
      dtype,
      companions,
      files,
      read: asTrained ? parameter : exact,
      onWrite: async (name, read, written) => {
        if (isExact) return;
        await rounding.add(asTrained ? await exact(name) : read, written, await before?.read(name));
      },
    });
    return isExact ? undefined : rounding.loss;
  }

  /** Bytes that are allocated now: weights, gradients, rotary tables, and what a pass of the last shape needs. */
  get bytes(): number {
    const parts = [this.weights, this.#gradients, this.#memory];
    return parts.reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
  }

  /** Rotary tables for at least so many positions: [positions, headDim / 2], float32. */
  ropeTables(positions: number): { readonly cos: Tensor; readonly sin: Tensor } {
    return this.#memory.ropeTables(positions);
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
    this.#pending = undefined;
    this.#memory[Symbol.dispose]();
    this.#gradients?.[Symbol.dispose]();
    this.weights[Symbol.dispose]();
  }

  #plan(
    { batch, sequence }: { readonly batch: number; readonly sequence: number },
    purpose: Purpose,
    options: ForwardOptions,
  ): Allocated<PassLayout> {
    this.#pending = undefined;
    const { dtype, recompute } = this;
    const lowest = this.#lowest(options);
    return this.#memory.plan({ batch, sequence, dtype, recompute, lowest }, purpose);
  }

  /** The lowest part that backward enters. */
  #lowest({ gradInputEmbeddings = false }: ForwardOptions): number {
    if (gradInputEmbeddings) return -1;
    return Math.min(lowestTrained(this.config, this.#frozen), this.hooks.lowest);
  }

  #context(pass: Allocated<PassLayout>, input: PassInput, starts?: TokenBatch): PassContext {
    const { ids, embeddings } = input;
    return {
      config: this.config,
      ids: ids instanceof Int32Array ? pass.ids.write(ids) : ids,
      embeddings,
      hooks: this.hooks,
      ...this.ropeTables(input.sequence),
      documentStarts: starts && pass.documentStarts.write(starts.values),
      listener: this.listener,
    };
  }
}

function openDevice(device: Device | string | undefined): Device {
  return device instanceof Device ? device : Device.open(device);
}

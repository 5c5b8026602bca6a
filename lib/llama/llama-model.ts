// A LLaMA that can be called: weights on a device, planned memory, and the passes of `model.ts` over them.
// Calls queue their work and return at once; reading a tensor or `device.synchronize()` waits for it.
import { Device } from '../core/device.ts';
import { type Allocated, type Allocation, allocate } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import {
  type Activations,
  type KeptLogits,
  type LossWorkspace,
  type PassLayout,
  type Purpose,
  passLayout,
  type Recompute,
} from './activations.ts';
import {
  countLabelTokens,
  packDocumentStarts,
  packIds,
  packLabels,
  shiftLabels,
  type TokenBatch,
  type TokenRows,
} from './batch.ts';
import { Checkpoint, type CheckpointView } from './checkpoint.ts';
import type { LlamaConfig } from './config.ts';
import { initializeWeights, loadWeights } from './load-weights.ts';
import {
  backwardLoss,
  backwardTrunk,
  forwardLoss,
  forwardTrunk,
  linear,
  lossWithGradient,
  type PassContext,
} from './model.ts';
import { llamaParameters, type TrainableParameter } from './parameters.ts';
import { ropeLayout, ropeTables } from './rope.ts';
import { type RoundingLoss, RoundingMeter } from './rounding.ts';
import { saveCheckpoint } from './save-checkpoint.ts';
import { resolveDtype, type SaveDtype, type StoredDtype, storedValues } from './stored-values.ts';
import { LlamaWeights } from './weights.ts';

export type ModelDtype = 'float32' | 'bfloat16';

export interface ModelOptions {
  /** Where the model lives; `cpu` unless said otherwise. */
  readonly device?: Device | string;
  /** What weights and activations are stored in. Gradients, norms, softmax and losses are float32 always. */
  readonly dtype?: ModelDtype;
  /** What backward computes again, to take less memory: the gradients stay the same, bit for bit. Nothing by default. */
  readonly recompute?: Recompute;
}

export interface SaveModelOptions {
  /** The dtype of the written weights. `base`, the default, is the {@link LlamaModel.storedDtype}. */
  readonly dtype?: SaveDtype;
  /** The float32 values behind bfloat16 parameters ({@link AdamW.master}); the parameters themselves unless given. */
  readonly masters?: (name: string) => Promise<Float32Array>;
  /** The weights before training, to tell how much of the update rounding takes. */
  readonly before?: CheckpointView;
  readonly companions?: string | undefined;
  readonly files?: ReadonlyMap<string, string>;
}

export interface ForwardOptions {
  /**
   * How many label tokens the loss is averaged over: those of this batch, or, when a batch is computed in
   * parts, those of all parts together ({@link countLabelTokens}). The parts' losses and gradients then add up to the
   * batch's.
   */
  readonly labelTokens?: number;
  /** For every position the first position of its document in the row; tokens see only their document. */
  readonly documentStarts?: TokenRows;
}

/** Tensors in the model's own memory: the next `forward` overwrites them. */
export interface ForwardResult {
  /** [batch, sequence, vocab], dtype of the model. */
  readonly logits: Tensor;
}

export interface LossResult extends ForwardResult {
  /** [1], float32. */
  readonly loss: Tensor;
}

/** The last forward pass with labels, until its backward. */
interface PendingBackward {
  readonly context: PassContext;
  readonly labelTokens: number;
}

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
  #gradients: LlamaWeights | undefined;
  #pass: (Allocation<PassLayout> & { readonly purpose: Purpose }) | undefined;
  #rope: Allocation<ReturnType<typeof ropeLayout>> | undefined;
  #pending: PendingBackward | undefined;

  private constructor(
    config: LlamaConfig,
    weights: LlamaWeights,
    options: {
      device: Device;
      dtype: ModelDtype;
      recompute?: Recompute | undefined;
      storedDtype?: StoredDtype;
      folder?: string;
    },
  ) {
    this.config = config;
    this.weights = weights;
    this.device = options.device;
    this.dtype = options.dtype;
    this.recompute = options.recompute ?? 'none';
    this.storedDtype = options.storedDtype ?? options.dtype;
    this.folder = options.folder;
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
      await loadWeights(source, model.weights);
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** The model of a checkpoint, its weights allocated but not read; {@link loadWeights} reads them. */
  static allocate(
    { folder, config, dtype: storedDtype }: Omit<CheckpointView, 'read'>,
    options: ModelOptions = {},
  ): LlamaModel {
    const device = openDevice(options.device);
    const dtype = options.dtype ?? (storedDtype === 'bfloat16' ? 'bfloat16' : 'float32');
    const weights = new LlamaWeights(config, { dtype, device });
    const { recompute } = options;
    return new LlamaModel(config, weights, { device, dtype, recompute, storedDtype, folder });
  }

  /** A model with random weights; see {@link initializeWeights}. */
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

  /** Its gradient: same shape, float32. With tied embeddings both parts are in the one tensor. */
  gradient(name: string): Tensor {
    return this.gradients.get(name);
  }

  /** The gradients of all parameters; allocated, as zeros, when first asked for. */
  get gradients(): LlamaWeights {
    if (this.#gradients === undefined) {
      const { device } = this;
      this.#gradients = new LlamaWeights(this.config, { dtype: 'float32', device });
      this.zeroGradients();
    }
    return this.#gradients;
  }

  /** What an optimiser needs: every parameter with its gradient, and whether weight decay applies to it. */
  trainableParameters(): TrainableParameter[] {
    return llamaParameters(this.config).map(({ name, isNorm }) => ({
      name,
      parameter: this.parameter(name),
      gradient: this.gradient(name),
      decay: !isNorm,
    }));
  }

  /**
   * Allocates the gradients and the memory of a training step of this shape now, so that too little memory
   * shows at the start and not on the way; {@link bytes} then says what it takes.
   */
  reserve({ batch, sequence }: { batch: number; sequence: number }): void {
    this.checkLength(sequence);
    this.#plan(batch, sequence, 'step');
    this.ropeTables(sequence);
    void this.gradients;
  }

  zeroGradients(): void {
    for (const [, output] of this.gradients.entries()) ops.fill({ output, value: 0 });
  }

  /**
   * Logits of every position and, with labels, the mean loss: position t predicts the label of t + 1, -100
   * asks for nothing. Only with labels can `backward` follow.
   *
   * @param inputIds rows of equal length, or an int32 tensor [batch, sequence].
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
      const ids = this.#checkIds(inputIds);
      const starts = options.documentStarts && packDocumentStarts(options.documentStarts, ids);
      const pass = this.#plan(ids.batch, ids.sequence, 'logits');
      const { activations } = pass;
      const logits = pass.logits as Tensor;
      forwardTrunk(this.#context(pass, ids, inputIds, starts), this.weights, activations);
      linear(activations.final, this.weights.head, logits);
      return { logits };
    }
    const { context, activations, loss, labelTokens } = this.#forwardTrunk(
      'forward',
      inputIds,
      labels,
      options,
    );
    const kept = loss.kept as KeptLogits;
    forwardLoss(this.weights, activations, loss, kept);
    this.#pending = { context, labelTokens };
    return { logits: kept.byPosition, loss: loss.lossValue };
  }

  /**
   * Adds the gradients of `scale` times the last loss to those of the parameters. The activations are used
   * up: each backward needs a forward of its own.
   */
  backward({ scale = 1 }: { scale?: number } = {}): void {
    const pending = this.#pending;
    const { activations, loss } = this.#pass?.tensors ?? {};
    if (pending === undefined || activations === undefined || loss?.kept === undefined) {
      throw new LeiaError(
        'argument',
        'backward: call forward with labels first, once for each backward',
      );
    }
    this.#pending = undefined;
    const { weights, gradients } = this;
    const perToken = scale / pending.labelTokens;
    backwardLoss(weights, gradients, activations, loss, loss.kept, perToken);
    backwardTrunk(pending.context, weights, gradients, activations, loss.gradients);
  }

  /**
   * `forward` with labels and `backward` in one, for training: the same loss and gradients, but the logits
   * exist for some rows at a time only, so that a large vocabulary does not fill the memory.
   *
   * @throws LeiaError as {@link LlamaModel.forward}.
   */
  forwardBackward(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions & { readonly scale?: number } = {},
  ): { readonly loss: Tensor } {
    const { scale = 1 } = options;
    const step = this.#forwardTrunk('step', inputIds, labels, options);
    const { context, activations, loss, labelTokens } = step;
    const { weights, gradients } = this;
    const logits = loss.logitsChunk as Tensor;
    lossWithGradient(weights, gradients, activations, loss, logits, scale / labelTokens);
    backwardTrunk(context, weights, gradients, activations, loss.gradients);
    return { loss: loss.lossValue };
  }

  /**
   * The trunk of a training step's forward pass alone, to look at what it computes. What `recompute` names is there for
   * the last layer only.
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
    const ids = this.#checkIds(inputIds);
    const packed = packLabels(labels, ids, this.config.vocabSize);
    const labelTokens = checkLabelTokens(labels, options.labelTokens);
    const starts = options.documentStarts && packDocumentStarts(options.documentStarts, ids);
    const pass = this.#plan(ids.batch, ids.sequence, purpose);
    const { activations } = pass;
    const loss = pass.loss as LossWorkspace;
    const context = this.#context(pass, ids, inputIds, starts);
    forwardTrunk(context, this.weights, activations);
    loss.labels.write(shiftLabels(packed));
    ops.fill({ output: loss.rowWeights, value: 1 / labelTokens });
    return { context, activations, loss, labelTokens };
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
    const parameter = async (name: string) =>
      storedValues(this.dtype, await this.parameter(name).readBits());
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
    const parts = [this.weights, this.#gradients, this.#rope, this.#pass];
    return parts.reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
  }

  /** Rotary tables for at least so many positions: [positions, headDim / 2], float32. */
  ropeTables(positions: number): { readonly cos: Tensor; readonly sin: Tensor } {
    const [held = 0] = this.#rope?.tensors.cos.shape ?? [];
    if (this.#rope !== undefined && held >= positions) return this.#rope.tensors;
    // A backward pass may still need the shorter tables: the garbage collector frees them.
    this.#rope = allocate(ropeLayout(this.config, positions), this.device);
    const { tensors } = this.#rope;
    const { cos, sin } = ropeTables(this.config.rope, this.config.headDim, positions);
    tensors.cos.write(cos);
    tensors.sin.write(sin);
    return tensors;
  }

  /** Refuses sequences longer than the config's `max_position_embeddings`. */
  checkLength(sequence: number): void {
    const { maxPositionEmbeddings } = this.config;
    if (sequence > maxPositionEmbeddings) {
      throw new LeiaError(
        'argument',
        `a sequence of ${sequence} tokens is longer than the model's max_position_embeddings ${maxPositionEmbeddings}; shorten it, or raise that value in config.json if the model can take it`,
      );
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  dispose(): void {
    this.#freePlan();
    this.#rope?.[Symbol.dispose]();
    this.#gradients?.[Symbol.dispose]();
    this.weights[Symbol.dispose]();
  }

  #checkIds(inputIds: TokenRows | Tensor): TokenBatch {
    if (!(inputIds instanceof Tensor)) {
      const ids = packIds(inputIds, this.config.vocabSize);
      this.checkLength(ids.sequence);
      return ids;
    }
    const [batch = 0, sequence = 0, ...rest] = inputIds.shape;
    if (inputIds.dtype !== 'int32' || sequence === 0 || rest.length > 0) {
      throw new LeiaError(
        'argument',
        `inputIds: a ${inputIds.dtype} tensor of shape [${inputIds.shape.join(', ')}], expected int32 [batch, sequence]`,
      );
    }
    this.checkLength(sequence);
    return { batch, sequence, values: new Int32Array(0) };
  }

  /** The memory for this shape: what is there if it fits exactly, otherwise new. */
  #plan(batch: number, sequence: number, purpose: Purpose): Allocated<PassLayout> {
    this.#pending = undefined;
    const [heldBatch, heldSequence] = this.#pass?.tensors.ids.shape ?? [];
    const fits = heldBatch === batch && heldSequence === sequence;
    if (this.#pass !== undefined && fits && this.#pass.purpose === purpose) {
      return this.#pass.tensors;
    }
    this.#freePlan();
    const { dtype, recompute } = this;
    const layout = passLayout(this.config, { batch, sequence, dtype, recompute }, purpose);
    this.#pass = { ...allocate(layout, this.device), purpose };
    return this.#pass.tensors;
  }

  #freePlan(): void {
    this.#pass?.[Symbol.dispose]();
    this.#pass = undefined;
    this.#pending = undefined;
  }

  #context(
    pass: Allocated<PassLayout>,
    ids: TokenBatch,
    given: TokenRows | Tensor,
    starts?: TokenBatch,
  ): PassContext {
    return {
      config: this.config,
      ids: given instanceof Tensor ? given : pass.ids.write(ids.values),
      ...this.ropeTables(ids.sequence),
      documentStarts: starts && pass.documentStarts.write(starts.values),
    };
  }
}

function openDevice(device: Device | string | undefined): Device {
  return device instanceof Device ? device : Device.open(device);
}

function checkLabelTokens(labels: TokenRows, given: number | undefined): number {
  const count = given ?? countLabelTokens(labels);
  if (Number.isInteger(count) && count > 0) return count;
  throw new LeiaError(
    'argument',
    given === undefined
      ? 'labels: every label is ignored or has no token before it, there is nothing to learn'
      : `labelTokens: ${given}, expected a positive whole number`,
  );
}

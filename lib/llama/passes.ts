// The passes of a model over its memory: what `LlamaModel` offers, from checked arguments to the operations of `model.ts` and
// `backward.ts`. Memory is planned for a shape and a purpose, and kept for the next pass of both.
import type { Allocated } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type { Activations, KeptLogits, LossWorkspace, PassLayout, Purpose } from './activations.ts';
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
import type { LlamaModel } from './llama-model.ts';
import { forwardLoss, forwardTrunk, linear, type PassContext } from './model.ts';
import type {
  BackwardOptions,
  BackwardResult,
  ForwardBackwardResult,
  ForwardOptions,
  ForwardResult,
  LossResult,
} from './model-options.ts';
import { PassMemory } from './pass-memory.ts';

/** A trunk's forward pass with labels, for the backward that may follow. */
interface Step {
  readonly context: Omit<BackwardContext, 'gradients'>;
  readonly activations: Activations;
  readonly loss: LossWorkspace;
  readonly labelTokens: number;
  readonly wantsEmbeddings: boolean;
}

export class Passes implements Disposable {
  readonly #model: LlamaModel;
  readonly #memory: PassMemory;
  /** The last forward pass with labels, until its backward. */
  #pending: Step | undefined;

  constructor(model: LlamaModel) {
    this.#model = model;
    this.#memory = new PassMemory(model.config, model.device);
  }

  /** See {@link LlamaModel.reserve}. */
  reserve(shape: { readonly batch: number; readonly sequence: number }): void {
    checkLength(shape.sequence, this.#model.config);
    this.#plan(shape, 'step', this.#lowest({}));
    this.ropeTables(shape.sequence);
  }

  /** See {@link LlamaModel.forward}. */
  forward(inputIds: TokenRows | Tensor, options: ForwardOptions): ForwardResult {
    const { weights, config } = this.#model;
    const input = passInput(inputIds, config);
    const starts = startsOf(options, input);
    const pass = this.#plan(input, 'logits');
    const logits = pass.logits as Tensor;
    forwardTrunk(this.#context(pass, input, starts), weights, pass.activations);
    linear(pass.activations.final, weights.head, logits);
    return { logits };
  }

  /** See {@link LlamaModel.forward}. */
  forwardLoss(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions,
  ): LossResult {
    const step = this.#forwardTrunk('forward', inputIds, labels, options);
    const kept = step.loss.kept as KeptLogits;
    forwardLoss(this.#model.weights, step.activations, step.loss, kept);
    this.#pending = step;
    return { logits: kept.byPosition, loss: step.loss.lossValue };
  }

  /** See {@link LlamaModel.backward}. */
  backward({ scale = 1 }: BackwardOptions): BackwardResult {
    const pending = this.#pending;
    if (pending === undefined) {
      throw new LeiaError(
        'argument',
        'backward: call forward with labels first, once for each backward',
      );
    }
    this.#pending = undefined;
    const { context, activations, loss, labelTokens } = pending;
    const { weights, gradients } = this.#model;
    const backward = { ...context, gradients };
    const kept = loss.kept as KeptLogits;
    backwardLoss(backward, weights, activations, loss, kept, scale / labelTokens);
    backwardTrunk(backward, weights, activations, loss.gradients);
    return { gradInputEmbeddings: pending.wantsEmbeddings ? loss.gradients.embedded : undefined };
  }

  /** See {@link LlamaModel.forwardBackward}. */
  forwardBackward(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions & BackwardOptions,
  ): ForwardBackwardResult {
    const step = this.#forwardTrunk('step', inputIds, labels, options);
    const { context, activations, loss, labelTokens, wantsEmbeddings } = step;
    const { weights, gradients } = this.#model;
    const backward = { ...context, gradients };
    const logits = loss.logitsChunk as Tensor;
    const { scale = 1 } = options;
    lossWithGradient(backward, weights, activations, loss, logits, scale / labelTokens);
    backwardTrunk(backward, weights, activations, loss.gradients);
    return {
      loss: loss.lossValue,
      ...(wantsEmbeddings && { gradInputEmbeddings: loss.gradients.embedded }),
    };
  }

  /** See {@link LlamaModel.forwardActivations}. */
  forwardActivations(
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions,
  ): Activations {
    return this.#forwardTrunk('step', inputIds, labels, options).activations;
  }

  /** See {@link LlamaModel.ropeTables}. */
  ropeTables(positions: number): { readonly cos: Tensor; readonly sin: Tensor } {
    return this.#memory.ropeTables(positions);
  }

  /** Of what the last pass used, and of the rotary tables. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** No backward can follow the last forward pass any more. */
  forget(): void {
    this.#pending = undefined;
  }

  [Symbol.dispose](): void {
    this.forget();
    this.#memory[Symbol.dispose]();
  }

  /** Everything up to `activations.final`, with the labels in place. */
  #forwardTrunk(
    purpose: 'forward' | 'step',
    inputIds: TokenRows | Tensor,
    labels: TokenRows,
    options: ForwardOptions,
  ): Step {
    const { config, weights } = this.#model;
    const input = passInput(inputIds, config);
    const packed = packLabels(labels, input, config.vocabSize);
    const labelTokens = checkLabelTokens(labels, options.labelTokens);
    const starts = startsOf(options, input);
    const lowest = this.#lowest(options);
    const pass = this.#plan(input, purpose, lowest);
    const { activations } = pass;
    const loss = pass.loss as LossWorkspace;
    const context = { ...this.#context(pass, input, starts), lowest };
    forwardTrunk(context, weights, activations);
    loss.labels.write(shiftLabels(packed));
    ops.fill({ output: loss.rowWeights, value: 1 / labelTokens });
    const wantsEmbeddings = options.gradInputEmbeddings === true;
    return { context, activations, loss, labelTokens, wantsEmbeddings };
  }

  #plan(
    { batch, sequence }: { readonly batch: number; readonly sequence: number },
    purpose: Purpose,
    lowest?: number,
  ): Allocated<PassLayout> {
    this.forget();
    const { dtype, recompute } = this.#model;
    return this.#memory.plan({ batch, sequence, dtype, recompute, lowest }, purpose);
  }

  /** The lowest part that backward enters. */
  #lowest({ gradInputEmbeddings = false }: ForwardOptions): number {
    if (gradInputEmbeddings) return -1;
    const { config, frozen, hooks } = this.#model;
    return Math.min(lowestTrained(config, frozen), hooks.lowest);
  }

  #context(
    pass: Allocated<PassLayout>,
    input: PassInput,
    starts: TokenBatch | undefined,
  ): PassContext {
    const { config, hooks, listener } = this.#model;
    const { ids, embeddings, sequence } = input;
    return {
      config,
      ids: ids instanceof Int32Array ? pass.ids.write(ids) : ids,
      embeddings,
      hooks: hooks.snapshot(),
      listener,
      ...this.ropeTables(sequence),
      documentStarts: starts && pass.documentStarts.write(starts.values),
    };
  }
}

function startsOf({ documentStarts }: ForwardOptions, input: PassInput): TokenBatch | undefined {
  return documentStarts && packDocumentStarts(documentStarts, input);
}

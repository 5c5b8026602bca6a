// One optimiser step: a batch goes through the model in micro-batches whose gradients add up, then the
// gradient is clipped and AdamW moves the parameters. The next micro-batch is queued before the loss of the
// one before is awaited, so the device never waits for the host.
import { type Allocation, allocate, TensorLayout } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { Sequence } from '../leia/packing.ts';
import { countLabelTokens } from '../llama/batch.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import type { AdamW } from './adamw.ts';
import { findNonFinite, NonFiniteError } from './non-finite.ts';
import { learningRateAt } from './schedule.ts';
import type { CompleteSettings } from './settings.ts';

export interface StepResult {
  /** Mean cross-entropy in nats per label token, before the update. */
  loss: number;
  learningRate: number;
  /** Global L2 norm before clipping. */
  gradientNorm: number;
}

/** What clipping needs, float32 [1] each. */
export const clippingLayout = {
  norm: new TensorLayout([1], 'float32'),
  scale: new TensorLayout([1], 'float32'),
};

export class TrainingStep implements Disposable {
  readonly #model: LlamaModel;
  readonly #optimizer: AdamW;
  readonly #settings: CompleteSettings;
  readonly #clipping: Allocation<typeof clippingLayout>;

  constructor(model: LlamaModel, optimizer: AdamW, settings: CompleteSettings) {
    this.#model = model;
    this.#optimizer = optimizer;
    this.#settings = settings;
    this.#clipping = allocate(clippingLayout, model.device);
  }

  /**
   * Makes the step. When it throws, neither parameters nor optimiser have changed.
   *
   * @param batch rows, with at least one label among them.
   * @param beforeMicroBatch is called before each micro-batch with the number of sequences queued so far; it may throw
   *   to abandon the step.
   * @throws NonFiniteError when the loss or the gradient is not finite, saying where that began.
   */
  async run(
    batch: readonly Sequence[],
    beforeMicroBatch: (sequences: number) => void,
  ): Promise<StepResult> {
    const step = this.#optimizer.stepCount;
    const loss = await this.#accumulateGradients(batch, beforeMicroBatch);
    const gradientNorm = await this.#gradientNorm();
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw await this.#nonFinite(batch, loss, gradientNorm);
    }
    const learningRate = learningRateAt(step, this.#settings);
    this.#optimizer.step({ learningRate, gradientScale: this.#clipping.tensors.scale });
    return { loss, learningRate, gradientNorm };
  }

  async #accumulateGradients(
    batch: readonly Sequence[],
    beforeMicroBatch: (sequences: number) => void,
  ): Promise<number> {
    const { microBatchSize } = this.#settings;
    const microBatches = cut(batch, microBatchSize);
    const options = this.#passOptions(batch, microBatches.length);
    let sum = 0;
    let previous: Promise<Float32Array> | undefined;
    this.#model.zeroGradients();
    for (const [index, { rows }] of microBatches.entries()) {
      beforeMicroBatch(index * microBatchSize);
      const { loss: micro } = this.#model.forwardBackward(...this.#passOf(rows, options));
      const loss = micro.readFloats();
      // If an earlier one rejects, this one is never awaited, and the step fails all the same.
      loss.catch(() => {});
      if (previous !== undefined) sum += (await previous)[0]! * options.scale;
      previous = loss;
    }
    return sum + (await previous!)[0]! * options.scale;
  }

  /** What decides how much a micro-batch's loss counts. */
  #passOptions(batch: readonly Sequence[], microBatches: number): PassOptions {
    return this.#settings.lossAverage === 'micro-batches'
      ? { scale: 1 / microBatches }
      : { scale: 1, labelTokens: countLabels(batch) };
  }

  /** The arguments of the model's passes. */
  #passOf(rows: readonly Sequence[], options: PassOptions) {
    const documentStarts = this.#settings.documentMask && {
      documentStarts: rows.map((row) => row.documentStarts),
    };
    return [
      rows.map(({ inputIds }) => inputIds),
      rows.map(({ labels }) => labels),
      { ...options, ...documentStarts },
    ] as const;
  }

  /** The norm of all gradients, and in `scale` what they are to be multiplied by. */
  async #gradientNorm(): Promise<number> {
    const gradients = this.#optimizer.parameters.map(({ gradient }) => gradient);
    const { norm, scale } = this.#clipping.tensors;
    ops.gradientNorm({ gradients, maxNorm: this.#settings.maxGradientNorm, norm, scale });
    return (await norm.readFloats())[0] as number;
  }

  /** Computes the step again to find where what is not finite comes from. */
  async #nonFinite(
    batch: readonly Sequence[],
    loss: number,
    gradientNorm: number,
  ): Promise<NonFiniteError> {
    const model = this.#model;
    const microBatches = cut(batch, this.#settings.microBatchSize);
    const options = this.#passOptions(batch, microBatches.length);
    const { where, lasting } = await findNonFinite({
      parameters: this.#optimizer.parameters,
      microBatches: microBatches.map(({ number, rows }) => ({
        number,
        forward: () => model.forwardActivations(...this.#passOf(rows, options)),
        forwardBackward: () => model.forwardBackward(...this.#passOf(rows, options)).loss,
      })),
      microBatchCount: batch.length / this.#settings.microBatchSize,
      zeroGradients: () => model.zeroGradients(),
      gradientNorm: () => this.#gradientNorm(),
    });
    const what = Number.isFinite(loss) ? `gradient norm is ${gradientNorm}` : `loss is ${loss}`;
    return new NonFiniteError(
      `step ${this.#optimizer.stepCount + 1}: the ${what}, ${where}; a lower learning rate, warm-up steps or dtype float32 may help`,
      lasting,
    );
  }

  get bytes(): number {
    return this.#clipping.bytes;
  }

  [Symbol.dispose](): void {
    this.#clipping[Symbol.dispose]();
  }
}

interface PassOptions {
  readonly scale: number;
  readonly labelTokens?: number;
}

/** Micro-batches, numbered from 1. One without a label has no mean and adds no gradient, so it is left out. */
function cut(
  batch: readonly Sequence[],
  size: number,
): { readonly number: number; readonly rows: readonly Sequence[] }[] {
  const pieces = Array.from({ length: batch.length / size }, (_, i) => ({
    number: i + 1,
    rows: batch.slice(i * size, (i + 1) * size),
  }));
  return pieces.filter(({ rows }) => countLabels(rows) > 0);
}

function countLabels(rows: readonly Sequence[]): number {
  return countLabelTokens(rows.map(({ labels }) => labels));
}

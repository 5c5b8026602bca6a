// One optimiser step: a batch goes through the model in micro-batches whose gradients add up, then the
// gradient is clipped and AdamW moves the parameters. The next micro-batch is queued before the loss of the
// one before is awaited, so the device never waits for the host.
import { type Allocation, allocate, TensorLayout } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { Sequence } from '../leia/packing.ts';
import { countLabelTokens } from '../llama/batch.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import { LeiaError } from '../system/error.ts';
import type { AdamW } from './adamw.ts';
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
   * @throws LeiaError `execution` when the loss or the gradient is not finite.
   */
  async run(
    batch: readonly Sequence[],
    beforeMicroBatch: (sequences: number) => void,
  ): Promise<StepResult> {
    const step = this.#optimizer.stepCount;
    const { maxGradientNorm } = this.#settings;
    const loss = await this.#accumulateGradients(batch, beforeMicroBatch);
    const gradients = this.#optimizer.parameters.map(({ gradient }) => gradient);
    const { norm, scale } = this.#clipping.tensors;
    ops.gradientNorm({ gradients, maxNorm: maxGradientNorm, norm, scale });
    const [gradientNorm] = (await norm.readFloats()) as unknown as [number];
    checkFinite(step + 1, loss, gradientNorm);
    const learningRate = learningRateAt(step, this.#settings);
    this.#optimizer.step({ learningRate, gradientScale: scale });
    return { loss, learningRate, gradientNorm };
  }

  async #accumulateGradients(
    batch: readonly Sequence[],
    beforeMicroBatch: (sequences: number) => void,
  ): Promise<number> {
    const { microBatchSize, lossAverage, documentMask } = this.#settings;
    const model = this.#model;
    const ofMicroBatches = lossAverage === 'micro-batches';
    const microBatches = cut(batch, microBatchSize);
    const scale = ofMicroBatches ? 1 / microBatches.length : 1;
    const labelTokens = countLabels(batch);
    let sum = 0;
    let previous: Promise<Float32Array> | undefined;
    model.zeroGradients();
    for (const [index, rows] of microBatches.entries()) {
      beforeMicroBatch(index * microBatchSize);
      const { loss: micro } = model.forwardBackward(
        rows.map(({ inputIds }) => inputIds),
        rows.map(({ labels }) => labels),
        {
          scale,
          ...(!ofMicroBatches && { labelTokens }),
          ...(documentMask && { documentStarts: rows.map((row) => row.documentStarts) }),
        },
      );
      const loss = micro.readFloats();
      // If an earlier one rejects, this one is never awaited, and the step fails all the same.
      loss.catch(() => {});
      if (previous !== undefined) sum += (await previous)[0]! * scale;
      previous = loss;
    }
    return sum + (await previous!)[0]! * scale;
  }

  get bytes(): number {
    return this.#clipping.bytes;
  }

  [Symbol.dispose](): void {
    this.#clipping[Symbol.dispose]();
  }
}

/** Micro-batches. One without a label has no mean and adds no gradient, so it is left out. */
function cut(batch: readonly Sequence[], size: number): (readonly Sequence[])[] {
  const pieces = Array.from({ length: batch.length / size }, (_, i) =>
    batch.slice(i * size, (i + 1) * size),
  );
  return pieces.filter((rows) => countLabels(rows) > 0);
}

function countLabels(rows: readonly Sequence[]): number {
  return countLabelTokens(rows.map(({ labels }) => labels));
}

function checkFinite(step: number, loss: number, gradientNorm: number): void {
  for (const [what, value] of [
    ['loss', loss],
    ['gradient norm', gradientNorm],
  ] as const) {
    if (Number.isFinite(value)) continue;
    throw new LeiaError(
      'execution',
      `step ${step}: the ${what} is ${value}; a lower learning rate, warm-up steps or dtype float32 may help`,
    );
  }
}

// One optimiser step: a batch goes through the model in micro-batches whose gradients add up, then the
// gradient is clipped and AdamW moves the parameters. The next micro-batch is queued before the loss of the
// one before is awaited, so the device never waits for the host. Of several ranks, each computes some of the
// micro-batches; their losses and gradients are summed before the step goes on, alike on all.
import { type Allocation, allocate, TensorLayout } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import { Tensor } from '../core/tensor.ts';
import { World } from '../distributed/world.ts';
import type { Sequence } from '../leia/packing.ts';
import { countLabelTokens } from '../llama/batch.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import { LeiaError } from '../system/error.ts';
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
  readonly #world: World;
  readonly #clipping: Allocation<typeof clippingLayout>;
  /** [2], float32, with other ranks: what they sum before gradients, the loss and how many of them are interrupted. */
  readonly #totals: Tensor | undefined;

  constructor(
    model: LlamaModel,
    optimizer: AdamW,
    settings: CompleteSettings,
    world = World.alone,
  ) {
    const { device } = model;
    this.#model = model;
    this.#optimizer = optimizer;
    this.#settings = settings;
    this.#world = world;
    this.#clipping = allocate(clippingLayout, device);
    this.#totals = world.size === 1 ? undefined : Tensor.empty([2], { device });
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
    const loss = await this.#sumLosses(this.#accumulateGradients(batch, beforeMicroBatch));
    this.#sumGradients();
    const gradientNorm = await this.#gradientNorm();
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw await this.#nonFinite(batch, loss, gradientNorm);
    }
    const learningRate = learningRateAt(step, this.#settings);
    this.#optimizer.step({ learningRate, gradientScale: this.#clipping.tensors.scale });
    return { loss, learningRate, gradientNorm };
  }

  /** Adds up the gradients of this rank's micro-batches, and gives their part of the loss. */
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
    for (const [index, { rows }] of ownOf(microBatches, this.#world).entries()) {
      beforeMicroBatch(index * microBatchSize * this.#world.size);
      const { loss: micro } = this.#model.forwardBackward(...this.#passOf(rows, options));
      const loss = micro.readFloats();
      // If an earlier one rejects, this one is never awaited, and the step fails all the same.
      loss.catch(() => {});
      if (previous !== undefined) sum += (await previous)[0]! * options.scale;
      previous = loss;
    }
    // A rank of many may have nothing to do in a small batch.
    return previous === undefined ? sum : sum + (await previous)[0]! * options.scale;
  }

  /**
   * The loss of the batch, of which `own` is this rank's part. A rank that is interrupted interrupts all: here they learn
   * of it, before anything has changed.
   */
  async #sumLosses(own: Promise<number>): Promise<number> {
    if (this.#totals === undefined) return await own;
    let interruption: LeiaError | undefined;
    const part = await own.catch((error: unknown) => {
      if (!(error instanceof LeiaError && error.code === 'interrupted')) throw error;
      interruption = error;
      return 0;
    });
    this.#totals.write([part, interruption === undefined ? 0 : 1]);
    this.#world.communicator.allReduce(this.#totals, 'loss');
    const [loss, interrupted] = (await this.#totals.readFloats()) as unknown as [number, number];
    if (interrupted === 0) return loss;
    throw (
      interruption ??
      new LeiaError(
        'interrupted',
        'another rank was interrupted; run the same command again to resume',
      )
    );
  }

  #sumGradients(): void {
    if (this.#world.size === 1) return;
    for (const { name, gradient } of this.#optimizer.parameters) {
      this.#world.communicator.allReduce(gradient, `gradient of ${name}`);
    }
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

  /** Computes the step again, all of it on each rank, to find where what is not finite comes from. */
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
    this.#totals?.dispose();
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

/** Those of one rank: all have equally many, or one more. */
function ownOf<T>(microBatches: readonly T[], { rank, size }: World): readonly T[] {
  const begin = (of: number) => Math.floor((microBatches.length * of) / size);
  return microBatches.slice(begin(rank), begin(rank + 1));
}

function countLabels(rows: readonly Sequence[]): number {
  return countLabelTokens(rows.map(({ labels }) => labels));
}

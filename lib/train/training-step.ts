// One optimiser step: a batch goes through the model in micro-batches whose gradients add up, then the
// gradient is clipped and AdamW moves the parameters. The next micro-batch is queued before the loss of the
// one before is awaited, so the device never waits for the host. Of several ranks, each computes some of the
// micro-batches; their losses and gradients are summed before the step goes on, alike on all (data-parallel.ts).
import { type Allocation, allocate, TensorLayout } from '../core/layout.ts';
import { ignoredLabel } from '../core/ops/cross-entropy.ts';
import { World } from '../distributed/world.ts';
import type { Sequence } from '../leia/packing.ts';
import { countLabelTokens } from '../llama/batch.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import { LeiaError } from '../system/error.ts';
import type { AdamW } from './adamw.ts';
import { DataParallel } from './data-parallel.ts';
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
  readonly #ranks: DataParallel;
  readonly #clipping: Allocation<typeof clippingLayout>;

  /** @param optimizer of what `ranks` says that this rank updates. */
  constructor(
    model: LlamaModel,
    optimizer: AdamW,
    settings: CompleteSettings,
    ranks = new DataParallel(model, World.alone),
  ) {
    this.#model = model;
    this.#optimizer = optimizer;
    this.#settings = settings;
    this.#ranks = ranks;
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
    const loss = await this.#sumLosses(this.#accumulateGradients(batch, beforeMicroBatch));
    const gradientNorm = await this.#gradientNorm();
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw await this.#nonFinite(batch, loss, gradientNorm);
    }
    const learningRate = learningRateAt(step, this.#settings);
    this.#optimizer.step({ learningRate, gradientScale: this.#clipping.tensors.scale });
    this.#ranks.slicesChanged();
    return { loss, learningRate, gradientNorm };
  }

  /** Adds up the gradients of this rank's micro-batches, and gives their part of the loss. */
  async #accumulateGradients(
    batch: readonly Sequence[],
    beforeMicroBatch: (sequences: number) => void,
  ): Promise<number> {
    const { microBatchSize } = this.#settings;
    const { world, inStep } = this.#ranks;
    const microBatches = cut(batch, microBatchSize);
    const options = this.#passOptions(batch, microBatches.length);
    const own = ownOf(microBatches, world);
    const turns = inStep ? Math.ceil(microBatches.length / world.size) : own.length;
    let sum = 0;
    let previous: Promise<Float32Array> | undefined;
    this.#ranks.zeroGradients();
    for (let turn = 0; turn < turns; turn++) {
      const before = () => beforeMicroBatch(turn * microBatchSize * world.size);
      const goingOn = inStep ? this.#agreeToGoOn(before) : before();
      goingOn?.catch(() => {});
      this.#ranks.beginMicroBatch({ isLast: turn === turns - 1 });
      const rows = own[turn]?.rows;
      const loss = rows
        ? this.#queuePass(rows, options)
        : this.#queuePass(withoutLabels(batch.slice(0, microBatchSize)), nothingToLearn);
      await goingOn;
      if (previous !== undefined) sum += (await previous)[0]! * options.scale;
      previous = rows && loss;
    }
    // A rank of many may have nothing to do in a small batch.
    return previous === undefined ? sum : sum + (await previous)[0]! * options.scale;
  }

  #queuePass(rows: readonly Sequence[], options: PassOptions): Promise<Float32Array> {
    const loss = this.#model.forwardBackward(...this.#passOf(rows, options)).loss.readFloats();
    // If an earlier one rejects, this one is never awaited, and the step fails all the same.
    loss.catch(() => {});
    return loss;
  }

  /**
   * Where each pass needs all ranks, none may leave alone: an interruption is one of all ranks, after the pass that is
   * queued next.
   */
  async #agreeToGoOn(beforeMicroBatch: () => void): Promise<void> {
    const interruption = interruptionOf(beforeMicroBatch);
    const [, interrupted] = await this.#sumTotals(0, interruption !== undefined);
    if (interrupted > 0) throw interruption ?? interruptedElsewhere();
  }

  /**
   * The loss of the batch, of which `own` is this rank's part. A rank that is interrupted interrupts all: here they learn
   * of it, before anything has changed.
   */
  async #sumLosses(own: Promise<number>): Promise<number> {
    if (this.#ranks.world.size === 1) return await own;
    let interruption: LeiaError | undefined;
    const part = await own.catch((error: unknown) => {
      interruption = asInterruption(error);
      return 0;
    });
    this.#ranks.finishGradients();
    const [loss, interrupted] = await this.#sumTotals(part, interruption !== undefined);
    if (interrupted === 0) return loss;
    throw interruption ?? interruptedElsewhere();
  }

  /** Over all ranks: the loss, and how many are interrupted. */
  async #sumTotals(loss: number, isInterrupted: boolean): Promise<[number, number]> {
    const { totals, world } = this.#ranks;
    totals!.write([loss, isInterrupted ? 1 : 0]);
    world.communicator.allReduce(totals!, 'loss');
    return (await totals!.readFloats()) as unknown as [number, number];
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
    const { maxGradientNorm: maxNorm } = this.#settings;
    this.#ranks.gradientNorm({ maxNorm, ...this.#clipping.tensors });
    return (await this.#clipping.tensors.norm.readFloats())[0] as number;
  }

  /** Computes the step again, all of it on each rank, to find where what is not finite comes from. */
  async #nonFinite(
    batch: readonly Sequence[],
    loss: number,
    gradientNorm: number,
  ): Promise<NonFiniteError> {
    const model = this.#model;
    const microBatches = cut(batch, this.#settings.microBatchSize);
    const ranks = this.#ranks;
    const given = this.#passOptions(batch, microBatches.length);
    // Where each pass sums over ranks, all of them sum the same.
    const options = ranks.inStep ? { ...given, scale: given.scale / ranks.world.size } : given;
    const { where, lasting } = await findNonFinite({
      parameters: ranks.trainable,
      everywhere: async (finite) => (await ranks.world.gather(finite)).every(Boolean),
      microBatches: microBatches.map(({ number, rows }) => ({
        number,
        forward: () => model.forwardActivations(...this.#passOf(rows, options)),
        forwardBackward: () => model.forwardBackward(...this.#passOf(rows, options)).loss,
      })),
      microBatchCount: batch.length / this.#settings.microBatchSize,
      zeroGradients: () => ranks.zeroGradients(),
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

/** Of rows without labels. */
const nothingToLearn: PassOptions = { scale: 1, labelTokens: 1 };

/** The same rows with nothing to predict: their loss and their gradient are zero. */
function withoutLabels(rows: readonly Sequence[]): Sequence[] {
  return rows.map((row) => ({
    ...row,
    labels: new Int32Array(row.labels.length).fill(ignoredLabel),
  }));
}

/** What a call that may interrupt says; undefined if it does not. */
function interruptionOf(call: () => void): LeiaError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return asInterruption(error);
  }
}

/** Throws what is none. */
function asInterruption(error: unknown): LeiaError {
  if (error instanceof LeiaError && error.code === 'interrupted') return error;
  throw error;
}

function interruptedElsewhere(): LeiaError {
  return new LeiaError(
    'interrupted',
    'another rank was interrupted; run the same command again to resume',
  );
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

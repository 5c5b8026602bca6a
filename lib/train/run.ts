// A training run between its first step and its last. Each turn of the loop takes rows from the data, makes an optimiser step
// and writes a line of metrics. From time to time it saves a state, from which the same command resumes with the same bits.
import { World } from '../distributed/world.ts';
import type { AdaptedCheckpoint } from '../leia/adapt.ts';
import type { SequenceSource, SequenceState } from '../leia/batches.ts';
import type { Sequence } from '../leia/packing.ts';
import { countLabelTokens } from '../llama/batch.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import type { RoundingLoss } from '../llama/rounding.ts';
import { LeiaError } from '../system/error.ts';
import type { AdamW } from './adamw.ts';
import type { DataParallel } from './data-parallel.ts';
import { MetricsFile, type MetricsSink, MetricsSinks, type StepMetrics } from './metrics.ts';
import { NonFiniteError } from './non-finite.ts';
import { Profile } from './profile.ts';
import { pruneStates, type RunPosition, restoreNewest } from './resume.ts';
import { flopsCeiling, StepClock, type StepSpeed, stepSpeed } from './speed.ts';
import { StateSaver } from './state-saver.ts';
import { namedState, type StateTensor, type StateTensors } from './state-values.ts';
import type { CompleteOptions, Measured } from './train.ts';
import { type StepResult, TrainingStep } from './training-step.ts';
import { lendWhole } from './whole-parameters.ts';

/** A run's moving parts between its first step and its last. */
export class Run {
  readonly #options: CompleteOptions;
  readonly #model: LlamaModel;
  readonly #optimizer: AdamW;
  readonly #source: SequenceSource;
  readonly #ranks: DataParallel;
  readonly #saver: StateSaver;
  /** The ranks that save and read states together; where each has all, the first does it alone. */
  readonly #keepers: World;
  /** Where the data stood after the last whole step. */
  #position: SequenceState;
  #lastSaved = performance.now();
  readonly #clock: StepClock;
  /** What the device can do at most, in FLOP/s, if that is known. */
  readonly #ceiling: number | undefined;

  constructor(
    options: CompleteOptions,
    model: LlamaModel,
    optimizer: AdamW,
    source: SequenceSource,
    ranks: DataParallel,
  ) {
    this.#options = options;
    this.#ranks = ranks;
    this.#keepers = ranks.isShared ? options.world : World.alone;
    this.#model = model;
    this.#optimizer = optimizer;
    this.#source = source;
    const { output, settings } = options;
    this.#saver = new StateSaver(output, this.#stateTensors(), settings, this.#keepers);
    this.#position = source.state();
    const { world } = options;
    this.#clock = new StepClock(() => world.secondsSpent);
    this.#ceiling = flopsCeiling(model.device.properties.description, options.settings);
  }

  /**
   * Loads the newest saved state that is whole. Each rank reads what it holds of it; if all hold all, the first one reads
   * for them. Returns false, and has changed nothing, if there is none.
   */
  async restore(): Promise<boolean> {
    const { output, onWarning, world } = this.#options;
    const tensors = this.#stateTensors();
    const accept = ({ source }: RunPosition) => this.#source.restore(source);
    const read = async () =>
      // JSON has no undefined.
      (await restoreNewest(output, tensors, accept, onWarning, this.#keepers)) ?? null;
    const state = this.#ranks.isShared ? await read() : await world.share(read);
    if (state === null) return false;
    if (!this.#ranks.isShared && world.size > 1) {
      if (!world.isFirst) accept(state);
      for (const [name, { tensor }] of tensors) world.communicator.broadcast(tensor, 0, name);
    }
    this.#ranks.slicesChanged();
    this.#position = this.#source.state();
    this.#optimizer.stepCount = state.step;
    return true;
  }

  /**
   * Writes the trained model, which the first rank does with the help of all. If that fails, it saves a state before it
   * throws, so that no step is lost.
   */
  async save(adapted: AdaptedCheckpoint): Promise<RoundingLoss | undefined> {
    const { output, settings, world } = this.#options;
    // The model takes the place of the states before the last one.
    if (world.isFirst) await pruneStates(output, 1);
    try {
      return await lendWhole(this.#ranks, this.#optimizer, (whole) =>
        this.#model.save(output, {
          ...whole,
          dtype: settings.saveDtype,
          before: adapted,
          files: adapted.tokenizerFiles,
        }),
      );
    } catch (error) {
      // Saving the state may fail for the same reason; the first error says more.
      await this.#saveState().catch(() => {});
      // It is the first rank's to say why.
      if (!world.isFirst) await world.meet();
      throw error;
    }
  }

  /** Makes all steps that are left. */
  async finish(): Promise<void> {
    const { output, settings, sinks = [], onStep, onWarning, world } = this.#options;
    using step = new TrainingStep(this.#model, this.#optimizer, settings, this.#ranks);
    const metrics = new MetricsSinks(world.isFirst ? [new MetricsFile(output), ...sinks] : []);
    await metrics.begin(this.#optimizer.stepCount);
    const profiled = world.isFirst ? settings.profile : 0;
    const profile = new Profile(output, profiled, this.#model.device, this.#clock, world);
    try {
      this.#clock.lap();
      while (this.#optimizer.stepCount < settings.maxSteps) {
        await profile.beforeStep();
        const line = await this.#step(step);
        await profile.afterStep();
        metrics.append(line);
        await onStep?.(line, this.#model);
        this.#saver.check();
        if (await this.#isSavingDue()) await this.#save(metrics);
      }
      await this.#model.device.synchronize();
      await profile.end();
      // The finished model takes the state's place, so it matters little if that could not be written.
      await this.#saver.settle().catch((error: Error) => onWarning?.(error.message));
    } catch (error) {
      if (error instanceof LeiaError && error.code === 'interrupted') {
        metrics.flush();
        await this.#saveState();
        await world.record(error.message);
        // A rank that ends may take others along, so none does before the first has saved.
        await world.meet();
      }
      await this.#saver.settle().catch(() => {});
      throw error;
    } finally {
      profile.stop();
      metrics.close();
    }
  }

  async #step(step: TrainingStep): Promise<StepMetrics> {
    const { onMicroBatch, signal, world } = this.#options;
    const number = this.#optimizer.stepCount + 1;
    const skips = { skippedBatches: 0, nonFiniteBatches: 0 };
    const beforeMicroBatch = (sequences: number) => {
      world.advance();
      onMicroBatch?.(number, sequences);
      if (signal?.aborted) throw this.#interrupted();
    };
    let result: StepResult | undefined;
    while (result === undefined) {
      const { batch, skipped } = await this.#clock.during('data', () => this.#nextBatch());
      skips.skippedBatches += skipped;
      try {
        result = await this.#clock.during('compute', () => step.run(batch, beforeMicroBatch));
      } catch (error) {
        this.#skipNonFinite(error, ++skips.nonFiniteBatches);
      }
    }
    this.#position = this.#source.state();
    const measured = await this.#measure(number);
    const { loss, ...others } = result;
    const perplexity = Math.exp(loss);
    return {
      step: number,
      loss,
      ...(Number.isFinite(perplexity) && { perplexity }),
      ...others,
      ...this.#speed(),
      ...measured,
      ...positive(skips),
    };
  }

  async #measure(step: number): Promise<Measured | undefined> {
    const { measure, world } = this.#options;
    // Ranks that share parameters compute together, as none of them could alone, and so none may leave alone.
    const isTogether = this.#ranks.sharesParameters;
    if (measure === undefined || !(world.isFirst || isTogether)) return undefined;
    const signal = isTogether ? undefined : this.#options.signal;
    try {
      return await this.#clock.during('evaluation', () =>
        world.whileBusy(async () => measure(step, this.#model, signal)),
      );
    } catch (error) {
      // The step is made, so its metrics are written; before the next one the run ends.
      if (error instanceof LeiaError && error.code === 'interrupted') return undefined;
      throw error;
    }
  }

  /** What the step that has just been made took, in time and memory. */
  #speed(): StepSpeed & { memoryBytes: number } {
    const { settings, world } = this.#options;
    const { config, device } = this.#model;
    const times = { ...this.#clock.lap(), saving: this.#saver.takeCost() };
    const speed = stepSpeed(config, settings, times, this.#ceiling, world.size);
    return { ...speed, memoryBytes: device.peakBytes };
  }

  /** Passes over a batch whose loss or gradient is not finite, if the settings allow it; throws what it is otherwise. */
  #skipNonFinite(error: unknown, count: number): void {
    const { settings, onWarning } = this.#options;
    if (!(error instanceof NonFiniteError) || error.lasting || count > settings.skipNonFinite) {
      throw error;
    }
    onWarning?.(`${error.message}; this batch is skipped`);
  }

  /** The next batch with a label in it, and how many before it had none. */
  #nextBatch(): { batch: Sequence[]; skipped: number } {
    const { epoch } = this.#source;
    for (let skipped = 0; ; skipped++) {
      const batch = Array.from({ length: this.#options.settings.batchSize }, () =>
        this.#source.next(),
      );
      if (countLabelTokens(batch.map(({ labels }) => labels)) > 0) return { batch, skipped };
      // If two epochs have ended since, the second of them was seen from its beginning to its end.
      if (this.#source.epoch < epoch + 2) continue;
      throw new LeiaError(
        'mismatch',
        'no batch of a whole epoch has a token to predict; leave out --no-loss-on-names, or choose another --strategy or a larger --batch-size',
      );
    }
  }

  #interrupted(): LeiaError {
    const done = `interrupted after ${this.#optimizer.stepCount} of ${this.#options.settings.maxSteps} steps`;
    return new LeiaError('interrupted', `${done}; run the same command again to resume`);
  }

  async #isSavingDue(): Promise<boolean> {
    const { saveMinutes, saveSteps, maxSteps } = this.#options.settings;
    const { stepCount } = this.#optimizer;
    if (stepCount === maxSteps || !this.#isKeeper) return false;
    if (saveSteps !== undefined && stepCount % saveSteps === 0) return true;
    if (saveMinutes === 0) return false;
    // One clock decides for all.
    return await this.#keepers.share(
      () => (performance.now() - this.#lastSaved) / 60_000 >= saveMinutes,
    );
  }

  /** Whether this rank takes part in saving states. */
  get #isKeeper(): boolean {
    return this.#ranks.isShared || this.#options.world.isFirst;
  }

  /** Begins to save the state; goes on when it is copied. */
  async #save(metrics: MetricsSink): Promise<void> {
    const { world } = this.#options;
    await world.whileBusy(() => this.#saver.save(this.#where(), () => metrics.flush()));
    this.#lastSaved = performance.now();
  }

  /** Saves the state of a run that does not go on. */
  async #saveState(): Promise<void> {
    if (this.#optimizer.stepCount === 0 || !this.#isKeeper) return;
    await this.#saver.saveNow(this.#where());
  }

  #where(): RunPosition {
    return { step: this.#optimizer.stepCount, source: this.#position };
  }

  /** All tensors that steps change, as far as this rank changes them. */
  #stateTensors(): StateTensors {
    const tensors = new Map<string, StateTensor>();
    for (const { name, parameter, first = 0 } of this.#optimizer.parameters) {
      const { shape } = this.#model.parameter(name);
      tensors.set(`parameter.${name}`, { tensor: parameter, shape, first });
      for (const [key, tensor] of namedState(name, this.#optimizer.state(name))) {
        tensors.set(key, { tensor, shape, first });
      }
    }
    return tensors;
  }
}

/** What is not 0. */
function positive<Counts extends Record<string, number>>(counts: Counts): Partial<Counts> {
  const entries = Object.entries(counts).filter(([, count]) => count > 0);
  return Object.fromEntries(entries) as Partial<Counts>;
}

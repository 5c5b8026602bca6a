// Trains a checkpoint on a dataset. Each turn of the loop takes rows from the data, makes an optimiser step and writes
// a line of metrics. From time to time it saves a state, from which the same command resumes with the same bits. At the
// end it writes a Hugging Face folder.
import { World } from '../distributed/world.ts';
import { type AdaptedCheckpoint, adaptCheckpoint, viewOf } from '../leia/adapt.ts';
import { type ArticleSource, SequenceSource, type SequenceState } from '../leia/batches.ts';
import { Dataset } from '../leia/dataset.ts';
import type { Sequence } from '../leia/packing.ts';
import type { Recompute } from '../llama/activations.ts';
import { countLabelTokens } from '../llama/batch.ts';
import { Checkpoint, readConfig } from '../llama/checkpoint.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { LlamaModel } from '../llama/llama-model.ts';
import { loadWeights } from '../llama/load-weights.ts';
import { countParameters } from '../llama/parameters.ts';
import type { RoundingLoss } from '../llama/rounding.ts';
import { resolveDtype, type StoredDtype } from '../llama/stored-values.ts';
import { LeiaError } from '../system/error.ts';
import { lockFolder } from '../system/lock.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { AdamW, type MomentDtype } from './adamw.ts';
import { agreeOnRun } from './agree.ts';
import { checkMemory, completeChoices } from './choices.ts';
import { checkDisk } from './disk.ts';
import { identifyRun } from './identity.ts';
import { type DeviceMemory, deviceMemory, type MemoryPlan, planMemory } from './memory.ts';
import {
  countSkippedBatches,
  MetricsFile,
  type MetricsSink,
  MetricsSinks,
  type StepMetrics,
} from './metrics.ts';
import { NonFiniteError } from './non-finite.ts';
import { Profile } from './profile.ts';
import {
  hasResumeState,
  pruneStates,
  type RunPosition,
  removeResumeStates,
  restoreNewest,
} from './resume.ts';
import { claimRunFolder, clearFinished, isFinished, recordedRun } from './run-folder.ts';
import { type CompleteSettings, checkTogether, type TrainSettings } from './settings.ts';
import { flopsCeiling, StepClock, type StepSpeed, stepSpeed } from './speed.ts';
import { StateSaver } from './state-saver.ts';
import type { StateTensors } from './state-values.ts';
import { type StepResult, TrainingStep } from './training-step.ts';

export interface TrainOptions {
  /** Hugging Face folder of the model to start from, with its tokenizer. */
  readonly model: string;
  /** Folder of the dataset, prepared with that tokenizer. */
  readonly data: string;
  /** Where checkpoint, metrics and resumable states go. */
  readonly output: string;
  readonly settings: TrainSettings;
  /** The ranks that train together, of which this process is one; it is alone unless given. */
  readonly world?: World;
  /** Indices in the dataset of the articles to train on; all unless given. */
  readonly articles?: readonly number[];
  /** When it aborts, the run saves its state and throws `interrupted`. */
  readonly signal?: AbortSignal;
  /** Hears what looks wrong but does not stop the run. */
  readonly onWarning?: (message: string) => void;
  readonly onStart?: (start: TrainStart) => void;
  /** Hears, before each micro-batch, how many sequences of the batch are done. */
  readonly onMicroBatch?: (step: number, sequences: number) => void;
  /** Take the metrics of each step, beside `metrics.jsonl`. */
  readonly sinks?: readonly MetricsSink[];
  /**
   * Called after each step to measure how good the model is; what it gives goes into the step's metrics. It may use the
   * model, but must leave parameters and gradients as they are. If it throws `interrupted`, nothing is measured.
   */
  readonly measure?: (step: number, model: LlamaModel) => Promise<Measured | undefined>;
  /** Called after each step with its metrics; the next step waits for it. */
  readonly onStep?: (metrics: StepMetrics, model: LlamaModel) => void | Promise<void>;
}

/** Of the model after a step. */
export type Measured = Pick<StepMetrics, 'heldOutLoss' | 'tasks'>;

export interface TrainStart {
  /** Steps of the saved state that this run resumes from; 0 if there is none. */
  readonly stepsDone: number;
  readonly parameters: number;
  /** Sequences computed at once: the given number, or that of the saved run, or as many as fit. */
  readonly microBatchSize: number;
  readonly recompute: Recompute;
  readonly moments: MomentDtype;
  readonly memory: MemoryPlan;
  /** Bytes that the device had free before the run allocated any. */
  readonly availableMemory: number;
  readonly articles: number;
  /** What the model will be saved in. */
  readonly saveDtype: StoredDtype;
}

export interface TrainResult {
  /** False if an earlier run had finished already and nothing was done. */
  readonly trained: boolean;
  /** What rounding took from the model when it was saved, unless it was saved exactly. */
  readonly rounding?: RoundingLoss | undefined;
  /** Batches of the whole run that had no label at all, so that nothing could be learned from them. */
  readonly skippedBatches: number;
}

/**
 * Starts a training run, or resumes it.
 *
 * @throws LeiaError `usage` (settings; an output folder of another run, or in use; too little memory or disk), `mismatch`
 *   (tokenizer of another dataset; no label in a whole epoch), `execution` (a loss or gradient that is not finite), `interrupted`, and what reading
 *   and writing throws.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { world = World.alone } = options;
  return await world.guard(() => trainAsRank({ ...options, world }));
}

type RankOptions = TrainOptions & { readonly world: World };

async function trainAsRank(options: RankOptions): Promise<TrainResult> {
  const { output, world } = options;
  checkTogether(options.settings);
  await using checkpoint = await Checkpoint.open(options.model);
  using dataset = await Dataset.open(options.data);
  const tokenizer = await Tokenizer.load(options.model);
  tokenizer.checkVocabulary(checkpoint.config.vocabSize, options.model);
  dataset.checkTokenizer(tokenizer);
  const adapted = await adapt(checkpoint, options.settings);
  const source = openSource(dataset, options, adapted);
  const saveDtype = resolveDtype(options.settings.saveDtype, adapted.dtype);

  const settings = await completeSettings(options, adapted.config);
  const identity = await identifyRun(settings, checkpoint, options.data, options.articles);
  await agreeOnRun(world, identity);
  const nothing = () => world.share(() => nothingToDo(options, saveDtype));
  if (await world.share(() => isFinished(output, identity))) return await nothing();
  // Only the first rank writes there.
  await using _ = world.isFirst ? await lockFolder(output, options) : undefined;
  // Another process may have finished it since.
  if ((await world.share(() => claimRunFolder(output, identity))) === 'finished') {
    return await nothing();
  }
  const available = memoryOf(settings, world);
  const plan = planMemory(adapted.config, settings, available);
  checkMemory(adapted.config, settings, available, hasResumeState(output));
  if (world.isFirst) await checkDisk(output, plan, settings);
  const { device, dtype, recompute, microBatchSize: batch, sequenceLength: sequence } = settings;
  using model = LlamaModel.allocate(adapted, { device, dtype, recompute });
  model.reserve({ batch, sequence });
  using optimizer = new AdamW(model.trainableParameters(), settings);
  const run = new Run({ ...options, settings }, model, optimizer, source);
  if (!(await run.restore())) {
    await loadWeights(adapted, model.weights, (name) => optimizer.state(name).masterLowBits);
  }
  options.onStart?.({
    stepsDone: optimizer.stepCount,
    parameters: countParameters(model.config),
    microBatchSize: batch,
    recompute,
    moments: settings.moments,
    memory: plan,
    availableMemory: available.bytes,
    articles: options.articles?.length ?? dataset.articleCount,
    saveDtype,
  });
  await run.finish();
  const rounding = world.isFirst ? await run.save(adapted) : undefined;
  if (world.isFirst) await removeResumeStates(output);
  await world.meet();
  return { trained: true, rounding, skippedBatches: countSkippedBatches(output) };
}

/** What this rank may take: ranks on CPUs share what their machine has. */
function memoryOf({ device }: CompleteSettings, world: World): DeviceMemory {
  const memory = deviceMemory(device);
  return device === 'cpu' ? { ...memory, bytes: memory.bytes / world.localSize } : memory;
}

/**
 * What a run gives that is finished. The folder may be one that cannot be written.
 *
 * @throws LeiaError `usage` if it was saved in another dtype: its exact weights are gone.
 */
async function nothingToDo(options: TrainOptions, wanted: StoredDtype): Promise<TrainResult> {
  const { output } = options;
  const { dtype } = await readConfig(output);
  if (dtype === wanted) {
    await clearFinished(output, options);
    return { trained: false, skippedBatches: countSkippedBatches(output) };
  }
  throw new LeiaError(
    'usage',
    `${output} holds the finished run of this command, saved as ${dtype} and not ${wanted}; choose that --save-dtype, or another --output to train again`,
  );
}

type CompleteOptions = RankOptions & { readonly settings: CompleteSettings };

/**
 * Chooses what is left open. A resumed run keeps the micro-batch size that it began with, because another one would
 * round differently, and the moments that were chosen for it. What the first rank chooses holds for all.
 */
async function completeSettings(
  { output, settings, world }: RankOptions,
  config: LlamaConfig,
): Promise<CompleteSettings> {
  const { microBatchSize, recompute, moments } = await world.share(async () => {
    const recorded = await recordedRun(output);
    const microBatchSize = settings.microBatchSize ?? recorded?.microBatchSize;
    const moments = settings.moments ?? (settings.auto ? recorded?.moments : undefined);
    return completeChoices(config, {
      ...settings,
      ...(typeof microBatchSize === 'number' && { microBatchSize }),
      ...(moments !== undefined && { moments: moments as MomentDtype }),
    });
  });
  return {
    ...settings,
    microBatchSize: settings.microBatchSize ?? microBatchSize,
    recompute: settings.recompute ?? recompute,
    moments: settings.moments ?? moments,
  };
}

/** A run's moving parts between its first step and its last. */
class Run {
  readonly #options: CompleteOptions;
  readonly #model: LlamaModel;
  readonly #optimizer: AdamW;
  readonly #source: SequenceSource;
  readonly #saver: StateSaver;
  /** Where the data stood after the last whole step. */
  #position: SequenceState;
  #lastSaved = performance.now();
  readonly #clock = new StepClock();
  /** What the device can do at most, in FLOP/s, if that is known. */
  readonly #ceiling: number | undefined;

  constructor(
    options: CompleteOptions,
    model: LlamaModel,
    optimizer: AdamW,
    source: SequenceSource,
  ) {
    this.#options = options;
    this.#model = model;
    this.#optimizer = optimizer;
    this.#source = source;
    this.#saver = new StateSaver(options.output, stateTensors(optimizer), options.settings);
    this.#position = source.state();
    this.#ceiling = flopsCeiling(model.device.properties.description, options.settings);
  }

  /**
   * Loads the newest saved state that is whole, which the first rank reads for all. Returns false, and has changed
   * nothing, if there is none.
   */
  async restore(): Promise<boolean> {
    const { output, onWarning, world } = this.#options;
    const tensors = stateTensors(this.#optimizer);
    const accept = ({ source }: RunPosition) => this.#source.restore(source);
    const state = await world.share(async () => {
      const newest = await restoreNewest(output, tensors, accept, onWarning);
      // JSON has no undefined.
      return newest === undefined ? null : { step: newest.step, source: newest.source };
    });
    if (state === null) return false;
    if (!world.isFirst) accept(state);
    if (world.size > 1) {
      for (const [name, tensor] of tensors) world.communicator.broadcast(tensor, 0, name);
    }
    this.#position = this.#source.state();
    this.#optimizer.stepCount = state.step;
    return true;
  }

  /** Writes the trained model. If that fails, it saves a state before it throws, so that no step is lost. */
  async save(adapted: AdaptedCheckpoint): Promise<RoundingLoss | undefined> {
    const { output, settings } = this.#options;
    // The model takes the place of the states before the last one.
    await pruneStates(output, 1);
    try {
      return await this.#model.save(output, {
        dtype: settings.saveDtype,
        masters: (name) => this.#optimizer.master(name),
        before: adapted,
        files: adapted.tokenizerFiles,
      });
    } catch (error) {
      // Saving the state may fail for the same reason; the first error says more.
      await this.#saveState().catch(() => {});
      throw error;
    }
  }

  /** Makes all steps that are left. */
  async finish(): Promise<void> {
    const { output, settings, sinks = [], onStep, onWarning, world } = this.#options;
    using step = new TrainingStep(this.#model, this.#optimizer, settings, world);
    const metrics = new MetricsSinks(world.isFirst ? [new MetricsFile(output), ...sinks] : []);
    await metrics.begin(this.#optimizer.stepCount);
    const profiled = world.isFirst ? settings.profile : 0;
    const profile = new Profile(output, profiled, this.#model.device, this.#clock);
    try {
      this.#clock.lap();
      while (this.#optimizer.stepCount < settings.maxSteps) {
        await profile.beforeStep();
        const line = await this.#step(step);
        await profile.afterStep();
        metrics.append(line);
        await onStep?.(line, this.#model);
        this.#saver.check();
        if (this.#isSavingDue()) await this.#save(metrics);
      }
      await this.#model.device.synchronize();
      await profile.end();
      // The finished model takes the state's place, so it matters little if that could not be written.
      await this.#saver.settle().catch((error: Error) => onWarning?.(error.message));
    } catch (error) {
      if (error instanceof LeiaError && error.code === 'interrupted') {
        metrics.flush();
        await this.#saveState();
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
    const { onMicroBatch, signal } = this.#options;
    const number = this.#optimizer.stepCount + 1;
    const skips = { skippedBatches: 0, nonFiniteBatches: 0 };
    const beforeMicroBatch = (sequences: number) => {
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
    const { measure } = this.#options;
    if (measure === undefined || !this.#options.world.isFirst) return undefined;
    try {
      return await this.#clock.during('evaluation', () => measure(step, this.#model));
    } catch (error) {
      // The step is made, so its metrics are written; before the next one the run ends.
      if (error instanceof LeiaError && error.code === 'interrupted') return undefined;
      throw error;
    }
  }

  /** What the step that has just been made took, in time and memory. */
  #speed(): StepSpeed & { memoryBytes: number } {
    const { settings } = this.#options;
    const { config, device } = this.#model;
    const times = { ...this.#clock.lap(), saving: this.#saver.takeCost() };
    return { ...stepSpeed(config, settings, times, this.#ceiling), memoryBytes: device.peakBytes };
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

  #isSavingDue(): boolean {
    const { saveMinutes, saveSteps, maxSteps } = this.#options.settings;
    const { stepCount } = this.#optimizer;
    if (stepCount === maxSteps || !this.#options.world.isFirst) return false;
    if (saveSteps !== undefined && stepCount % saveSteps === 0) return true;
    const minutes = (performance.now() - this.#lastSaved) / 60_000;
    return saveMinutes > 0 && minutes >= saveMinutes;
  }

  /** Begins to save the state; goes on when it is copied. */
  async #save(metrics: MetricsSink): Promise<void> {
    await this.#saver.save(this.#where(), () => metrics.flush());
    this.#lastSaved = performance.now();
  }

  /** Saves the state of a run that does not go on. */
  async #saveState(): Promise<void> {
    if (this.#optimizer.stepCount === 0 || !this.#options.world.isFirst) return;
    await this.#saver.saveNow(this.#where());
  }

  #where(): RunPosition {
    return { step: this.#optimizer.stepCount, source: this.#position };
  }
}

/** What is not 0. */
function positive<Counts extends Record<string, number>>(counts: Counts): Partial<Counts> {
  const entries = Object.entries(counts).filter(([, count]) => count > 0);
  return Object.fromEntries(entries) as Partial<Counts>;
}

/** All tensors that steps change. */
function stateTensors(optimizer: AdamW): StateTensors {
  const tensors = new Map();
  for (const { name, parameter } of optimizer.parameters) {
    const { firstMoment, secondMoment, masterLowBits } = optimizer.state(name);
    tensors.set(`parameter.${name}`, parameter);
    tensors.set(`firstMoment.${name}`, firstMoment);
    tensors.set(`secondMoment.${name}`, secondMoment);
    // States have called the low bits so since the first version.
    if (masterLowBits !== undefined) tensors.set(`remainder.${name}`, masterLowBits);
  }
  return tensors;
}

/** Adds the tokens that the strategy inserts; plain training leaves the model as it is. */
async function adapt(
  checkpoint: Checkpoint,
  { strategy }: TrainSettings,
): Promise<AdaptedCheckpoint> {
  if (strategy !== 'none') return await adaptCheckpoint(checkpoint);
  return viewOf(checkpoint, { translateId: -1, endTranslateId: -1, tokenizerFiles: new Map() });
}

function openSource(
  dataset: Dataset,
  { articles, settings }: TrainOptions,
  { translateId, endTranslateId }: AdaptedCheckpoint,
): SequenceSource {
  const chosen: ArticleSource = articles
    ? { articleCount: articles.length, article: (index) => dataset.article(articles[index]!) }
    : dataset;
  return new SequenceSource(chosen, {
    strategy: settings.strategy,
    pSkip: settings.pSkip,
    translateId,
    endTranslateId,
    sequenceLength: settings.sequenceLength,
    lossOnNames: settings.lossOnNames,
    seed: settings.seed,
  });
}

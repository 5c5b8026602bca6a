// Trains a checkpoint on a dataset: opens and checks what it needs, chooses what the settings leave open, makes the steps
// (run.ts) and writes a Hugging Face folder.
import { World } from '../distributed/world.ts';
import { type AdaptedCheckpoint, adaptCheckpoint, viewOf } from '../leia/adapt.ts';
import { type ArticleSource, SequenceSource } from '../leia/batches.ts';
import { Dataset } from '../leia/dataset.ts';
import type { Recompute } from '../llama/activations.ts';
import { Checkpoint, readConfig } from '../llama/checkpoint.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { LlamaModel } from '../llama/llama-model.ts';
import { countParameters } from '../llama/parameters.ts';
import type { RoundingLoss } from '../llama/rounding.ts';
import { resolveDtype, type StoredDtype } from '../llama/stored-values.ts';
import { LeiaError } from '../system/error.ts';
import { lockFolder } from '../system/lock.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { AdamW, type MomentDtype } from './adamw.ts';
import { agreeOnRun } from './agree.ts';
import { checkMemory, completeChoices } from './choices.ts';
import { DataParallel, windowOf } from './data-parallel.ts';
import { checkDisk } from './disk.ts';
import { identifyRun } from './identity.ts';
import { type DeviceMemory, deviceMemory, type MemoryPlan, planMemory } from './memory.ts';
import { countSkippedBatches, type MetricsSink, type StepMetrics } from './metrics.ts';
import { hasResumeState, removeResumeStates } from './resume.ts';
import { Run } from './run.ts';
import {
  checkSeenByAll,
  claimRunFolder,
  clearFinished,
  isFinished,
  recordedRun,
} from './run-folder.ts';
import { type CompleteSettings, checkTogether, type TrainSettings } from './settings.ts';
import { shardingOf } from './sharding.ts';

/** What is trained on what, and who hears of it. */
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
  /** Called before the first step. */
  readonly onStart?: (start: TrainStart) => void;
  /** Hears, before each micro-batch, how many sequences of the batch are done. */
  readonly onMicroBatch?: (step: number, sequences: number) => void;
  /** Take the metrics of each step, beside `metrics.jsonl`. */
  readonly sinks?: readonly MetricsSink[];
  /**
   * Called after each step to measure how good the model is; what it gives goes into the step's metrics. It may use the
   * model, but must leave parameters and gradients as they are. When `signal` aborts it may throw `interrupted`, and nothing is
   * measured. Ranks that share parameters compute it together, so there is no signal for one of them alone.
   */
  readonly measure?: (
    step: number,
    model: LlamaModel,
    signal: AbortSignal | undefined,
  ) => Promise<Measured | undefined>;
  /** Called after each step with its metrics; the next step waits for it. */
  readonly onStep?: (metrics: StepMetrics, model: LlamaModel) => void | Promise<void>;
}

/** Of the model after a step. */
export type Measured = Pick<StepMetrics, 'heldOutLoss' | 'tasks'>;

/** What is known before the first step. */
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

/** What a run has come to. */
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
 *   (tokenizer of another dataset; no label in a whole epoch), `execution` (a loss or gradient that is not finite),
 *   `interrupted`, and what reading and writing throws.
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
  // Ranks that share save together: one that does not come is waited for.
  const { zero = 0, saveMinutes, saveSteps = 'not set' } = settings;
  await agreeOnRun(world, { ...identity, zero, saveMinutes, saveSteps });
  const nothing = () => world.share(() => nothingToDo(options, saveDtype));
  if (await world.share(() => isFinished(output, identity))) return await nothing();
  // Only the first rank writes there.
  await using _ = world.isFirst ? await lockFolder(output, options) : undefined;
  // Another process may have finished it since.
  if ((await world.share(() => claimRunFolder(output, identity))) === 'finished') {
    return await nothing();
  }
  const { device, dtype, recompute, microBatchSize: batch, sequenceLength: sequence } = settings;
  const sharding = shardingOf(settings.zero, world);
  if (sharding.stage > 0) await checkSeenByAll(output, world);
  const available = memoryOf(settings, world);
  const plan = planMemory(adapted.config, settings, available, world.rank);
  checkMemory(adapted.config, settings, available, hasResumeState(output));
  const whole = planMemory(adapted.config, { ...settings, zero: 0 });
  if (world.isFirst) await checkDisk(output, whole.saved, settings);
  const inWindow = windowOf(sharding);
  using model = LlamaModel.allocate(adapted, { device, dtype, recompute, inWindow });
  model.reserve({ batch, sequence });
  using ranks = new DataParallel(model, world, settings.zero);
  using optimizer = new AdamW(ranks.trainable, settings);
  const run = new Run({ ...options, settings }, model, optimizer, source, ranks);
  if (!(await run.restore())) await ranks.load(adapted, optimizer);
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
  const rounding = await run.save(adapted);
  if (world.isFirst) await removeResumeStates(output);
  await world.meet();
  return { trained: true, rounding, skippedBatches: countSkippedBatches(output) };
}

/** What this rank may take: ranks on CPUs share what their machine has. */
function memoryOf({ device }: TrainSettings, { size, localSize }: World): DeviceMemory {
  const memory = { ...deviceMemory(device), ranks: size };
  return device === 'cpu' ? { ...memory, bytes: memory.bytes / localSize } : memory;
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

export type CompleteOptions = RankOptions & { readonly settings: CompleteSettings };

/**
 * Chooses what is left open. A resumed run keeps the micro-batch size that it began with, because another one would
 * round differently, and the moments that were chosen for it. What the first rank chooses holds for all.
 */
async function completeSettings(
  { output, settings, world }: RankOptions,
  config: LlamaConfig,
): Promise<CompleteSettings> {
  const { microBatchSize, recompute, moments, zero } = await world.share(async () => {
    const recorded = await recordedRun(output);
    const microBatchSize = settings.microBatchSize ?? recorded?.microBatchSize;
    const moments = settings.moments ?? (settings.auto ? recorded?.moments : undefined);
    const open = {
      ...settings,
      ...(typeof microBatchSize === 'number' && { microBatchSize }),
      ...(moments !== undefined && { moments: moments as MomentDtype }),
    };
    return completeChoices(config, open, memoryOf(settings, world));
  });
  return {
    ...settings,
    microBatchSize: settings.microBatchSize ?? microBatchSize,
    recompute: settings.recompute ?? recompute,
    moments: settings.moments ?? moments,
    zero: settings.zero ?? zero,
  };
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

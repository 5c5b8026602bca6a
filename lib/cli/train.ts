// `leia train`: continues the training of a LLaMA on a prepared dataset, with the English names inserted as
// the strategy says.
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { launchOverMpi, launchProcesses } from '../distributed/launch.ts';
import { type Place, placeOfProcess } from '../distributed/place.ts';
import { checkRankDevices, deviceOfRank } from '../distributed/rank-device.ts';
import { World } from '../distributed/world.ts';
import { LeiaError } from '../system/error.ts';
import { agreeOnRun } from '../train/agree.ts';
import type { StepMetrics } from '../train/metrics.ts';
import { trainSettings } from '../train/settings.ts';
import { EventFile, eventFolder } from '../train/tensorboard.ts';
import { type Measured, type TrainStart, train } from '../train/train.ts';
import { preempted, preemptible } from './interrupt.ts';
import { describeRounding } from './model-options.ts';
import { addSettings, readSettings } from './options.ts';
import { cards, parseDeviceMemory, planLines } from './plan.ts';
import { formatBytes, formatDuration, Progress, warn } from './progress.ts';
import { quoted } from './quoted.ts';
import { checkMeasureSettings, measureSettings, openMeasuring } from './train-measure.ts';

const schema = z.strictObject({
  model: z.string().describe('Hugging Face folder of the LLaMA to start from, with its tokenizer'),
  data: z.string().describe('dataset that leia prepare made with that tokenizer'),
  output: z.string().describe('where checkpoint, metrics.jsonl and resumable states go'),
  ...trainSettings.shape,
  ...measureSettings,
  tensorboard: z
    .boolean()
    .default(false)
    .describe(`write the metrics for TensorBoard as well, to ${eventFolder}/ in --output`),
  nproc: z
    .int()
    .min(1)
    .optional()
    .describe(
      'how many processes on this machine train together, each on some of its cores or on a GPU of its own; the result is the same but for rounding. For several machines, start leia train with mpirun, srun or torchrun',
    ),
  plan: z
    .boolean()
    .default(false)
    .describe(
      'print what the run would hold in memory with each choice that is open, and do nothing else; of --model only config.json is read, --data and --output are not needed',
    ),
  deviceMemory: z
    .string()
    .optional()
    .describe(
      `with --plan: a GPU that is not here, by its memory, such as 40GB, or by name: ${Object.keys(cards).join(', ')}`,
    ),
});
type Settings = z.output<typeof schema>;
/** What --plan needs of it. */
const planSchema = schema.partial({ data: true, output: true });

const example = `
Example, with the paper's settings:
  leia train --model Llama-2-7b-hf --data data/ja --output runs/ja-leia \\
    --strategy right --p-skip 0.5 --seed 1

What fits one card of 80 GB, or each of eight of 40 GB, without having them:
  leia train --plan --model Llama-2-7b-hf --device-memory a100-80gb
  leia train --plan --model Llama-2-7b-hf --device-memory a100-40gb --nproc 8

After an interruption, run the same command again to resume.`;

export function registerTrain(program: Command): void {
  const command = program
    .command('train')
    .summary('continue the training of a LLaMA on a dataset')
    .description(
      "Continue the training of a LLaMA on a prepared dataset, with the English names of linked articles inserted (LEIA). The defaults are the paper's.",
    );
  addSettings(command, schema).addHelpText('after', example);
  command.action(async () => {
    const settings = readSettings(command, planSchema);
    if (settings.plan) return await plan(settings);
    if (settings.deviceMemory !== undefined) {
      throw new LeiaError(
        'usage',
        '--device-memory is what --plan counts for; a run takes --device',
      );
    }
    return await runRanks(readSettings(command, schema));
  });
}

/** Trains as the rank that this process is; or starts the ranks, if it is none and there are to be several. */
async function runRanks(settings: Settings): Promise<void> {
  const { nproc = 1, device } = settings;
  const place = placeOfProcess();
  if (place === undefined && nproc === 1) {
    await preemptible((signal) => run(settings, World.alone, signal));
    return;
  }
  if (place === undefined) {
    checkRankDevices(device, nproc);
    process.exitCode = await (device === 'cpu' ? launchOverMpi : launchProcesses)(nproc);
    return;
  }
  checkPlace(place, settings);
  const own = deviceOfRank(device, place);
  // Ranks may be asked to stop while they find each other.
  await preemptible(async (signal, preempt) => {
    const world = await World.open(place, { output: settings.output, device: own });
    // If ranks hang, they leave no more than this.
    signal.addEventListener('abort', () => void world.record('asked to stop'));
    if (world.isFirst) process.stderr.write(`${world.link}\n`);
    try {
      await run({ ...settings, device: own }, world, signal);
    } catch (error) {
      if (error instanceof LeiaError && error.code === 'interrupted') {
        const reasons = await world.gather(signal.reason === preempted);
        if (reasons.includes(true)) preempt();
        await world.close();
      }
      throw error;
    }
    await world.close();
  });
}

function checkPlace({ launcher, size }: Place, { nproc }: Settings): void {
  if (nproc === undefined || nproc === size) return;
  throw new LeiaError(
    'usage',
    `--nproc ${nproc}, but ${launcher} started ${size} ranks; leave --nproc out`,
  );
}

async function plan({
  model,
  data: _,
  output: __,
  plan: ___,
  tensorboard: ____,
  deviceMemory,
  evaluateSteps: _____,
  heldOutArticles: ______,
  evaluateTasks: _______,
  evaluateData: ________,
  evaluateLimit: _________,
  nproc,
  ...settings
}: z.output<typeof planSchema>): Promise<void> {
  const device = deviceMemory === undefined ? undefined : parseDeviceMemory(deviceMemory);
  for (const line of await planLines(model, settings, nproc, device)) console.log(line);
}

async function run(given: Settings, world: World, signal: AbortSignal): Promise<void> {
  const {
    model,
    data,
    output,
    plan: _,
    deviceMemory: __,
    nproc: ___,
    tensorboard,
    ...others
  } = given;
  const {
    evaluateSteps,
    heldOutArticles,
    evaluateTasks,
    evaluateData,
    evaluateLimit,
    ...settings
  } = others;
  // At stage 3 ranks measure together. Where the tasks' files are does not matter.
  const together = { evaluateSteps, heldOutArticles, evaluateTasks, evaluateLimit };
  const measure = { ...together, evaluateData };
  checkMeasureSettings(measure);
  const stated = Object.entries(together).filter(([, value]) => value !== undefined);
  const identity = Object.fromEntries(stated.map(([name, value]) => [name, String(value)]));
  await world.guard(() => agreeOnRun(world, identity));
  const progress = new TrainProgress(settings);
  const result = await train({
    ...(await openMeasuring({
      ...{ model, data, settings, measure },
      ...(world.isFirst && { onProgress: progress.measuring }),
    })),
    model,
    data,
    output,
    settings,
    world,
    signal,
    sinks: tensorboard ? [new EventFile(join(output, eventFolder))] : [],
    onWarning: progress.warning,
    ...(world.isFirst && {
      onStart: progress.start,
      onMicroBatch: progress.microBatch,
      onStep: progress.step,
    }),
  }).finally(() => progress.done());
  if (!world.isFirst) return;
  const { trained, rounding, skippedBatches } = result;
  console.log(
    trained
      ? `The model is in ${output}, its metrics in ${output}/metrics.jsonl.`
      : `${output} already holds the finished run of this command; nothing was done.`,
  );
  if (rounding !== undefined) console.log(describeRounding(rounding));
  if (skippedBatches > 0) {
    const of = skippedBatches === 1 ? '1 batch' : `${skippedBatches} batches`;
    console.log(`Skipped ${of} without any token to predict (skippedBatches in metrics.jsonl).`);
  }
  if (settings.strategy !== 'none') {
    const exported = `${output.replace(/\/+$/, '')}-exported`;
    console.log(`Next: leia export --model ${quoted(output)} --output ${quoted(exported)}`);
  }
}

/** What the line shows of a step. */
type ShownMetrics = Pick<
  StepMetrics,
  'step' | 'loss' | 'learningRate' | 'gradientNorm' | 'tokensPerSecond'
> &
  Measured;

function describeMeasured({ heldOutLoss, tasks = {} }: Measured): string[] {
  return [
    ...(heldOutLoss === undefined ? [] : [`held-out loss ${heldOutLoss.toFixed(4)}`]),
    ...Object.entries(tasks).map(([task, score]) => `${task} ${score.toFixed(3)}`),
  ];
}

/** What is known of a run on one line: step, loss, rate, tokens per second, time left. */
export class TrainProgress {
  readonly #line = new Progress();
  readonly #maxSteps: number;
  readonly #batchSize: number;
  #began = 0;
  #first = 0;
  #last: ShownMetrics | undefined;

  constructor({ maxSteps, batchSize }: { maxSteps: number; batchSize: number }) {
    this.#maxSteps = maxSteps;
    this.#batchSize = batchSize;
  }

  readonly start = (start: TrainStart): void => {
    const { stepsDone, parameters, memory, articles, saveDtype } = start;
    const { microBatchSize, recompute, moments } = start;
    this.#began = performance.now();
    this.#first = stepsDone;
    const parts = [
      `parameters ${formatBytes(memory.parameters)}`,
      `gradients ${formatBytes(memory.gradients)}`,
      ...(memory.gathered > 0 ? [`layers put together ${formatBytes(memory.gathered)}`] : []),
      `optimiser ${formatBytes(memory.masterLowBits + memory.moments)}`,
      `activations ${formatBytes(memory.activations + memory.logits)}`,
      `other ${formatBytes(memory.total - memory.tensors)}`,
    ];
    this.#line.done(
      `${(parameters / 1e6).toFixed(1)} M parameters, ${articles} articles; needs ${formatBytes(memory.total)} of ${formatBytes(start.availableMemory)} memory: ${parts.join(', ')}`,
    );
    this.#line.done(
      `each step computes ${this.#batchSize} sequences, ${microBatchSize} at once (--micro-batch-size)`,
    );
    if (recompute !== 'none') this.#line.done(`backward computes again: ${recompute}`);
    if (moments !== 'float32') this.#line.done(`AdamW's moments are kept in ${moments}`);
    if (saveDtype !== 'float32') {
      this.#line.done(
        `the model will be saved as ${saveDtype}; for another training step after this one, --save-dtype float32 keeps what that rounds away`,
      );
    }
    if (stepsDone > 0) this.#line.done(`resuming after step ${stepsDone} of ${this.#maxSteps}`);
  };

  readonly microBatch = (step: number, sequences: number): void => {
    this.#show(step - 1 + sequences / this.#batchSize);
  };

  readonly measuring = (step: number, what: string, done: number, total: number): void => {
    this.#line.update(`step ${step}/${this.#maxSteps}, measuring: ${what}, ${done} of ${total}`);
  };

  readonly step = (metrics: ShownMetrics): void => {
    this.#last = metrics;
    const measured = describeMeasured(metrics);
    if (measured.length > 0) this.#line.done(`step ${metrics.step}: ${measured.join(', ')}`);
    this.#show(metrics.step);
  };

  readonly warning = warn;

  done(): void {
    this.#line.done();
  }

  #show(stepsDone: number): void {
    const seconds = (performance.now() - this.#began) / 1000;
    const perStep = seconds / (stepsDone - this.#first);
    const parts = [`step ${Math.floor(stepsDone)}/${this.#maxSteps}`];
    const within = Math.round((stepsDone % 1) * this.#batchSize);
    if (within > 0) parts.push(`sequence ${within}/${this.#batchSize}`);
    if (this.#last !== undefined) {
      const { loss, learningRate, gradientNorm, tokensPerSecond } = this.#last;
      parts.push(
        `loss ${loss.toFixed(4)}`,
        `gradient norm ${gradientNorm.toFixed(2)}`,
        `learning rate ${learningRate.toExponential(2)}`,
        `${Math.round(tokensPerSecond)} tokens/s`,
      );
    }
    if (stepsDone > this.#first) {
      parts.push(`${formatDuration(perStep * (this.#maxSteps - stepsDone))} left`);
    }
    this.#line.update(parts.join(', '));
  }
}

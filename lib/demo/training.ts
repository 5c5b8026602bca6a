// One of the demo's two runs: an ordinary training run that stops at a few steps to measure how well the model predicts
// held-out articles. The measurements are saved beside the run's metrics, so a run that is resumed, or was finished
// before, has all of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ignoredLabel } from '../core/ops.ts';
import { type HeldOutArticle, heldOutLoss } from '../evaluate/held-out-loss.ts';
import { adaptCheckpoint } from '../leia/adapt.ts';
import { SequenceSource } from '../leia/batches.ts';
import type { Dataset } from '../leia/dataset.ts';
import { Checkpoint } from '../llama/checkpoint.ts';
import { LlamaModel } from '../llama/llama-model.ts';
import type { DemoRun, HeldOutPoint } from '../report/demo-page.ts';
import { LeiaError } from '../system/error.ts';
import { writeFileAtomically } from '../system/files.ts';
import { readMetrics, type StepMetrics } from '../train/metrics.ts';
import type { TrainSettings } from '../train/settings.ts';
import { type TrainStart, train } from '../train/train.ts';

export interface DemoTraining {
  readonly name: string;
  /** Hugging Face folder of the common start. */
  readonly start: string;
  readonly dataset: Dataset;
  /** Indices of the articles to train on. */
  readonly articles: readonly number[];
  readonly heldOut: readonly HeldOutArticle[];
  readonly settings: TrainSettings;
  readonly output: string;
  readonly signal: AbortSignal;
  /** Told how far the training is. */
  readonly progress: TrainListener;
}

/** What shows a training run's progress. */
export interface TrainListener {
  readonly start: (begin: TrainStart) => void;
  readonly microBatch: (step: number, sequences: number) => void;
  readonly step: (metrics: StepMetrics) => void;
  readonly warning: (message: string) => void;
  readonly done: () => void;
}

/** Times that the held-out loss is measured, evenly over the run, beside its start. */
const measurements = 8;

/** Trains from the start, resumes, or finds the run finished; the result is the same. */
export async function trainAndMeasure(run: DemoTraining): Promise<DemoRun> {
  const { name, start, dataset, articles, settings, output, signal, progress } = run;
  const { maxSteps } = settings;
  const file = join(output, 'held-out.jsonl');
  const points = new Map(readPoints(file).map((point) => [point.step, point]));
  const measure = async (step: number, model: LlamaModel) => {
    const { sequenceLength, batchSize } = settings;
    const loss = await heldOutLoss(model, run.heldOut, { sequenceLength, batchSize });
    points.set(step, { step, ...loss });
    await writePoints(file, sorted(points));
  };
  const steps = Array.from({ length: measurements - 1 }, (_, i) =>
    Math.round(((i + 1) * maxSteps) / measurements),
  );
  await train({
    model: start,
    data: dataset.folder,
    output,
    settings,
    articles,
    signal,
    onStart: (begin) => {
      progress.start(begin);
      // What lies ahead was measured in a run that was lost, or was another one.
      for (const step of points.keys()) {
        if (step > begin.stepsDone || begin.stepsDone === 0) points.delete(step);
      }
    },
    onMicroBatch: progress.microBatch,
    onWarning: progress.warning,
    onStep: async (metrics, model) => {
      progress.step(metrics);
      if (steps.includes(metrics.step)) await measure(metrics.step, model);
    },
  }).finally(() => progress.done());
  if (!points.has(0)) {
    using model = await openStart(start, settings);
    await measure(0, model);
  }
  // Not the model in memory but the one that was written: that is what the reader gets.
  using model = await LlamaModel.load(output);
  await measure(maxSteps, model);
  return {
    name,
    metrics: readMetrics(join(output, 'metrics.jsonl')),
    heldOut: sorted(points),
    tokens: maxSteps * settings.batchSize * settings.sequenceLength,
    insertedTokens: countInserted(run),
  };
}

async function openStart(folder: string, { strategy }: TrainSettings): Promise<LlamaModel> {
  await using checkpoint = await Checkpoint.open(folder);
  return await LlamaModel.load(
    strategy === 'none' ? checkpoint : await adaptCheckpoint(checkpoint),
  );
}

/** How many of the tokens that the run was fed are inserted ones: the same rows, made once more. */
function countInserted({ dataset, articles, settings }: DemoTraining): number {
  const { strategy, pSkip, seed, sequenceLength, maxSteps, batchSize } = settings;
  const { vocabSize } = dataset.meta.tokenizer;
  const source = new SequenceSource(
    { articleCount: articles.length, article: (index) => dataset.article(articles[index]!) },
    {
      ...{ strategy, pSkip, seed, sequenceLength },
      translateId: vocabSize,
      endTranslateId: vocabSize + 1,
      // Then the labels of names are ignored, as those of the marks always are, and nothing else is.
      lossOnNames: false,
    },
  );
  let count = 0;
  for (let row = 0; row < maxSteps * batchSize; row++) {
    for (const label of source.next().labels) if (label === ignoredLabel) count++;
  }
  return count;
}

const pointSchema = z.strictObject({
  step: z.int().min(0),
  loss: z.number(),
  bitsPerCharacter: z.number(),
  articles: z.int(),
  tokens: z.int(),
  characters: z.int(),
});

function readPoints(path: string): HeldOutPoint[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return []; // not measured yet; if it cannot be written either, that will be said
  }
  try {
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.map((line) => pointSchema.parse(JSON.parse(line)));
  } catch (error) {
    throw new LeiaError('format', `${path} is damaged; delete it and run the demo again`, {
      cause: error,
    });
  }
}

async function writePoints(path: string, points: readonly HeldOutPoint[]): Promise<void> {
  await writeFileAtomically(path, points.map((point) => `${JSON.stringify(point)}\n`).join(''));
}

function sorted(points: ReadonlyMap<number, HeldOutPoint>): HeldOutPoint[] {
  return [...points.values()].sort((a, b) => a.step - b.step);
}

import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatasetWriter } from '../../lib/leia/dataset-writer.ts';
import { RandomStream } from '../../lib/leia/random.ts';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { saveCheckpoint } from '../../lib/llama/save-checkpoint.ts';
import type { StoredDtype } from '../../lib/llama/stored-values.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import type { StepMetrics } from '../../lib/train/metrics.ts';
import { type TrainSettingsInput, trainSettings } from '../../lib/train/settings.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';

export const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
];

/** A tiny LLaMA of 512 rows with the tiny tokenizer of 512 ids. */
export async function makeModel(name = 'tiny-llama'): Promise<string> {
  const folder = await temporaryFolder();
  for (const file of ['config.json', 'model.safetensors']) {
    await copyFile(join(fixtures, name, file), join(folder, file));
  }
  for (const file of tokenizerFiles) {
    await copyFile(join(fixtures, 'tokenizer-tiny', file), join(folder, file));
  }
  return folder;
}

/** Rewrites the weights of a folder in another dtype, rounded to nearest. */
export async function storeAs(folder: string, dtype: StoredDtype): Promise<void> {
  await using checkpoint = await Checkpoint.open(folder);
  const { config } = checkpoint;
  await saveCheckpoint(folder, { config, dtype, read: (name) => checkpoint.read(name) });
}

/** A dataset of random articles, each with two entities. */
export async function makeDataset(articles = 12, hash?: string): Promise<string> {
  const folder = await temporaryFolder();
  const { vocabSize, bosId, ...tokenizer } = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  const writer = await DatasetWriter.create(folder, {
    language: 'xx',
    tokenizer: { hash: hash ?? tokenizer.hash, vocabSize, bosId },
    source: {},
  });
  for (let i = 0; i < articles; i++) {
    const draws = RandomStream.of(7, i);
    const ids = Array.from({ length: 20 + Math.floor(draws.next() * 30) }, () =>
      Math.floor(3 + draws.next() * 509),
    );
    await writer.append({
      title: `Article ${i}`,
      text: '',
      anchors: [],
      inputIds: Int32Array.from([bosId, ...ids]),
      entities: [
        { start: 2, end: 4, nameIds: Int32Array.from([10 + i, 400]) },
        { start: 9, end: 10, nameIds: Int32Array.from([300 + i]) },
      ],
    });
  }
  await writer.finish();
  return folder;
}

export const small = {
  maxSteps: 4,
  batchSize: 4,
  microBatchSize: 2,
  sequenceLength: 32,
  learningRate: 1e-3,
  saveMinutes: 0,
  seed: 3,
} as const satisfies TrainSettingsInput;

/** Options of a run in a new folder. */
export async function makeRun(settings: TrainSettingsInput = {}): Promise<TrainOptions> {
  return {
    model: await makeModel(),
    data: await makeDataset(),
    output: join(await temporaryFolder(), 'run'),
    settings: trainSettings.parse({ ...small, ...settings }),
  };
}

/** Runs it and gives its metrics. */
export async function trained(options: TrainOptions): Promise<StepMetrics[]> {
  await train(options);
  return await metricsOf(options.output);
}

export async function metricsOf(output: string): Promise<StepMetrics[]> {
  const text = await readFile(join(output, 'metrics.jsonl'), 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as StepMetrics);
}

/** SHA-256 of a file: comparing two of them byte by byte takes the test runner seconds. */
export async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** What must be the same in two runs that are the same. */
export function withoutSpeed(metrics: readonly StepMetrics[]) {
  return metrics.map(
    ({ step, loss, perplexity, learningRate, gradientNorm, skippedBatches, heldOutLoss }) => ({
      ...{ step, loss, perplexity, learningRate, gradientNorm, skippedBatches, heldOutLoss },
    }),
  );
}

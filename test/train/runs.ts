import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { saveCheckpoint } from '../../lib/llama/save-checkpoint.ts';
import type { StoredDtype } from '../../lib/llama/stored-values.ts';
import type { StepMetrics } from '../../lib/train/metrics.ts';
import { type TrainSettingsInput, trainSettings } from '../../lib/train/settings.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { relativeError, temporaryFolder } from '../llama/fixtures.ts';
import { writeDataset, writeModel } from './tiny.ts';

/** A folder with {@link writeModel}'s. */
export async function makeModel(name = 'tiny-llama'): Promise<string> {
  const folder = await temporaryFolder();
  await writeModel(folder, name);
  return folder;
}

/** Rewrites the weights of a folder in another dtype, rounded to nearest. */
export async function storeAs(folder: string, dtype: StoredDtype): Promise<void> {
  await using checkpoint = await Checkpoint.open(folder);
  const { config } = checkpoint;
  await saveCheckpoint(folder, { config, dtype, read: (name) => checkpoint.read(name) });
}

/** A folder with {@link writeDataset}'s. */
export async function makeDataset(articles = 12, hash?: string): Promise<string> {
  const folder = await temporaryFolder();
  await writeDataset(folder, articles, hash);
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

/** What two runs that are the same have in common, to the last bit. */
export async function resultOf(output: string) {
  return {
    metrics: withoutSpeed(await metricsOf(output)),
    weights: await digestOf(join(output, 'model.safetensors')),
    config: await readFile(join(output, 'config.json'), 'utf8'),
  };
}

/** The weights in a folder, by name. */
export async function weightsOf(folder: string): Promise<Map<string, Float32Array>> {
  await using checkpoint = await Checkpoint.open(folder);
  const weights = new Map<string, Float32Array>();
  for (const { name } of checkpoint.parameters) {
    weights.set(name, await checkpoint.readFloat32(name));
  }
  return weights;
}

/** Two runs differ by rounding alone. */
export async function expectClose(output: string, expected: string): Promise<void> {
  const [metrics, others] = [await metricsOf(output), await metricsOf(expected)];
  expect(metrics).toHaveLength(others.length);
  for (const [index, { loss, gradientNorm, heldOutLoss = 1 }] of metrics.entries()) {
    const other = others[index]!;
    expect(Math.abs(loss / other.loss - 1)).toBeLessThan(1e-6);
    expect(Math.abs(heldOutLoss / (other.heldOutLoss ?? 1) - 1)).toBeLessThan(1e-6);
    expect(Math.abs(gradientNorm / other.gradientNorm - 1)).toBeLessThan(1e-5);
  }
  const weights = await weightsOf(output);
  for (const [name, values] of await weightsOf(expected)) {
    expect(relativeError(weights.get(name)!, values), name).toBeLessThan(1e-6);
  }
}

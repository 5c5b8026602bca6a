// Runs of several ranks over MPI, made by a child process for each of them (children/ranks.ts). Several runs are made in
// one job, since starting its processes takes longer than a run.
import { expect } from 'vitest';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { type TrainSettingsInput, trainSettings } from '../../lib/train/settings.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import type { Finished } from '../cli/child.ts';
import { mpiexec } from '../distributed/ranks.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { heldOutOf } from './held-out.ts';
import { tokenizerTiny } from './tiny.ts';

export type RankRun = Pick<TrainOptions, 'model' | 'data' | 'output'> & {
  readonly settings: TrainSettingsInput;
  /** A rank that is killed before a file or folder whose path ends so gets its name. */
  readonly death?: { readonly rank: number; readonly beforeNaming: string };
};

/** Of one rank, in bytes. */
export interface RankMemory {
  planned: number;
  /** After each step. */
  held: number[];
  plannedPeak: number;
  /** Of the process until now. */
  peak: number;
}

export interface RunReport {
  /** By rank. */
  readonly memory: readonly RankMemory[];
  /** Of rank 0. */
  readonly warnings: readonly string[];
  readonly stepsDone: number;
  /** Whether what is measured may be given up by this rank alone. */
  readonly isInterruptible: boolean;
}

/** A model of whose tensors none can be cut into equal slices for 2, 3 or 4 ranks; three layers, as two lie in a window. */
export async function makeOddModel(shape: Record<string, unknown> = {}): Promise<string> {
  const config = parseLlamaConfig(
    {
      ...{ model_type: 'llama', vocab_size: 512, hidden_size: 35, intermediate_size: 53 },
      ...{ num_hidden_layers: 3, num_attention_heads: 5, num_key_value_heads: 1, head_dim: 6 },
      ...shape,
    },
    'config.json',
  );
  const folder = await temporaryFolder();
  using model = LlamaModel.initialize(config, { seed: 5 });
  await model.save(folder, { companions: tokenizerTiny });
  return folder;
}

/** A job of so many ranks that makes these runs. */
export async function startRanks(ranks: number, runs: readonly RankRun[]): Promise<Finished> {
  return await mpiexec([
    ...['-n', String(ranks), process.execPath, '--import', 'tsx'],
    ...['test/train/children/ranks.ts', JSON.stringify(runs)],
  ]);
}

export async function trainOverMpi(ranks: number, runs: readonly RankRun[]): Promise<RunReport[]> {
  const { code, stdout, stderr } = await startRanks(ranks, runs);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as RunReport[];
}

/** The same run of this process. */
export async function trainAlone({ settings, death: _, ...options }: RankRun): Promise<string> {
  const measure = await heldOutOf(options.data);
  await train({ ...options, measure, settings: trainSettings.parse(settings) });
  return options.output;
}

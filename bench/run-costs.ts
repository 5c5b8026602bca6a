// `npm run bench:run -- saving|trainer|ranks`: what a training run costs beside its operations. It trains a LLaMA of 6 million
// parameters with `leia train`'s own loop on the CPU, for a minute or so, and prints what was aimed at beside it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatBytes } from '../lib/cli/progress.ts';
import { LlamaModel, parseLlamaConfig } from '../lib/index.ts';
import { countParameters } from '../lib/llama/parameters.ts';
import { metricsFile, readMetrics, type StepMetrics } from '../lib/train/metrics.ts';
import { type TrainSettingsInput, trainSettings } from '../lib/train/settings.ts';
import { train } from '../lib/train/train.ts';
import { tokenizerTiny, writeDataset } from '../test/train/tiny.ts';

const root = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'leia-bench-'));
const [model, data] = [join(folder, 'model'), join(folder, 'data')];

const shape = {
  ...{ model_type: 'llama', vocab_size: 512, hidden_size: 288, intermediate_size: 768 },
  ...{ num_hidden_layers: 6, num_attention_heads: 6, max_position_embeddings: 128 },
};
const common = {
  sequenceLength: 128,
  microBatchSize: 4,
  saveMinutes: 0,
  dtype: 'float32',
} as const;

async function writeInputs(): Promise<void> {
  for (const path of [model, data]) mkdirSync(path);
  const config = parseLlamaConfig(shape, 'config.json');
  using initial = LlamaModel.initialize(config, { seed: 1 });
  await initial.save(model, { companions: tokenizerTiny });
  await writeDataset(data, 200);
  console.log(
    `a LLaMA of ${(countParameters(config) / 1e6).toFixed(1)} M parameters, float32, on the CPU`,
  );
}

/** The metrics of the steps of a run. */
async function run(name: string, settings: TrainSettingsInput): Promise<StepMetrics[]> {
  const output = join(folder, name);
  await train({ model, data, output, settings: trainSettings.parse({ ...common, ...settings }) });
  return metricsOf(output);
}

function metricsOf(output: string): StepMetrics[] {
  return readMetrics(join(output, metricsFile)) as StepMetrics[];
}

/** How long the run stands still to save its states. */
async function saving(): Promise<void> {
  const settings = { batchSize: 4, maxSteps: 101 };
  const plain = await run('plain', settings);
  const saved = await run('saved', { ...settings, saveSteps: 50 });
  const seconds = sum(saved.map((step) => step.seconds));
  const still = sum(saved.map((step) => step.savingShare * step.seconds));
  const saves = saved.filter(({ savedBytes }) => savedBytes !== undefined);
  const bytes = sum(saves.map((step) => step.savedBytes ?? 0));
  const without = sum(plain.map((step) => step.seconds));
  console.log(
    `${saved.length} steps of 512 tokens in ${seconds.toFixed(1)} s, ${saves.length} states of ${formatBytes(bytes / saves.length)} among them; without states ${without.toFixed(1)} s`,
  );
  report('saving every 50 steps', 'stands still', percent(still / seconds), 'at most 2 %');
}

/** How much longer a step takes than what the device does in it. */
async function trainer(): Promise<void> {
  const profiled = 20;
  const steps = await run('trainer', { batchSize: 8, maxSteps: profiled + 2, profile: profiled });
  const { traceEvents } = JSON.parse(readFileSync(join(folder, 'trainer/profile.json'), 'utf8'));
  const events = traceEvents as {
    name: string;
    tid: number;
    dur?: number;
    args?: { name: string };
  }[];
  const row = events.find(({ args }) => args?.name.endsWith('on the device'))!.tid;
  const operations =
    sum(events.filter(({ tid }) => tid === row).map(({ dur = 0 }) => dur)) / profiled / 1e6;
  // The first one prepares. Those after it are recorded, which costs them something too; other work on the machine slows
  // steps and operations alike.
  const step = sum(steps.slice(1, profiled + 1).map(({ seconds }) => seconds)) / profiled;
  const milliseconds = (time: number) => `${(1000 * time).toFixed(1)} ms`;
  console.log(
    `a step of 1,024 tokens takes ${milliseconds(step)}, its operations ${milliseconds(operations)}`,
  );
  report(
    'the trainer',
    'takes',
    `${percent(step / operations - 1)} more than its operations`,
    'at most 3 %',
  );
}

/** How much faster two ranks with a core each are than one rank on one core. */
async function ranks(): Promise<void> {
  if (availableParallelism() < 2) throw new Error('there is one core only');
  const rate = async (name: string, launcher: string[], more: string[]) => {
    const output = join(folder, name);
    const args = ['train', '--model', model, '--data', data, '--output', output];
    args.push('--dtype', 'float32');
    args.push('--batch-size', '16', '--micro-batch-size', '4', '--sequence-length', '128');
    args.push('--max-steps', '12', '--save-minutes', '0', ...more);
    const leia = [process.execPath, '--import', 'tsx', join(root, 'lib/cli/main.ts'), ...args];
    await succeed([...launcher, ...leia]);
    return median(
      metricsOf(output)
        .slice(2)
        .map(({ tokensPerSecond }) => tokensPerSecond),
    );
  };
  const one = await rate('one', ['taskset', '-c', '0'], []);
  const two = await rate('two', [], ['--nproc', '2']);
  console.log(
    `steps of 2,048 tokens: one rank ${Math.round(one)} tokens/s, two ranks ${Math.round(two)}`,
  );
  report(
    'two ranks on two cores',
    'are',
    `${(two / one).toFixed(2)} times as fast as one on one`,
    'at least 1.7 times',
  );
}

function succeed([program, ...args]: string[]): Promise<void> {
  const child = spawn(program!, args, {
    cwd: root,
    env: { ...process.env, LEIA_NUM_THREADS: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done() : fail(new Error(errors))));
  });
}

function report(what: string, verb: string, measured: string, aim: string): void {
  console.log(`${what} ${verb} ${measured} (aim: ${aim})`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

const measures = { saving, trainer, ranks };
const [name = ''] = process.argv.slice(2);
const measure = Object.entries(measures).find(([known]) => known === name)?.[1];
try {
  if (measure === undefined) {
    console.error(`usage: npm run bench:run -- ${Object.keys(measures).join('|')}`);
    process.exitCode = 2;
  } else {
    await writeInputs();
    await measure();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

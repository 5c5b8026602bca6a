// `leia replicate`: the paper's experiment in a generated world, small enough for two CPU cores. It calls the same
// functions as `train`, `eval` and `compare`, and what is finished is kept, so that a run that was killed goes on.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import {
  claimFolder,
  type Experiment,
  inside,
  openExperiment,
  pretrain,
  writeData,
} from '../evaluate/replication/experiment.ts';
import { resultsMarkdown } from '../evaluate/replication/markdown.ts';
import { measure } from '../evaluate/replication/measure.ts';
import { presetNames, presets } from '../evaluate/replication/presets.ts';
import { type Run, trainRuns } from '../evaluate/replication/runs.ts';
import { type Summary, summarizeRuns } from '../evaluate/replication/summary.ts';
import { renderText, scoreGrid } from '../evaluate/tables/tables.ts';
import { readConfig } from '../llama/checkpoint.ts';
import { countParameters } from '../llama/parameters.ts';
import { comparisonPage } from '../report/comparison-page.ts';
import { intervalFile } from '../report/interval-file.ts';
import { readIfPresent, removeTemporaries, writeFileAtomically } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import { lockFolder } from '../system/lock.ts';
import { interruptible } from './interrupt.ts';
import { addSettings, readSettings } from './options.ts';
import { formatDuration, Progress, warn } from './progress.ts';

const schema = z.strictObject({
  preset: z.enum(presetNames).default('mini').describe('how large the world and the runs are'),
  output: z.string().default('replication').describe('where everything goes'),
  seeds: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('how often each arm is trained; as the preset says unless given'),
  worldSeed: z
    .int()
    .min(0)
    .max(2 ** 31)
    .default(1)
    .describe('decides the world, its text and the model that all arms begin with'),
  jobs: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe('runs at a time; one for each core on the CPU, one on a GPU unless given'),
  device: z
    .string()
    .regex(/^(cpu|(cuda|emulated)(:\d+)?)$/, 'expected cpu, cuda or cuda:N')
    .default('cpu')
    .describe('where to compute: cpu, cuda (the first GPU) or cuda:N'),
});
type Settings = z.output<typeof schema>;

export function registerReplicate(program: Command): void {
  const command = program
    .command('replicate')
    .summary("run the paper's experiment in a small generated world")
    .description(
      "Run the paper's experiment in a generated world of two languages: pre-train a small LLaMA, adapt it with and\nwithout LEIA, several seeds each, and ask it for facts that only English text states. Tables and a plot go to\nthe output folder. After an interruption, run the same command again to resume.",
    );
  const about = Object.entries(presets).map(
    ([name, preset]) => `  ${name.padEnd(6)} ${preset.about}`,
  );
  addSettings(command, schema).addHelpText(
    'after',
    `\nPresets:\n${about.join('\n')}\n\nExample:\n  leia replicate --preset mini --output replication`,
  );
  command.action(async () => {
    const settings = readSettings(command, schema);
    await interruptible((signal) => replicate(settings, signal));
  });
}

async function replicate(settings: Settings, signal: AbortSignal): Promise<void> {
  const { preset, output, worldSeed, device } = settings;
  const { seeds = presets[preset].seeds } = settings;
  const jobs = settings.jobs ?? (device === 'cpu' ? availableParallelism() : 1);
  const experiment = openExperiment(output, { preset, worldSeed, device });
  await using _ = await lockFolder(output, { onWarning: warn });
  await removeTemporaries(output, () => true);
  await claimFolder(experiment);
  const clock = await Clock.open(output);
  const parameters = await prepare(experiment, signal, clock);

  const runs = Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    experiment.size.arms.map((arm): Run => ({ arm, seed })),
  );
  const progress = new RunsProgress(runs.length);
  await trainRuns({
    ...{ folder: output, settings: { preset, worldSeed, device }, runs, jobs, signal },
    threads: Math.max(1, Math.floor(availableParallelism() / jobs)),
    onWarning: warn,
    onProgress: (run, done) => progress.update(run, done),
  })
    .finally(() => progress.done())
    .finally(() => clock.save());

  const summary = await summarizeRuns(experiment, seeds);
  const seconds = clock.seconds;
  await writeResults(experiment, summary, { seeds, parameters, seconds, jobs });
  process.stdout.write(`${texts(summary).join('\n')}\n`);
  console.log(`${formatDuration(seconds)} in all. Tables, tests and plot:`);
  for (const name of Object.values(files)) console.log(`  ${join(output, name)}`);
}

/** Data and base model. Returns how many parameters that has. */
async function prepare(experiment: Experiment, signal: AbortSignal, clock: Clock): Promise<number> {
  await writeData(experiment);
  const base = inside.base(experiment.folder);
  const line = new Progress();
  const began = performance.now();
  let first: number | undefined;
  await pretrain(experiment, {
    signal,
    onWarning: warn,
    onStep: (step, steps) => {
      first ??= step - 1;
      const rate = (step - first) / (performance.now() - began);
      const left = formatDuration((steps - step) / rate / 1000);
      line.update(`pre-training: step ${step}/${steps}, ${left} left`);
    },
  })
    .finally(() => line.done())
    .finally(() => clock.save());
  await measure(experiment, base);
  return countParameters(await readConfig(base));
}

const files = {
  markdown: 'results.md',
  plot: 'held-facts.svg',
  page: 'report.html',
} as const;

async function writeResults(
  experiment: Experiment,
  summary: Summary,
  conditions: { seeds: number; parameters: number; seconds: number; jobs: number },
): Promise<void> {
  const { folder } = experiment;
  const { all, diagnostics, ...compared } = summary;
  const tables = [...Object.values(compared).filter((table) => table !== undefined), diagnostics];
  const title = 'LEIA in a generated world';
  await writeFileAtomically(join(folder, files.plot), intervalFile(all, 0));
  await writeFileAtomically(join(folder, files.page), comparisonPage({ title, tables }));
  const markdown = resultsMarkdown(experiment, summary, { ...conditions, plot: files.plot });
  await writeFileAtomically(join(folder, files.markdown), markdown);
}

function texts({ all: _, ...tables }: Summary): string[] {
  return Object.values(tables)
    .filter((table) => table !== undefined)
    .map((table) => renderText(scoreGrid(table)));
}

/** How long all invocations took together, so far; those that were killed, up to their last finished part. */
class Clock {
  readonly #path: string;
  readonly #before: number;
  readonly #began = performance.now();

  private constructor(path: string, before: number) {
    this.#path = path;
    this.#before = before;
  }

  static async open(folder: string): Promise<Clock> {
    const path = join(folder, 'time.json');
    const text = await readIfPresent(path);
    const schema = z.strictObject({ seconds: z.number().min(0) });
    return new Clock(path, text === undefined ? 0 : parseChecked(schema, text, path).seconds);
  }

  get seconds(): number {
    return this.#before + (performance.now() - this.#began) / 1000;
  }

  async save(): Promise<void> {
    await writeFileAtomically(this.#path, `${JSON.stringify({ seconds: this.seconds })}\n`);
  }
}

/** Runs done, those under way, and the time left. */
class RunsProgress {
  readonly #line = new Progress();
  readonly #total: number;
  readonly #began = performance.now();
  readonly #done = new Map<string, number>();
  /** Of runs that were finished before, or steps that an earlier invocation made. */
  #before = 0;

  constructor(total: number) {
    this.#total = total;
  }

  update({ arm, seed }: Run, done: number): void {
    const key = `${arm}/${seed}`;
    // What is there when a run is first heard of was done before.
    if (!this.#done.has(key)) this.#before += done;
    this.#done.set(key, done);
    const shares = [...this.#done.values()];
    const sum = shares.reduce((a, b) => a + b, 0);
    const finished = shares.filter((share) => share === 1).length;
    const rate = (sum - this.#before) / (performance.now() - this.#began);
    const left = rate > 0 ? `, ${formatDuration((this.#total - sum) / rate / 1000)} left` : '';
    const last =
      done === 1 ? `${arm} seed ${seed} done` : `${arm} seed ${seed} ${Math.round(100 * done)} %`;
    this.#line.update(`${finished} of ${this.#total} runs, ${last}${left}`);
  }

  done(): void {
    this.#line.done();
  }
}

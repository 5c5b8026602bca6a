// The runs of a replication, several at a time, each in a process of its own. So every core is busy also while a run makes
// its rows, reads, saves or is measured, which one process does on one core whatever its threads. A finished run is found
// and passed over; a run that was stopped goes on where it was.
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { LeiaError, type LeiaErrorCode } from '../../system/error.ts';
import { armOf } from './arms.ts';
import { type ExperimentSettings, inside, openExperiment, trainArm } from './experiment.ts';
import { measure, readDiagnostics } from './measure.ts';

export interface Run {
  readonly arm: string;
  readonly seed: number;
}

/** What a process is asked to do. */
interface Order {
  readonly folder: string;
  readonly settings: ExperimentSettings;
  readonly run: Run;
}

type Answer =
  | { readonly step: number; readonly steps: number }
  | { readonly warning: string }
  | { readonly done: true }
  | { readonly error: { readonly code: LeiaErrorCode; readonly message: string } };

export interface RunsOptions {
  readonly folder: string;
  readonly settings: ExperimentSettings;
  readonly runs: readonly Run[];
  /** How many at a time. */
  readonly jobs: number;
  /** Threads of each. */
  readonly threads: number;
  readonly signal: AbortSignal;
  /** Hears how much of a run is done, 0 to 1; 1 when it is finished, also if it was so before. */
  readonly onProgress: (run: Run, done: number) => void;
  readonly onWarning: (message: string) => void;
}

/**
 * Trains and measures all runs.
 *
 * @throws LeiaError `interrupted`; `execution` if a process ends unasked; and what a run throws.
 */
export async function trainRuns(options: RunsOptions): Promise<void> {
  const waiting: Run[] = [];
  for (const run of options.runs) {
    const folder = inside.run(options.folder, run.arm, run.seed);
    if ((await readDiagnostics(folder)) === undefined) waiting.push(run);
    else options.onProgress(run, 1);
  }
  const children = new Set<ChildProcess>();
  let failure: unknown;
  const stop = () => {
    for (const child of children) child.kill('SIGTERM');
  };
  options.signal.addEventListener('abort', stop);
  const work = async () => {
    for (;;) {
      if (failure !== undefined || options.signal.aborted) return;
      const run = waiting.shift();
      if (run === undefined) return;
      try {
        await runInProcess(run, options, children);
      } catch (error) {
        failure ??= error;
        stop();
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: options.jobs }, work));
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
  if (options.signal.aborted) {
    throw new LeiaError('interrupted', 'interrupted; run the same command again to resume');
  }
  if (failure !== undefined) throw failure;
}

/** This module's process; where modules are still TypeScript, with the loader that reads them. */
const isSource = import.meta.url.endsWith('.ts');
const script = new URL(isSource ? './run-process.ts' : './run-process.js', import.meta.url);
const execArgv = isSource
  ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]
  : [];

function runInProcess(run: Run, options: RunsOptions, children: Set<ChildProcess>): Promise<void> {
  const { folder, settings, threads, onProgress, onWarning } = options;
  const env = { ...process.env, LEIA_NUM_THREADS: String(threads) };
  const child = fork(script, { env, execArgv });
  children.add(child);
  const where = `${run.arm}, seed ${run.seed}`;
  return new Promise((done, fail) => {
    child.on('message', (answer: Answer) => {
      if ('step' in answer) onProgress(run, (0.95 * answer.step) / answer.steps);
      else if ('warning' in answer) onWarning(`${where}: ${answer.warning}`);
      else if ('error' in answer) {
        fail(new LeiaError(answer.error.code, `${where}: ${answer.error.message}`));
      } else {
        onProgress(run, 1);
        done();
      }
    });
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      children.delete(child);
      const how = signal === null ? `exit code ${code}` : signal;
      fail(
        new LeiaError(
          'execution',
          `${where}: its process ended before its work was done (${how}); run the same command again to resume`,
        ),
      );
    });
    child.send({ folder, settings, run } satisfies Order);
  });
}

/** In a process: does what it is asked, and ends. When the asking process is gone, it saves what it has and ends too. */
export function serveRun(): void {
  const controller = new AbortController();
  const abort = () => controller.abort();
  // The asking process is interrupted at the same time, and says so.
  process.on('SIGINT', abort).on('SIGTERM', abort).on('SIGHUP', abort);
  process.on('disconnect', abort);
  const tell = (answer: Answer) => {
    if (process.connected) process.send!(answer);
  };
  process.once('message', async ({ folder, settings, run }: Order) => {
    try {
      const experiment = openExperiment(folder, settings);
      await trainArm(experiment, armOf(run.arm), run.seed, {
        signal: controller.signal,
        onStep: (step, steps) => tell({ step, steps }),
        onWarning: (warning) => tell({ warning }),
      });
      if (!controller.signal.aborted) {
        await measure(experiment, inside.run(folder, run.arm, run.seed));
        tell({ done: true });
      }
    } catch (error) {
      const { code, message } =
        error instanceof LeiaError ? error : new LeiaError('execution', String(error));
      tell({ error: { code, message } });
    }
    if (process.connected) process.disconnect();
  });
}

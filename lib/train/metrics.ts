// metrics.jsonl: one line per step, appended when the step is done. A resumed run first removes the lines of steps
// after the state that it resumes from, so the file reads as if the run had never stopped.
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LeiaError } from '../system/error.ts';
import { fileError, writeFileAtomically } from '../system/files.ts';
import type { StepSpeed } from './speed.ts';

/** In the folder of a run. */
export const metricsFile = 'metrics.jsonl';

/** What is measured in a step. */
export interface StepMetrics extends StepSpeed {
  /** Counted from 1. */
  step: number;
  /** Mean cross-entropy in nats per label token of the batch, before the update. */
  loss: number;
  /** e to the power of the loss; absent where that is beyond float64. */
  perplexity?: number;
  learningRate: number;
  /** Global L2 norm before clipping. */
  gradientNorm: number;
  /** The most memory that was taken on the device at once until now, in bytes; see {@link Device.peakBytes}. */
  memoryBytes: number;
  /** How many batches were skipped before this step because they had no label; absent if none. */
  skippedBatches?: number;
  /** How many were skipped because their loss or gradient was not finite; absent if none. */
  nonFiniteBatches?: number;
  /** Mean cross-entropy in nats per token of articles that are not trained on; absent if not measured after this step. */
  heldOutLoss?: number;
  /** Scores of tasks by their names; absent if not measured after this step. */
  tasks?: Readonly<Record<string, number>>;
}

/** A line of `metrics.jsonl`. Those of earlier versions have less in them. */
export type RecordedMetrics = Partial<StepMetrics> &
  Pick<StepMetrics, 'step' | 'loss' | 'learningRate' | 'gradientNorm'>;

/** Takes the metrics of a run, to show them or to keep them. What it throws ends the run. */
export interface MetricsSink {
  /** Called once, before all others. What the sink has of later steps is of a run that was lost after `stepsDone`. */
  begin(stepsDone: number): void | Promise<void>;
  /** Takes the metrics of one step. */
  append(metrics: StepMetrics): void;
  /** Makes what it has last. Called before a state is saved, so that no line of an earlier step can be missing. */
  flush(): void;
  /** Called once, at the end of the run. */
  close(): void;
}

/** `metrics.jsonl` in the folder of a run. */
export class MetricsFile implements MetricsSink {
  readonly #path: string;
  #descriptor = -1;

  constructor(folder: string) {
    this.#path = join(folder, metricsFile);
  }

  /** Keeps the lines of the first `stepsDone` steps. */
  async begin(stepsDone: number): Promise<void> {
    const kept = readMetrics(this.#path).filter(({ step }) => step <= stepsDone);
    const lines = kept.map((line) => `${JSON.stringify(line)}\n`);
    await writeFileAtomically(this.#path, lines.join(''));
    this.#attempt(() => {
      this.#descriptor = openSync(this.#path, 'a');
    });
  }

  append(metrics: StepMetrics): void {
    this.#attempt(() => appendFileSync(this.#descriptor, `${JSON.stringify(metrics)}\n`));
  }

  flush(): void {
    this.#attempt(() => fsyncSync(this.#descriptor));
  }

  /** Called once, at the end of the run. */
  close(): void {
    this.flush();
    closeSync(this.#descriptor);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw fileError('write', this.#path, error);
    }
  }
}

/** Several sinks as one. If one fails to begin, those before it are closed. */
export class MetricsSinks implements MetricsSink {
  readonly #sinks: readonly MetricsSink[];

  constructor(sinks: readonly MetricsSink[]) {
    this.#sinks = sinks;
  }

  async begin(stepsDone: number): Promise<void> {
    const begun: MetricsSink[] = [];
    try {
      for (const sink of this.#sinks) {
        await sink.begin(stepsDone);
        begun.push(sink);
      }
    } catch (error) {
      for (const sink of begun) sink.close();
      throw error;
    }
  }

  append(metrics: StepMetrics): void {
    for (const sink of this.#sinks) sink.append(metrics);
  }

  flush(): void {
    for (const sink of this.#sinks) sink.flush();
  }

  /** Called once, at the end of the run. */
  close(): void {
    for (const sink of this.#sinks) sink.close();
  }
}

/** How many batches the run in a folder has skipped so far. */
export function countSkippedBatches(folder: string): number {
  const lines = readMetrics(join(folder, metricsFile));
  return lines.reduce((sum, { skippedBatches = 0 }) => sum + skippedBatches, 0);
}

/** The whole lines of a metrics file; a last line that was cut off is left out. */
export function readMetrics(path: string): RecordedMetrics[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw fileError('read', path, error);
  }
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as RecordedMetrics;
    } catch {
      throw new LeiaError('format', `${path}: line ${index + 1} is not JSON`);
    }
  });
}

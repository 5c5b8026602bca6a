// metrics.jsonl: one line per step, appended when the step is done. A resumed run first removes the lines of steps
// after the state that it resumes from, so the file reads as if the run had never stopped.
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LeiaError } from '../system/error.ts';
import { fileError, writeFileAtomically } from '../system/files.ts';

const metricsFile = 'metrics.jsonl';

export interface StepMetrics {
  /** Counted from 1. */
  step: number;
  /** Mean cross-entropy in nats per label token of the batch, before the update. */
  loss: number;
  learningRate: number;
  /** Global L2 norm before clipping. */
  gradientNorm: number;
  /** Tokens fed per second of this step. */
  tokensPerSecond: number;
  /** How many batches were skipped before this step because they had no label; absent if none. */
  skippedBatches?: number;
  /** How many were skipped because their loss or gradient was not finite; absent if none. */
  nonFiniteBatches?: number;
}

export class MetricsFile {
  readonly path: string;
  readonly #descriptor: number;

  private constructor(path: string) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, 'a');
    } catch (error) {
      throw fileError('write', path, error);
    }
  }

  /** Opens `metrics.jsonl` in a folder, keeping the lines of the first `steps` steps. */
  static async open(folder: string, steps: number): Promise<MetricsFile> {
    const path = join(folder, metricsFile);
    const kept = readMetrics(path).filter(({ step }) => step <= steps);
    await writeFileAtomically(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return new MetricsFile(path);
  }

  append(metrics: StepMetrics): void {
    try {
      appendFileSync(this.#descriptor, `${JSON.stringify(metrics)}\n`);
    } catch (error) {
      throw fileError('write', this.path, error);
    }
  }

  /** Flushes the lines to the disk. Done before a state is saved, so that no line of an earlier step can be missing. */
  flush(): void {
    try {
      fsyncSync(this.#descriptor);
    } catch (error) {
      throw fileError('write', this.path, error);
    }
  }

  close(): void {
    this.flush();
    closeSync(this.#descriptor);
  }
}

/** How many batches the run in a folder has skipped so far. */
export function countSkippedBatches(folder: string): number {
  const lines = readMetrics(join(folder, metricsFile));
  return lines.reduce((sum, { skippedBatches = 0 }) => sum + skippedBatches, 0);
}

/** The whole lines of a metrics file; a last line that was cut off is left out. */
export function readMetrics(path: string): StepMetrics[] {
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
      return JSON.parse(line) as StepMetrics;
    } catch {
      throw new LeiaError('format', `${path}: line ${index + 1} is not JSON`);
    }
  });
}

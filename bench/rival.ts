// PyTorch as a rival in the same run: a Python process that prepares the equivalent of a workload and times it when
// asked, in turns with ours. Whatever goes wrong there (no Python, no torch, an error, no answer in time) is one clear
// line, and ours is measured all the same. A process cannot be stopped within a run: if one variant takes too long, the
// process is ended, and a new one measures the other variants.
import { join } from 'node:path';
import { packageRoot } from '../lib/core/addon.ts';
import { LeiaError } from '../lib/index.ts';
import { type Answer, JsonProcess } from './json-process.ts';
import type { Contestant } from './timer.ts';
import type { RivalTask } from './workload.ts';

const script = join(packageRoot, 'bench', 'torch_reference.py');

export interface RivalOptions {
  /** From the command line; then LEIA_PYTHON, then what is on PATH. */
  python?: string | undefined;
  device: string;
  /** Of a CPU: as many as ours. */
  threads: number;
  /** How long an answer may take. On a GPU at least three minutes, since kernels are compiled there. */
  limitMilliseconds: number;
}

/**
 * PyTorch allocates its outputs anew in each call, and glibc gives large ones back to the system, to be cleared again
 * page by page. These settings keep them, as PyTorch itself does on a GPU: it shows the rival at its best.
 */
const keepMemory = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: String(2 ** 40) };

/** Versions and device, as the process states them. */
type Description = Record<string, string | number | null>;

/** How long importing torch or compiling kernels may take. */
const slowMilliseconds = 180_000;

export interface PreparedRival {
  contestants: Contestant[];
  /** Why variants are not there, by name. */
  failures: Record<string, string>;
}

export class TorchRival {
  readonly #python: string;
  readonly #options: RivalOptions;
  #process: JsonProcess;
  #description: Description = {};

  private constructor(python: string, options: RivalOptions) {
    this.#python = python;
    this.#options = options;
    this.#process = this.#spawn();
  }

  /**
   * Starts the first Python that has torch.
   * @throws LeiaError `unavailable` in one line, if none does or it cannot use the device.
   */
  static async start(options: RivalOptions): Promise<TorchRival> {
    const given = options.python ?? process.env.LEIA_PYTHON;
    const candidates = given === undefined ? ['python3', 'python'] : [given];
    let reason = '';
    for (const python of candidates) {
      const rival = new TorchRival(python, options);
      try {
        await rival.#begin();
        return rival;
      } catch (problem) {
        rival.close();
        reason ||= problem instanceof Error ? problem.message : String(problem);
      }
    }
    const hint = 'name a Python with torch by --python or LEIA_PYTHON';
    throw new LeiaError('unavailable', `no comparison with PyTorch: ${reason}; ${hint}`);
  }

  /** Versions and device, as the process states them. */
  get description(): { name: string } & Description {
    return { name: 'torch', ...this.#description };
  }

  /**
   * Has the equivalent of a workload ready, and frees what the last one held. Gives one contestant for each way torch
   * has of computing it, and why others are not there.
   *
   * @throws LeiaError `execution` if the process has ended by itself.
   */
  async prepare(task: RivalTask): Promise<PreparedRival> {
    const ready: string[] = [];
    const failures: Record<string, string> = {};
    for (const variant of await this.#beginTask(task, ready)) {
      try {
        await this.#prepareVariant(task, variant);
        ready.push(variant);
      } catch (error) {
        if (this.#process.ended) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        failures[variant] = this.#process.late ? `too slow to measure: ${reason}` : reason;
        if (this.#process.late) await this.#beginTask(task, ready);
      }
    }
    const contestants = ready.map((variant) => ({
      name: `torch ${variant}`,
      time: async (runs: number) => {
        const { milliseconds } = await this.#ask(
          { do: 'time', variant, runs },
          `to time ${variant}`,
        );
        return milliseconds as number;
      },
    }));
    return { contestants, failures };
  }

  /** Ends the process. */
  close(): void {
    this.#process.close();
  }

  #spawn(): JsonProcess {
    const { device, threads } = this.#options;
    const args = [script, '--device', device, '--threads', String(threads)];
    return new JsonProcess(this.#python, args, { ...process.env, ...keepMemory });
  }

  async #begin(): Promise<void> {
    this.#description = (await this.#process.start(slowMilliseconds)) as Description;
  }

  /** Tells a process, if need be a new one, what the task is, and has it prepare these variants. Returns all of them. */
  async #beginTask(task: RivalTask, ready: readonly string[]): Promise<string[]> {
    if (this.#process.late) {
      this.#process = this.#spawn();
      await this.#begin();
    }
    const { variants } = await this.#ask({ do: 'begin', task }, `to prepare ${task.kind}`);
    for (const variant of ready) await this.#prepareVariant(task, variant);
    return variants as string[];
  }

  async #prepareVariant({ kind }: RivalTask, variant: string): Promise<void> {
    await this.#ask({ do: 'prepare', variant }, `to prepare ${kind}, ${variant}`);
  }

  async #ask(request: object, what: string): Promise<Answer> {
    const { device, limitMilliseconds } = this.#options;
    const limit =
      device === 'cpu' ? limitMilliseconds : Math.max(limitMilliseconds, slowMilliseconds);
    return await this.#process.ask(request, what, limit);
  }
}

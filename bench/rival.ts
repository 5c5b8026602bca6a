// PyTorch as a rival in the same run: a Python process that prepares the equivalent of a workload and times it when
// asked, in turns with ours. It is talked to in lines of JSON. Whatever goes wrong there (no Python, no torch, an
// error, no answer in time) is one clear line, and what is ours is measured all the same.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../lib/core/addon.ts';
import { LeiaError } from '../lib/index.ts';
import type { Contestant } from './timer.ts';
import type { RivalTask } from './workload.ts';

const script = join(packageRoot, 'bench', 'torch_reference.py');

export interface RivalOptions {
  /** From the command line; then LEIA_PYTHON, then what is on PATH. */
  python?: string | undefined;
  device: string;
  /** As many as ours, on a CPU. */
  threads: number;
  /** How long an answer may take. */
  timeoutMilliseconds?: number;
}

/**
 * PyTorch allocates its outputs anew in each call, and glibc gives large ones back to the system, to be cleared again
 * page by page. Kept, they cost nothing, as on a GPU, where PyTorch caches them itself: the rival at its best.
 */
const keepMemory = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: String(2 ** 40) };

/** What the rival's process answered; every key is optional until looked at. */
type Answer = Record<string, unknown> & { error?: string };

/** Versions and device, as it says itself. */
type Description = Record<string, string | number | null>;

/** Importing torch and compiling kernels take their time, a round does not. */
const defaultTimeout = 180_000;

export class TorchRival {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #timeout: number;
  readonly #python: string;
  /** When it has ended and all it wrote has been read. */
  readonly #closed: Promise<unknown>;
  #lastWords = '';
  #description: Description = {};

  private constructor(python: string, options: RivalOptions) {
    this.#python = python;
    this.#timeout = options.timeoutMilliseconds ?? defaultTimeout;
    const args = [script, '--device', options.device, '--threads', String(options.threads)];
    this.#child = spawn(python, args, { env: { ...process.env, ...keepMemory } });
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.on('error', () => undefined); // It shows as an answer that does not come.
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-4000);
    });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
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
      const failure = new Promise<Error>((resolve) => rival.#child.once('error', resolve));
      const spawned = once(rival.#child, 'spawn').then(
        () => undefined,
        () => undefined,
      );
      const error = await Promise.race([failure, spawned]);
      if (error === undefined) {
        try {
          rival.#description = (await rival.#answer('to start')) as Description;
          return rival;
        } catch (problem) {
          rival.#child.kill('SIGKILL');
          reason ||= problem instanceof Error ? problem.message : String(problem);
        }
      } else {
        reason ||= `${python} does not start (${(error as NodeJS.ErrnoException).code})`;
      }
    }
    const hint = 'name a Python with torch by --python or LEIA_PYTHON';
    throw new LeiaError('unavailable', `no comparison with PyTorch: ${reason}; ${hint}`);
  }

  /** Versions and device, as it says itself. */
  get description(): { name: string } & Description {
    return { name: 'torch', ...this.#description };
  }

  /**
   * Has the equivalent of a workload ready. Gives one contestant for each way torch has of computing it, and why
   * others are not there.
   */
  async prepare(
    task: RivalTask,
  ): Promise<{ contestants: Contestant[]; failures: Record<string, string> }> {
    const answer = await this.#ask({ do: 'prepare', task }, `to prepare ${task.kind}`);
    const contestants = (answer.variants as string[]).map((variant) => ({
      name: `torch ${variant}`,
      time: async (runs: number) => {
        const { milliseconds } = await this.#ask(
          { do: 'time', variant, runs },
          `to time ${variant}`,
        );
        return milliseconds as number;
      },
    }));
    return { contestants, failures: answer.failures as Record<string, string> };
  }

  /** Frees what the last task held. */
  async drop(): Promise<void> {
    await this.#ask({ do: 'drop' }, 'to free its tensors');
  }

  /** Ends the process. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(request: object, what: string): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return await this.#answer(what);
  }

  async #answer(what: string): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.#timeout);
    });
    const line = await Promise.race([this.#answers.next(), late]);
    clearTimeout(timer);
    if (line === 'late') {
      this.close();
      throw this.#failure(what, `no answer within ${this.#timeout / 1000} s`);
    }
    if (line.done) {
      await this.#closed;
      throw this.#failure(what, this.#lastLine() ?? 'it ended');
    }
    const answer = parseAnswer(line.value);
    if (answer.error !== undefined) throw this.#failure(what, answer.error);
    return answer;
  }

  #failure(what: string, reason: string): LeiaError {
    return new LeiaError('execution', `${this.#python} was asked ${what}: ${reason}`);
  }

  #lastLine(): string | undefined {
    return this.#lastWords.trim().split('\n').at(-1) || undefined;
  }
}

function parseAnswer(line: string): Answer {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Answer;
  } catch {
    // Said below.
  }
  return { error: `an answer that is no JSON object: ${line.slice(0, 100)}` };
}

// A process that answers requests, both in lines of JSON. If it does not start, ends, or does not answer in time, the
// error is one clear line.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LeiaError } from '../lib/index.ts';

/** What the process answered; every key is optional until looked at. */
export type Answer = Record<string, unknown> & { error?: string };

export class JsonProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #program: string;
  /** Resolves when it runs, rejects if it cannot be started. */
  readonly #spawned: Promise<unknown>;
  /** When it has ended and all it wrote has been read. */
  readonly #closed: Promise<unknown>;
  #lastWords = '';
  #late = false;
  #ended = false;

  constructor(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#program = program;
    this.#child = spawn(program, args, { env });
    this.#spawned = new Promise((resolve, reject) => {
      this.#child.once('spawn', resolve);
      this.#child.once('error', (error: NodeJS.ErrnoException) =>
        reject(new LeiaError('unavailable', `${program} does not start (${error.code})`)),
      );
    });
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.on('error', () => undefined); // The missing answer is reported instead.
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-4000);
    });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Whether it was ended because an answer did not come in time. */
  get late(): boolean {
    return this.#late;
  }

  /** Whether it has ended by itself. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The first line that it writes, before any request. */
  async start(milliseconds: number): Promise<Answer> {
    await this.#spawned;
    return await this.#answer('to start', milliseconds);
  }

  /**
   * The answer to a request; `what` names it in errors. A process that takes longer is ended.
   *
   * @throws LeiaError `execution` in one line.
   */
  async ask(request: object, what: string, milliseconds: number): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return await this.#answer(what, milliseconds);
  }

  /** Ends the process. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #answer(what: string, milliseconds: number): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), milliseconds);
    });
    const line = await Promise.race([this.#answers.next(), late]);
    clearTimeout(timer);
    if (line === 'late') {
      this.#late = true;
      this.close();
      throw this.#failure(what, `no answer within ${milliseconds / 1000} s`);
    }
    if (line.done) {
      this.#ended = !this.#late;
      await this.#closed;
      throw this.#failure(what, this.#lastLine() ?? 'it ended');
    }
    const answer = parseAnswer(line.value);
    if (answer.error !== undefined) throw this.#failure(what, answer.error);
    return answer;
  }

  #failure(what: string, reason: string): LeiaError {
    return new LeiaError('execution', `${this.#program} was asked ${what}: ${reason}`);
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

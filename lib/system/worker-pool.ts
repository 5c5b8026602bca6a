// Work for several threads: tasks go out in order and their results come back in order, with a bounded
// number under way. A thread that fails or runs out of memory is one error, never a hang: it ends the work of all.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parentPort, type Transferable, Worker } from 'node:worker_threads';
import { LeiaError, type LeiaErrorCode } from './error.ts';

export interface PoolOptions {
  /** The module that calls {@link serve}. */
  script: URL;
  workers: number;
  /** Says where a task comes from, for the message when its thread fails. */
  where?: (task: unknown) => string;
  /** Memory for a worker's JavaScript, in MiB; one that needs more fails instead of taking the machine's. */
  heapMiB?: number;
}

/**
 * Room for what workers have just made, in MiB: V8's 48 each where they are few, since with 12 making text takes a
 * third longer; less where there are many, whose memory adds up.
 */
function youngMiB(workers: number): number {
  return Math.max(12, Math.min(48, Math.floor(144 / workers)));
}

/** Tasks a worker has at a time, so that it need not wait for the next, should the thread that gives them out be late. */
const tasksPerWorker = 4;

interface Message {
  id: number;
  result?: unknown;
  spent?: readonly ArrayBuffer[] | undefined;
  error?: { code: LeiaErrorCode; message: string };
}

interface Pending {
  task: unknown;
  reclaim(buffers: readonly ArrayBuffer[]): void;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** How the memory of tasks moves between threads, where it does. */
export interface TaskMemory<Task> {
  /** What of a task moves to the worker instead of being copied. */
  transfer(task: Task): Transferable[];
  /** Takes what of it comes back when the task is done. */
  reclaim?(buffers: readonly ArrayBuffer[]): void;
}

interface Job {
  number: number;
  data: unknown;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  #job: Job | undefined;
  readonly #threads: Thread[] = [];
  /** Why a thread has died. */
  #death: LeiaError | undefined;
  /** Ends the wait for the next task. */
  #stopWaiting: ((error: LeiaError) => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * The results of all tasks of a job, in their order. Every worker gets the job's data once. Throws what a task
   * threw, when its turn comes; that a thread has died, at once, whatever else is waited for. One job at a time.
   */
  async *map<Task, Result>(
    job: unknown,
    tasks: AsyncIterable<Task>,
    memory: TaskMemory<Task> = { transfer: () => [] },
  ): AsyncGenerator<Result, void, undefined> {
    const source = tasks[Symbol.asyncIterator]();
    const underWay: Promise<Result>[] = [];
    const limit = this.#options.workers * tasksPerWorker + 1;
    let isLast = false;
    this.#job = { number: (this.#job?.number ?? 0) + 1, data: job };
    try {
      for (;;) {
        while (!isLast && underWay.length < limit) {
          const next = await this.#unlessDead(source.next());
          if (next.done) isLast = true;
          else {
            const thread = this.#thread();
            thread.begin(this.#job);
            const result = thread.run(next.value, memory.transfer(next.value), (spent) =>
              memory.reclaim?.(spent),
            ) as Promise<Result>;
            result.catch(() => {}); // thrown when it is awaited
            underWay.push(result);
          }
        }
        const first = underWay.shift();
        if (first === undefined) return;
        yield await first;
      }
    } finally {
      const ended = source.return?.();
      // A source that waits for its next task, which may never come, ends only when it has given that.
      if (this.#death === undefined) await ended;
      else ended?.catch(() => {});
    }
  }

  /** What is awaited, or the error that a thread has died, whichever comes first. */
  #unlessDead<T>(awaited: Promise<T>): Promise<T> {
    // Promise.race would keep every result alive until a thread dies.
    return new Promise((resolve, reject) => {
      this.#stopWaiting = reject;
      if (this.#death !== undefined) reject(this.#death);
      awaited.then(resolve, reject);
    });
  }

  #die(error: LeiaError): void {
    this.#death ??= error;
    this.#stopWaiting?.(error);
    for (const thread of this.#threads) thread.fail(error);
  }

  /** Ends the threads; what they were doing is lost. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()));
  }

  /** The thread with least to do; a new one while all have something. */
  #thread(): Thread {
    let least: Thread | undefined;
    for (const thread of this.#threads) if (!least || thread.load < least.load) least = thread;
    if (least && (least.load === 0 || this.#threads.length >= this.#options.workers)) return least;
    const thread = new Thread(this.#options, (error) => this.#die(error));
    this.#threads.push(thread);
    return thread;
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #job = 0;
  #failure: LeiaError | undefined;

  readonly #where: PoolOptions['where'];
  readonly #onDeath: (error: LeiaError) => void;

  constructor(
    { script, workers, where, heapMiB = 768 }: PoolOptions,
    onDeath: (error: LeiaError) => void,
  ) {
    this.#where = where;
    this.#onDeath = onDeath;
    this.#worker = startWorker(script, heapMiB, workers);
    this.#worker.on('message', ({ id, result, error, spent }: Message) => {
      const task = this.#pending.get(id);
      this.#pending.delete(id);
      if (spent) task?.reclaim(spent);
      if (error) task?.reject(new LeiaError(error.code, error.message));
      else task?.resolve(result);
    });
    this.#worker.on('error', (error: Error & { code?: string }) => {
      this.#died(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? `a worker thread needed more than ${heapMiB} MiB of memory`
          : `a worker thread failed: ${error.message.replace(/\s+/g, ' ')}`,
        error,
      );
    });
    this.#worker.on('exit', (code) => {
      this.#died(`a worker thread ended before its work was done (exit code ${code})`);
    });
  }

  get load(): number {
    return this.#pending.size;
  }

  /** Gives the worker a job's data, unless it has them. */
  begin({ number, data }: Job): void {
    if (number === this.#job || this.#failure) return;
    this.#job = number;
    this.#worker.postMessage({ job: data });
  }

  run(task: unknown, transfer: Transferable[], reclaim: Pending['reclaim']): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#pending.set(id, { task, reclaim, resolve, reject });
      this.#worker.postMessage({ id, task }, transfer);
    });
  }

  async stop(): Promise<void> {
    this.#worker.removeAllListeners('exit');
    await this.#worker.terminate();
  }

  /** Gives up all tasks. */
  fail(error: LeiaError): void {
    this.#failure ??= error;
    for (const task of this.#pending.values()) task.reject(this.#failure);
    this.#pending.clear();
  }

  /** The worker has ended, for this reason. */
  #died(message: string, cause?: Error): void {
    if (this.#failure !== undefined) return;
    const [first] = this.#pending.values();
    const place = first && this.#where ? ` in ${this.#where(first.task)}` : '';
    this.#onDeath(new LeiaError('execution', `${message}${place}`, { cause }));
  }
}

/** A worker of a module of ours, also where modules are still TypeScript: Node 20 needs tsx's help then. */
function startWorker(script: URL, heapMiB: number, workers: number): Worker {
  const options = {
    resourceLimits: {
      maxOldGenerationSizeMb: heapMiB,
      maxYoungGenerationSizeMb: youngMiB(workers),
    },
  };
  if (!script.pathname.endsWith('.ts')) return new Worker(script, options);
  const tsx = createRequire(import.meta.url)
    .resolve('tsx/esm/api')
    .replace(/\.cjs$/, '.mjs');
  const [loader, module] = [pathToFileURL(tsx).href, script.href].map((url) => JSON.stringify(url));
  const code = `import(${loader}).then(({ register }) => { register(); return import(${module}); });`;
  return new Worker(code, { ...options, eval: true, execArgv: [] });
}

/** What has become of a task. */
export interface Done<Result> {
  result: Result;
  /** What of the result moves instead of being copied. */
  transfer: Transferable[];
  /** Memory of the task that has no use any more, for tasks to come. */
  spent?: ArrayBuffer[];
}

/** What a worker does with a task. */
export type Work<Task, Result = unknown> = (task: Task) => Promise<Done<Result>>;
type Order<Job, Task> = { job: Job } | { id: number; task: Task };

/** In a worker: makes of each job's data the function that does its tasks. */
export function serve<Job, Task>(start: (job: Job) => Promise<Work<Task>>): void {
  const port = parentPort!;
  let work: Promise<Work<Task>> | undefined;
  port.on('message', async (order: Order<Job, Task>) => {
    if ('job' in order) {
      work = start(order.job);
      return;
    }
    const { id, task } = order;
    try {
      const { result, transfer, spent = [] } = await (await work!)(task);
      port.postMessage({ id, result, spent } satisfies Message, [...transfer, ...spent]);
    } catch (error) {
      if (!(error instanceof LeiaError)) throw error;
      const { code, message } = error;
      port.postMessage({ id, error: { code, message } } satisfies Message);
    }
  });
}

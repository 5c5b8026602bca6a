// Threads that do tasks in order, and whatever can go wrong in one of them.
import { describe, expect, test } from 'vitest';
import { WorkerPool } from '../../lib/system/worker-pool.ts';
import type { Task } from './worker-pool-worker.ts';

const script = new URL('worker-pool-worker.ts', import.meta.url);

async function run(tasks: readonly Task[], workers = 2, heapMiB?: number): Promise<number[]> {
  const pool = new WorkerPool({
    script,
    workers,
    where: (task) => `task ${(task as Task).value}`,
    ...(heapMiB ? { heapMiB } : {}),
  });
  const results: number[] = [];
  const source = async function* () {
    yield* tasks;
  };
  try {
    for await (const result of pool.map<Task, number>(100, source())) results.push(result);
    return results;
  } finally {
    await pool.close();
  }
}

describe('a pool of threads', () => {
  test('gives results in the order of the tasks, whichever is done first', async () => {
    const tasks = Array.from({ length: 12 }, (_, i) => ({ value: i, wait: i % 3 === 0 ? 30 : 0 }));
    const expected = tasks.map(({ value }) => 100 + value);
    expect(await run(tasks, 3)).toEqual(expected);
    expect(await run([], 3)).toEqual([]);
  });

  test('throws what a task throws when its turn comes', async () => {
    const done: number[] = [];
    const pool = new WorkerPool({ script, workers: 2 });
    const tasks = async function* (): AsyncGenerator<Task> {
      yield { value: 1, wait: 50 };
      yield { value: 2, fate: 'refuse' };
      yield { value: 3 };
    };
    const work = async () => {
      for await (const result of pool.map<Task, number>(0, tasks())) done.push(result);
    };
    await expect(work()).rejects.toMatchObject({ code: 'format', message: '2 is refused' });
    expect(done).toEqual([1]);
    // Another job for the same threads.
    const more: number[] = [];
    const one = async function* (): AsyncGenerator<Task> {
      yield { value: 4 };
    };
    for await (const result of pool.map<Task, number>(1000, one())) more.push(result);
    expect(more).toEqual([1004]);
    await pool.close();
  });

  test('memory moves to a thread and comes back', async () => {
    const pool = new WorkerPool({ script, workers: 2 });
    const sent: Uint8Array<ArrayBuffer>[] = [];
    const back: ArrayBuffer[] = [];
    const tasks = async function* (): AsyncGenerator<Task> {
      for (let value = 0; value < 9; value++) {
        const memory = Uint8Array.of(value);
        sent.push(memory);
        yield { value, memory };
      }
    };
    const memory = {
      transfer: (task: Task) => [task.memory!.buffer],
      reclaim: (buffers: readonly ArrayBuffer[]) => back.push(...buffers),
    };
    for await (const _ of pool.map<Task, number>(100, tasks(), memory));
    await pool.close();
    expect(sent.every(({ length }) => length === 0)).toBe(true);
    const values = back.map((buffer) => new Uint8Array(buffer)[0]!);
    expect(values.sort()).toEqual([100, 101, 102, 103, 104, 105, 106, 107, 108]);
  });

  test.each([
    ['break', 'a worker thread failed: not a function in task 5'],
    ['exit', 'a worker thread ended before its work was done (exit code 7) in task 5'],
    ['fill memory', 'a worker thread needed more than 30 MiB of memory in task 5'],
  ] as const)('a thread that must %s is one error', async (fate, message) => {
    await expect(run([{ value: 5, fate }, { value: 6 }], 1, 30)).rejects.toMatchObject({
      name: 'LeiaError',
      code: 'execution',
      message,
    });
  });

  test.each(['exit', 'fill memory'] as const)(
    'a thread that must %s ends the work, whatever else is waited for',
    async (fate) => {
      const forever = 2 ** 31 - 1;
      const message = /^a worker thread (ended before|needed more).* in task 2$/;
      const failure = { code: 'execution', message: expect.stringMatching(message) };
      // The task before is never done.
      const tasks = [
        { value: 1, wait: forever },
        { value: 2, fate },
      ];
      await expect(run(tasks, 2, 30)).rejects.toMatchObject(failure);

      // The next task never comes.
      const pool = new WorkerPool({
        script,
        workers: 2,
        heapMiB: 30,
        where: (task) => `task ${(task as Task).value}`,
      });
      const source = async function* (): AsyncGenerator<Task> {
        yield { value: 2, fate };
        await new Promise(() => {});
      };
      const work = async () => {
        for await (const _ of pool.map<Task, number>(0, source()));
      };
      await expect(work()).rejects.toMatchObject(failure);
      // A dead pool does no more work.
      await expect(work()).rejects.toMatchObject(failure);
      await pool.close();
    },
  );
});

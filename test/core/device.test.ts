// Devices: the queue runs beside the event loop, the first error is reported once with what failed, and each
// worker thread has a stream of its own. What concerns a whole process runs in children.
import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Device, LeiaError, ops, Tensor } from '../../lib/ops.ts';
import { runChild } from '../support/child.ts';

const device = Device.open();

/** Queues an operation that fails when it runs. */
function queueFailure(id = 9): void {
  using ids = Tensor.from(Int32Array.of(1, id), [2]);
  using weight = Tensor.zeros([7, 4]);
  ops.embeddingForward({ ids, weight }).output.dispose();
}

const failure =
  'embeddingForward(ids: int32[2], weight: float32[7, 4], output: float32[2, 4]): id 9 at position [1] is not a row of the table, expected 0 to 6';

async function refused(promise: Promise<unknown>): Promise<LeiaError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LeiaError);
  return error as LeiaError;
}

describe('open', () => {
  test('gives one device per name, the CPU by default', () => {
    expect(Device.open('cpu')).toBe(Device.open());
    expect(Device.open().name).toBe('cpu');
  });

  test('emulated is for tests', () => {
    const message =
      /^device 'emulated' is not part of this build(, which was made without nvcc)?; use 'cpu'$/;
    expect(() => Device.open('emulated')).toThrow(
      expect.objectContaining({ code: 'unavailable', message: expect.stringMatching(message) }),
    );
  });

  test('of cuda it says what is missing', () => {
    const hasDriver = existsSync('/proc/driver/nvidia/version');
    const reason = hasDriver
      ? /this machine has \d+|no usable GPU|not part of this build/
      : /no NVIDIA driver was found|not part of this build/;
    expect(() => Device.open('cuda:99')).toThrow(
      expect.objectContaining({ code: 'unavailable', message: expect.stringMatching(reason) }),
    );
  });

  test.each(['', 'gpu', 'CPU'])('%j is unknown', (name) => {
    expect(() => Device.open(name)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: `unknown device '${name}', expected 'cpu', 'cuda' or 'cuda:N'`,
      }),
    );
  });
});

describe('errors of queued work', () => {
  test('the first one rejects synchronize(), with operation, shapes, dtypes and the value', async () => {
    queueFailure();
    queueFailure(11);
    const error = await refused(device.synchronize());
    expect(error.message).toBe(failure);
    expect(error.code).toBe('argument');
    await expect(device.synchronize()).resolves.toBeUndefined();
  });

  test('skipped work frees what it held', async () => {
    await device.synchronize();
    const before = device.liveBytes;
    queueFailure();
    for (let i = 0; i < 3; i++) {
      using tensor = Tensor.zeros([1000]);
      ops.cast({ input: tensor }).output.dispose();
    }
    await refused(device.synchronize());
    expect(device.liveBytes).toBe(before);
  });
});

describe('the event loop', () => {
  test('turns while work runs', async () => {
    using a = Tensor.zeros([1000, 1000]);
    const outputs = Array.from({ length: 6 }, () => ops.matmul({ a, b: a }).output);
    let turns = 0;
    let done = false;
    const finished = device.synchronize().then(() => {
      done = true;
    });
    while (!done) {
      await setImmediate();
      turns++;
    }
    await finished;
    for (const output of outputs) output.dispose();
    // A loop that waits for the work turns once or twice.
    expect(turns).toBeGreaterThan(20);
  });

  test('many synchronisations are answered in order', async () => {
    const order: number[] = [];
    using tensor = Tensor.zeros([10]);
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => {
        ops.fill({ output: tensor, value: i });
        return device.synchronize().then(() => order.push(i));
      }),
    );
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

describe('processes and threads', () => {
  test('with LEIA_DEBUG=1 an operation throws where it was called', async () => {
    const { code, output, errors } = await runChild('core/children/debug.ts', { LEIA_DEBUG: '1' });
    expect(errors).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual({
      thrown: failure,
      here: true,
      used: failure,
      read: failure,
      values: [5, 5],
    });
  });

  test('without, it does not', async () => {
    const { output } = await runChild('core/children/debug.ts', { LEIA_DEBUG: '' });
    expect(JSON.parse(output)).toEqual({ read: failure, rejected: failure, values: [5, 5] });
  });

  test('workers have streams of their own, end with work queued, and leave the others alone', async () => {
    const { code, signal, output, errors } = await runChild('core/children/workers.ts');
    expect(errors).toBe('');
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(JSON.parse(output)).toEqual({
      sums: [4, 8, 12, 16],
      failed: failure,
      terminated: true,
      main: [3, 3],
    });
  });

  test('a worker may be ended while native code throws', async () => {
    const { code, signal, output, errors } = await runChild('core/children/terminate.ts');
    expect(errors).toBe('');
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(output).toBe('ended\n');
  });

  test.each(['left', 'exit', 'thrown'])(
    'an error that nobody awaits ends a process (%s) and a worker with that error',
    async (mode) => {
      const alone = await runChild('core/children/unawaited.ts', {}, [], [mode]);
      expect(alone.errors).toContain(`LeiaError: ${failure}`);
      expect(alone.errors.split(failure)).toHaveLength(2);
      expect(alone).toMatchObject({ code: 1, signal: null, output: '' });
      const inside = await runChild('core/children/unawaited.ts', {}, [], [mode, 'worker']);
      const said = mode === 'exit' ? inside.errors : inside.output;
      expect(said).toContain(failure);
      expect(inside.output).toContain('exit code 1');
    },
  );

  test.each([
    ['read', 'caught\ncaught\n'],
    ['synchronised', 'caught\n'],
  ])('an error that somebody handled (%s) is not said again', async (mode, output) => {
    const result = await runChild('core/children/unawaited.ts', {}, [], [mode]);
    expect(result).toEqual({ code: 0, signal: null, output, errors: '' });
  });

  test.each([
    ['awaited', 'done\n'],
    ['left', ''],
    ['exit', ''],
  ])('a process with work that is %s ends', async (mode, expected) => {
    const { code, signal, output, errors } = await runChild('core/children/end.ts', {}, [], [mode]);
    expect(errors).toBe('');
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(output).toBe(expected);
  });
});

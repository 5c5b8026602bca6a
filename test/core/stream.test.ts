// What a stream does for a trainer, on every device: it keeps the order of work and copies, measures time,
// replays what was captured, and takes memory back.
import { constants } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { Device, ops, Tensor } from '../../lib/ops.ts';
import { deviceName } from '../ops/case.ts';
import { steadyBytes } from '../support/steady-bytes.ts';

const device = Device.open(deviceName);
const here = { device };

describe('copies', () => {
  // Larger than the buffers that copies to a GPU go through, and no multiple of them.
  const count = 5_000_001;

  test('large ones arrive whole, in the order of the stream', async () => {
    const values = Float32Array.from({ length: count }, (_, i) => i);
    using tensor = Tensor.from(values, [count], here);
    values.fill(-1);
    using doubled = ops.residualAdd({ a: tensor, b: tensor }).output;
    tensor.write(values);
    const [before, after] = await Promise.all([doubled.readFloats(), tensor.readFloats()]);
    expect(before.findIndex((value, i) => value !== Math.fround(2 * i))).toBe(-1);
    expect(after.every((value) => value === -1)).toBe(true);
  });

  test('into a pinned buffer, at any place, as bits and as numbers', async () => {
    const values = Float32Array.from({ length: 40_003 }, (_, i) => i % 251);
    using floats = Tensor.from(values, [values.length], here);
    using halves = floats.to('bfloat16');
    const buffer = device.pinnedBuffer(3 * 4 * values.length);
    const parts = [0, 1, 2].map(
      (i) => new Float32Array(buffer, 4 * i * values.length, values.length),
    );
    for (const part of parts) part.fill(-1);
    const bits = new Uint16Array(buffer, 4 * values.length + 2, values.length);
    await Promise.all([
      floats.readInto(parts[0]!),
      halves.readInto(bits),
      halves.readInto(parts[2]!),
    ]);
    expect(parts[0]).toEqual(values);
    expect(bits).toEqual(await halves.readBits());
    expect(parts[2]).toEqual(values);
    // Nothing but the targets was written.
    expect(new Uint16Array(buffer, 4 * values.length, 1)[0]).toBe(0x0000);
    expect(parts[1]!.at(-1)).toBe(-1);
  });

  test('a pinned buffer of nothing, of too much, and of no number of bytes', async () => {
    using none = Tensor.from([], [0], here);
    const empty = device.pinnedBuffer(0);
    expect(empty.byteLength).toBe(0);
    expect(await none.readInto(new Float32Array(empty))).toEqual(new Float32Array(0));
    const message = 'pinnedBuffer: expected 0 bytes or more, got -1';
    expect(() => device.pinnedBuffer(-1)).toThrow(
      expect.objectContaining({ code: 'argument', message }),
    );
    expect(() => device.pinnedBuffer(1.5)).toThrow(expect.objectContaining({ code: 'argument' }));
    const tooMuch = expect.objectContaining({
      code: 'argument',
      message: expect.stringMatching(/^pinnedBuffer: \d+ bytes are more than \d+, the most that/),
    });
    expect(() => device.pinnedBuffer(constants.MAX_LENGTH + 1)).toThrow(tooMuch);
  });

  test('many small ones keep their order, whatever reads the tensor between them', async () => {
    using tensor = Tensor.zeros([3], here);
    using sum = Tensor.zeros([3], here);
    const count = 150; // more than there are buffers for
    for (let i = 1; i <= count; i++) {
      tensor.write([i, 2 * i, -i]);
      ops.residualAdd({ a: sum, b: tensor, output: sum });
    }
    const total = (count * (count + 1)) / 2;
    expect(await sum.read()).toEqual(Float32Array.of(total, 2 * total, -total));
  });

  test('empty and single values', async () => {
    using none = Tensor.from([], [0], here);
    expect(await none.read()).toEqual(new Float32Array(0));
    using one = Tensor.from(Int32Array.of(7), [1], here);
    expect(await one.read()).toEqual(Int32Array.of(7));
  });
});

describe('events', () => {
  test('time passes between two of them, none at one', async () => {
    const start = device.recordEvent();
    using tensor = Tensor.zeros([1_000_000], here);
    for (let i = 0; i < 10; i++) ops.fill({ output: tensor, value: i });
    const end = device.recordEvent();
    expect(await end.elapsedSince(start)).toBeGreaterThan(0);
    expect(await end.elapsedSince(end)).toBe(0);
    expect(await start.elapsedSince(end)).toBeLessThan(0);
  });
});

describe('capture', () => {
  test('records without running, and replays with what the tensors hold then', async () => {
    using a = Tensor.from([1, 2], [2], here);
    using b = Tensor.from([10, 20], [2], here);
    using sum = Tensor.zeros([2], here);
    using graph = device.capture(() => {
      ops.residualAdd({ a, b, output: sum });
      ops.residualAdd({ a: sum, b, output: a });
    });
    expect(await sum.read()).toEqual(Float32Array.of(0, 0));
    graph.replay();
    expect(await a.read()).toEqual(Float32Array.of(21, 42));
    b.write([1, 1]);
    graph.replay();
    graph.replay();
    expect(await a.read()).toEqual(Float32Array.of(25, 46));
    expect(await sum.read()).toEqual(Float32Array.of(24, 45));
  });

  test('keeps the tensors it uses, until it is disposed', async () => {
    const before = await steadyBytes(device);
    const output = Tensor.zeros([1000], here);
    const view = output.view([1000]);
    const graph = device.capture(() => ops.fill({ output, value: 4 }));
    output.dispose();
    graph.replay();
    expect((await view.readFloats())[999]).toBe(4);
    view.dispose();
    expect(device.liveBytes).toBe(before + 4000);
    graph.dispose();
    await device.synchronize();
    expect(device.liveBytes).toBe(before);
    expect(() => graph.replay()).toThrow('this graph was disposed');
  });

  test('reports a bad value at every replay, and goes on', async () => {
    using ids = Tensor.from(Int32Array.of(1, 9), [2], here);
    using weight = Tensor.from([0, 1, 2, 3], [4, 1], here);
    using output = Tensor.zeros([2, 1], here);
    using graph = device.capture(() => ops.embeddingForward({ ids, weight, output }));
    for (let i = 0; i < 2; i++) {
      graph.replay();
      await expect(device.synchronize()).rejects.toThrow(
        'output: float32[2, 1]): id 9 at position [1] is not a row of the table, expected 0 to 3',
      );
    }
    ids.write(Int32Array.of(3, 2));
    graph.replay();
    expect(await output.read()).toEqual(Float32Array.of(3, 2));
  });

  test('takes operations only, and ends when one is refused', async () => {
    using tensor = Tensor.zeros([3], here);
    const during = (call: () => unknown) => () => device.capture(() => void call());
    expect(during(() => tensor.write([1, 2, 3]))).toThrow('write: not possible during a capture');
    expect(during(() => device.recordEvent())).toThrow('recordEvent: not possible');
    expect(during(() => device.synchronize())).toThrow('synchronize: not possible');
    expect(during(() => device.capture(() => {}))).toThrow('capture: not possible');
    using graph = device.capture(() => ops.fill({ output: tensor, value: 1 }));
    expect(during(() => graph.replay())).toThrow('replay: not possible');
    expect(during(() => ops.fill({ output: tensor, value: Number.NaN }))).not.toThrow();
    expect(() => device.capture(async () => {})).toThrow('does not wait for anything');
    expect(await tensor.read()).toEqual(Float32Array.of(0, 0, 0));
  });
});

describe('an error', () => {
  const said = 'id 9 at position [1] is not a row of the table, expected 0 to 3';
  const good = Int32Array.of(1, 2);
  const bad = Int32Array.of(1, 9);

  /** A tensor [2, 2] whose values are missing, for an operation failed. */
  function failed(): Tensor {
    using ids = Tensor.from(bad, [2], here);
    using weight = Tensor.zeros([4, 2], here);
    return ops.embeddingForward({ ids, weight }).output;
  }

  test('concerns who uses what hangs on it, and nobody else', async () => {
    const unlucky = async () => {
      using output = failed();
      using sum = ops.residualAdd({ a: output, b: output }).output;
      await expect(sum.read()).rejects.toThrow(said);
      await expect(sum.read()).rejects.toThrow(said);
      await expect(output.read()).rejects.toThrow(said);
    };
    const other = async () => {
      for (let i = 0; i < 5; i++) {
        using a = Tensor.from([i, 2], [2], here);
        using sum = ops.residualAdd({ a, b: a }).output;
        expect(await sum.read()).toEqual(Float32Array.of(2 * i, 4));
      }
    };
    await Promise.all([unlucky(), other(), unlucky()]);
    await expect(device.synchronize()).resolves.toBeUndefined();
  });

  test('is told once by synchronize(), and by every read of what it spoiled', async () => {
    using output = failed();
    await expect(device.synchronize()).rejects.toThrow(`embeddingForward(ids: int32[2], `);
    await expect(device.synchronize()).resolves.toBeUndefined();
    using later = ops.cast({ input: output, dtype: 'bfloat16' }).output;
    await expect(later.read()).rejects.toThrow(said);
    await expect(output.read()).rejects.toThrow(said);
  });

  test('of several, the first that something hangs on is the one', async () => {
    using ids = Tensor.from(Int32Array.of(-7), [1], here);
    using weight = Tensor.zeros([4, 4], here);
    using first = failed();
    using second = ops.embeddingForward({ ids, weight }).output;
    using one = second.view([2, 2]);
    using sum = ops.residualAdd({ a: one, b: first }).output;
    await expect(sum.read()).rejects.toThrow('id 9');
    await expect(second.read()).rejects.toThrow('id -7');
    // What failed anew is spoiled by that.
    using more = Tensor.from(Int32Array.of(-8, 0), [2], here);
    using narrow = weight.view([4, 2]);
    ops.embeddingForward({ ids: more, weight: narrow, output: first });
    await expect(first.read()).rejects.toThrow('id -8');
  });

  test('ends where the memory is written again, part by part', async () => {
    using output = failed();
    using top = output.slice(0, 1);
    using bottom = output.slice(1, 2);
    using middle = output.view([2], 1);
    top.write([1, 2]);
    expect(await top.read()).toEqual(Float32Array.of(1, 2));
    for (const tensor of [bottom, middle, output]) {
      await expect(tensor.read()).rejects.toThrow(said);
    }
    ops.fill({ output: middle, value: 5 });
    expect(await middle.read()).toEqual(Float32Array.of(5, 5));
    await expect(output.read()).rejects.toThrow(said);
    ops.residualAdd({ a: top, b: top, output: bottom });
    expect(await output.read()).toEqual(Float32Array.of(1, 5, 2, 10));
  });

  test('stays where a result is added to, and ends where it is overwritten', async () => {
    using output = failed();
    using a = Tensor.from([1, 2, 3, 4], [2, 2], here);
    ops.matmul({ a, b: a, output, accumulate: true });
    await expect(output.read()).rejects.toThrow(said);
    ops.residualAdd({ a: output, b: a, output });
    await expect(output.read()).rejects.toThrow(said);
    ops.matmul({ a, b: a, output });
    expect(await output.read()).toEqual(Float32Array.of(7, 10, 15, 22));
  });

  test('does not reach memory that is given out again', async () => {
    for (let i = 0; i < 20; i++) {
      failed().dispose();
      using next = Tensor.empty([2, 2], here);
      ops.fill({ output: next, value: i });
      expect((await next.readFloats())[3]).toBe(i);
    }
    await expect(device.synchronize()).rejects.toThrow(said);
  });

  test('follows the data, however far ahead JavaScript is and whatever was disposed since', async () => {
    let spoiled = failed();
    using sound = Tensor.zeros([2, 2], here);
    using one = Tensor.from([1, 1, 1, 1], [2, 2], here);
    for (let i = 0; i < 3000; i++) {
      const next = ops.residualAdd({ a: spoiled, b: one }).output;
      spoiled.dispose();
      spoiled = next;
      ops.residualAdd({ a: sound, b: one, output: sound });
    }
    expect(await sound.read()).toEqual(Float32Array.of(3000, 3000, 3000, 3000));
    await expect(spoiled.read()).rejects.toThrow(said);
    spoiled.dispose();
  });

  test.each([
    ['fills', 4090, 4097],
    ['lookups', 1020, 1026],
  ])('is told however many %s there are between the error and the read', async (what, from, to) => {
    using scratch = Tensor.empty([1, 2], here);
    using ids = Tensor.from(Int32Array.of(0), [1], here);
    using weight = Tensor.zeros([4, 2], here);
    for (let count = from; count <= to; count++) {
      await device.synchronize();
      using output = failed();
      for (let i = 0; i < count; i++) {
        if (what === 'fills') ops.fill({ output: scratch, value: i });
        else ops.embeddingForward({ ids, weight, output: scratch });
      }
      await expect(output.read()).rejects.toThrow(said);
    }
  });

  test('in a captured graph is that of each of its operations', async () => {
    using ids = Tensor.from(good, [2], here);
    using weight = Tensor.from([0, 1, 2, 3, 4, 5, 6, 7], [4, 2], here);
    using output = Tensor.zeros([2, 2], here);
    using doubled = Tensor.zeros([2, 2], here);
    using count = Tensor.zeros([2, 2], here);
    using one = Tensor.from([1, 1, 1, 1], [2, 2], here);
    using graph = device.capture(() => {
      ops.embeddingForward({ ids, weight, output });
      ops.residualAdd({ a: output, b: output, output: doubled });
      ops.residualAdd({ a: count, b: one, output: count });
    });
    let replays = 0;
    for (const values of [bad, good, bad, bad, good, good]) {
      ids.write(values);
      graph.replay();
      replays++;
      if (values === good) {
        expect(await doubled.read()).toEqual(Float32Array.of(4, 6, 8, 10));
      } else {
        await expect(doubled.read()).rejects.toThrow(said);
      }
      expect((await count.readFloats())[0]).toBe(replays);
    }
    await expect(device.synchronize()).resolves.toBeUndefined();
  });
});

describe('values that only a kernel sees', () => {
  const bad = (id: number) => {
    using ids = Tensor.from(Int32Array.of(0, id, 7), [3], here);
    using weight = Tensor.zeros([4, 2], here);
    ops.embeddingForward({ ids, weight }).output.dispose();
  };

  test('the first bad one of the first bad operation is said, once', async () => {
    bad(-5);
    bad(6);
    const said = 'id -5 at position [1] is not a row of the table, expected 0 to 3';
    await expect(device.synchronize()).rejects.toThrow(said);
    await expect(device.synchronize()).resolves.toBeUndefined();
  });

  test('also of more operations than there is room to remember', async () => {
    using ids = Tensor.from(Int32Array.of(0), [1], here);
    using weight = Tensor.zeros([4, 2], here);
    using output = Tensor.empty([1, 2], here);
    for (let i = 0; i < 3000; i++) {
      if (i === 5) bad(8);
      ops.embeddingForward({ ids, weight, output });
    }
    await expect(device.synchronize()).rejects.toThrow('id 8 at position [1]');
  });
});

describe('memory', () => {
  test('knows the most memory that was taken: tensors that are gone, and what operations need beside them', async () => {
    await device.synchronize();
    const count = 64 * 2 ** 20;
    const peak = device.peakBytes;
    Tensor.empty([count], here).dispose();
    await device.synchronize();
    const withTensor = device.peakBytes;
    expect(withTensor - peak).toBeLessThanOrEqual(4 * count);
    expect(withTensor).toBeGreaterThanOrEqual(4 * count);
    expect(device.peakBytes).toBe(withTensor);
    // What was taken is not taken twice.
    Tensor.empty([count], here).dispose();
    expect(device.peakBytes).toBe(withTensor);
    // The gradient of the weight is first summed up for parts of the rows, in memory of the operation's own.
    const [rows, hidden] = [300, 50_000];
    using _ = Tensor.empty([count], here); // all that is kept for later
    using input = Tensor.zeros([rows, hidden], here);
    using weight = Tensor.zeros([hidden], here);
    using gradWeight = Tensor.zeros([hidden], here);
    using inverseRms = Tensor.zeros([rows], here);
    await device.synchronize();
    const before = device.peakBytes;
    ops.rmsNormBackward({
      gradOutput: input,
      input,
      weight,
      inverseRms,
      gradInput: input,
      gradWeight,
    });
    await device.synchronize();
    expect(device.peakBytes - before).toBeGreaterThanOrEqual(Math.ceil(rows / 16) * hidden * 4);
  });

  test('comes back when it is disposed, also while work uses it', async () => {
    const before = await steadyBytes(device);
    using last = Tensor.zeros([1 << 20], here);
    for (let i = 1; i <= 20; i++) {
      using next = Tensor.empty([1 << 20], here);
      ops.fill({ output: next, value: i });
      ops.residualAdd({ a: last, b: next, output: last });
    }
    const values = await last.readFloats();
    expect(values.every((value) => value === 210)).toBe(true);
    expect(device.liveBytes).toBe(before + last.shape[0]! * 4);
  });

  test('what is too much is said, and the device goes on', async () => {
    expect(() => Tensor.empty([2 ** 45], here)).toThrow(
      new RegExp(
        `out of memory on ${deviceName}: asked for ${4 * 2 ** 45} bytes, \\d+ bytes are live`,
      ),
    );
    using tensor = Tensor.from([1], [1], here);
    expect(await tensor.read()).toEqual(Float32Array.of(1));
  });

  test('what the device is and has', () => {
    const { description, freeBytes, totalBytes } = device.properties;
    expect(description).not.toBe('');
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });
});

// A GPU remembers what went wrong in a captured graph in words that are too few for this one.
if (deviceName !== 'cpu') {
  test('a graph that cannot be captured fails all of its operations, and nothing else', async () => {
    using ids = Tensor.from(Int32Array.of(1), [1], here);
    using weight = Tensor.from([3, 4], [2, 1], here);
    using outputs = Tensor.zeros([1100, 1], here);
    using other = Tensor.from([5], [1], here);
    using graph = device.capture(() => {
      for (let row = 0; row < 1100; row++) {
        using output = outputs.slice(row, row + 1);
        ops.embeddingForward({ ids, weight, output });
      }
    });
    const said =
      /^graph of 1100 operations: .* more than 1024 operations that check their inputs in/;
    graph.replay(); // each by itself
    expect((await outputs.readFloats())[1099]).toBe(4);
    for (let i = 0; i < 2; i++) {
      graph.replay();
      expect(await other.read()).toEqual(Float32Array.of(5));
      using last = outputs.slice(1099, 1100);
      await expect(last.read()).rejects.toThrow(said);
      await expect(device.synchronize()).resolves.toBeUndefined();
    }
    ops.fill({ output: outputs, value: 7 });
    expect((await outputs.readFloats())[1099]).toBe(7);
  });
}

// The emulator always has four; not every machine with a GPU does.
if (deviceName === 'emulated') {
  test('several devices have tensors and streams of their own, and do not mix', async () => {
    const second = Device.open('emulated:1');
    using a = Tensor.from([1, 2], [2], { device: second });
    using b = Tensor.from([3, 4], [2], { device: second });
    using sum = ops.residualAdd({ a, b }).output;
    expect(sum.device.name).toBe('emulated:1');
    expect(await sum.read()).toEqual(Float32Array.of(4, 6));
    using other = Tensor.from([5, 6], [2], here);
    expect(() => ops.residualAdd({ a, b: other })).toThrow(
      'residualAdd: b is on emulated, but a is on emulated:1; copy one of them first',
    );
    expect(() => Device.open('emulated:4')).toThrow(
      "device 'emulated:4': this machine has 4 of them, the last is 'emulated:3'",
    );
  });
}

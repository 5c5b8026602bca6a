// Streams and threads as native code sees them: who waits for whom, when a copy arrives, and what a loop does whose
// iterations throw. On the emulator, in an addon of its own (test/native/streams.h).
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

interface NativeStreams {
  /** Whether the read was done before later work was launched, and the values read. Hangs if launching waits for it. */
  readBehindAKernel(elements: number, intoPinned: boolean): Float32Array;
  /** What pinned memory holds before and after the wait for a copy to it. */
  copyToPinned(value: number): Float32Array;
  /** Three times: what was thrown (-1 nothing, -2 bad_alloc), calls after the end, and the sum of a sound loop. */
  loopsThatThrow(threads: number, count: number, first: number, kind: string): Float32Array;
}

const build = resolve(import.meta.dirname, '../..', process.env.LEIA_BUILD ?? 'build');
const addon = createRequire(import.meta.url)(
  join(build, 'tests/emulator_tests.node'),
) as NativeStreams;

test('a copy to the host arrives when it is waited for, with what was there in its turn', () => {
  const [before, after] = addon.copyToPinned(3.5);
  expect(before).not.toBe(3.5);
  expect(before).not.toBe(0);
  expect(after).toBe(3.5);
});

test.each([
  [1, 'any', false],
  [1000, 'any', false],
  [16384, 'any', false],
  [1, 'pinned', true],
  [16385, 'pinned', true],
  [300_000, 'pinned', true],
])('%d numbers are read to %s memory while later work is launched', (count, _, intoPinned) => {
  const [read, ...values] = addon.readBehindAKernel(count, intoPinned);
  expect(read).toBe(0);
  expect(values).toEqual(Array.from({ length: count }, (_, i) => i + 1));
});

describe.each([1, 2, 5])('a pool of %d threads', (threads) => {
  test.each([
    [1, 0],
    [2, 1],
    [300, 0],
    [300, 250],
    [300, 299],
  ])('throws one of the errors of a loop of %d from %d on, and goes on', (count, first) => {
    const sum = (count * (count - 1)) / 2;
    const results = [...addon.loopsThatThrow(threads, count, first, 'error')];
    for (let round = 0; round < 3; round++) {
      const [thrown, late, after] = results.slice(3 * round) as [number, number, number];
      expect(thrown).toBeGreaterThanOrEqual(first);
      expect(thrown).toBeLessThan(count);
      if (threads === 1) expect(thrown).toBe(first);
      expect({ late, after }).toEqual({ late: 0, after: sum });
    }
    const memory = [...addon.loopsThatThrow(threads, count, first, 'memory')];
    expect(memory).toEqual([-2, 0, sum, -2, 0, sum, -2, 0, sum]);
    const none = [...addon.loopsThatThrow(threads, count, count, 'error')];
    expect(none).toEqual([-1, 0, sum, -1, 0, sum, -1, 0, sum]);
  });
});

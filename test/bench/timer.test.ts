import { beforeEach, describe, expect, test } from 'vitest';
import { type Contestant, timeInTurns } from '../../bench/timer.ts';
import { compare } from '../../bench/workload.ts';

describe('rounds', () => {
  const asked: string[] = [];
  beforeEach(() => {
    asked.length = 0;
  });
  /** Takes these milliseconds per run, one after the other; what is none is an error. */
  const contestant = (name: string, times: (number | string)[]): Contestant => ({
    name,
    time: async (runs) => {
      asked.push(`${name}${runs}`);
      const time = times.shift()!;
      if (typeof time === 'string') throw new Error(time);
      return time;
    },
  });
  const options = { rounds: 3, roundMilliseconds: 10, limitMilliseconds: 1000 };

  test('take turns, and give best and median', async () => {
    const { timings, left } = await timeInTurns(
      [contestant('a', [90, 2, 5, 3, 4]), contestant('b', [90, 20, 7, 8, 9])],
      options,
    );
    expect(asked).toEqual(['a1', 'a2', 'b1', 'b2', 'a5', 'b1', 'b1', 'a5', 'a5', 'b1']);
    expect(timings.get('a')).toEqual({ best: 3, median: 4, rounds: 3, runs: 5 });
    expect(timings.get('b')).toEqual({ best: 7, median: 8, rounds: 3, runs: 1 });
    expect(left).toEqual(new Map());
  });

  test('are fewer for who is slow, and none for who is too slow', async () => {
    const { timings, left } = await timeInTurns(
      [
        contestant('ours', [1, 1, 1, 1, 1]),
        // 200 and twice 190 of 1,000 are gone: there is time for two rounds.
        contestant('slow', [200, 190, 180, 170]),
        contestant('slower', [251]),
        // Only its first run was fast.
        contestant('later', [5, 400]),
      ],
      options,
    );
    expect(timings.get('ours')).toMatchObject({ rounds: 3, runs: 10 });
    expect(timings.get('slow')).toEqual({ best: 170, median: 175, rounds: 2, runs: 1 });
    expect([...timings.keys()]).toEqual(['ours', 'slow']);
    expect(Object.fromEntries(left)).toEqual({
      slower: 'too slow to measure: one run takes 0.251 s, the limit for all is 1 s',
      later: 'too slow to measure: one run takes 0.4 s, the limit for all is 1 s',
    });
    expect(asked.filter((one) => one.startsWith('slower'))).toEqual(['slower1']);
  });

  test('go on without who fails', async () => {
    const { timings, left } = await timeInTurns(
      [
        contestant('a', [1, 1, 1, 1, 1]),
        contestant('b', [1, 1, 1, 'gone']),
        contestant('c', ['no']),
      ],
      options,
    );
    expect([...timings.keys()]).toEqual(['a']);
    expect(Object.fromEntries(left)).toEqual({ b: 'gone', c: 'no' });
    expect(asked.filter((one) => one === 'b10')).toHaveLength(2);
  });

  test('are told before they begin', async () => {
    const told: string[] = [];
    const onProgress = (what: string) => {
      told.push(`${what}: ${asked.length}`);
    };
    const rival = contestant('a', [1, 1, 1, 1, 1]);
    await timeInTurns([rival], { ...options, onProgress });
    const rounds = [1, 2, 3].map((round) => `a, round ${round} of 3: ${round + 1}`);
    expect(told).toEqual(['a, first run: 0', ...rounds]);
  });
});

describe('what is wrong is not timed', () => {
  test.each([
    ['off', [1, 2.1]],
    ['not finite', [1, Number.NaN]],
    ['cut short', [1]],
  ])('%s', (_, actual) => {
    expect(() => compare(['output', actual, [1, 2], 1e-3])).toThrow(/output is off by .*not timed/);
    expect(compare(['output', [1, 2.001], [1, 2], 1e-3])).toBeCloseTo(4.5e-4, 5);
  });
});

import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../bench/options.ts';
import { type Contestant, timeInTurns } from '../../bench/timer.ts';
import { compare } from '../../bench/workload.ts';

describe('options', () => {
  const known = ['matmul', 'layer'];

  test('follow the device', () => {
    const of = (...args: string[]) => parseOptions(args, known);
    expect(of()).toMatchObject({ device: 'cpu', sizes: 'small', operations: [], rounds: 9 });
    expect(of('--device', 'cuda:1', 'layer')).toMatchObject({
      sizes: 'large',
      operations: ['layer'],
    });
    expect(of('--device', 'emulated')).toMatchObject({ sizes: 'tiny' });
    expect(of('--device', 'cuda', '--sizes', 'tiny')).toMatchObject({ sizes: 'tiny' });
    expect(of('--help', 'matmul')).toBe('help');
  });

  test.each([
    [['conv'], "no benchmark 'conv', expected any of matmul, layer"],
    [['--sizes', 'huge'], '--sizes huge, expected tiny, small, large'],
    [['--against', 'jax'], '--against jax, expected torch'],
    [['--rounds', '0'], '--rounds 0, expected a whole number of 1 or more'],
    [['--round-ms', '1.5'], '--round-ms 1.5, expected a whole number of 1 or more'],
    [['--fast'], "Unknown option '--fast'; see npm run bench -- --help"],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args, known)).toThrow(
      expect.objectContaining({ code: 'usage', message }),
    );
  });
});

describe('rounds', () => {
  test('take turns, and give best and median', async () => {
    const asked: string[] = [];
    const contestant = (name: string, times: number[]): Contestant => ({
      name,
      time: async (runs) => {
        asked.push(`${name}${runs}`);
        return times.shift()!;
      },
    });
    const timings = await timeInTurns(
      [contestant('a', [90, 2, 5, 3, 4]), contestant('b', [90, 20, 7, 8, 9])],
      { rounds: 3, roundMilliseconds: 10 },
    );
    expect(asked).toEqual(['a1', 'a2', 'b1', 'b2', 'a5', 'b1', 'b1', 'a5', 'a5', 'b1']);
    expect(timings.get('a')).toEqual({ best: 3, median: 4, rounds: 3, runs: 5 });
    expect(timings.get('b')).toEqual({ best: 7, median: 8, rounds: 3, runs: 1 });
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

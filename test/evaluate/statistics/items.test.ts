import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjust } from '../../../lib/evaluate/statistics/corrections.ts';
import {
  combineDependent,
  mcnemar,
  pairedBootstrap,
} from '../../../lib/evaluate/statistics/items.ts';
import { expectError } from '../../llama/fixtures.ts';

/** Scores with so many items of each kind. */
function pairs(both: number, onlyFirst: number, onlySecond: number, neither: number) {
  const repeat = (count: number, value: number) => Array.from({ length: count }, () => value);
  return {
    first: [both, onlyFirst, onlySecond, neither].flatMap((n, i) => repeat(n, i < 2 ? 1 : 0)),
    second: [both, onlyFirst, onlySecond, neither].flatMap((n, i) => repeat(n, i % 2 ? 0 : 1)),
  };
}

describe('mcnemar', () => {
  it('agrees with the example of the R package exact2x2 (Fay 2010)', () => {
    const { first, second } = pairs(21, 9, 2, 12);
    const { onlyFirst, onlySecond, p } = mcnemar(first, second);
    expect([onlyFirst, onlySecond]).toEqual([9, 2]);
    expect(p).toBeCloseTo(0.06543, 5);
  });

  it('is the same either way round, 1 where nothing differs, and never above 1', () => {
    const { first, second } = pairs(5, 4, 4, 3);
    expect(mcnemar(first, second).p).toBe(1);
    expect(mcnemar(first, first)).toEqual({ onlyFirst: 0, onlySecond: 0, p: 1 });
    const other = pairs(1, 8, 1, 2);
    expect(mcnemar(other.first, other.second).p).toBe(mcnemar(other.second, other.first).p);
  });
});

describe('pairedBootstrap', () => {
  const of = (a: number[], b: number[], options: { resamples: number; seed: number }) =>
    pairedBootstrap([[a, b]], options)[0]!;
  const { first, second } = pairs(40, 25, 10, 25);

  it('gives the same for the same seed, and another for another', () => {
    const options = { resamples: 500, seed: 3 };
    const one = of(first, second, options);
    expect(of(first, second, options)).toEqual(one);
    expect(of(first, second, { ...options, seed: 4 })).not.toEqual(one);
  });

  it('approaches the normal distribution that many items have', () => {
    const result = of(first, second, { resamples: 20000, seed: 1 });
    const n = first.length;
    const deviation = Math.sqrt((35 / n - 0.15 ** 2) / n);
    expect(result.difference).toBeCloseTo(0.15, 10);
    expect(result.low).toBeCloseTo(0.15 - 1.96 * deviation, 1.7);
    expect(result.high).toBeCloseTo(0.15 + 1.96 * deviation, 1.7);
    // 2 (1 - Phi(0.15 / deviation)) is 0.0088
    expect(result.p).toBeGreaterThan(0.005);
    expect(result.p).toBeLessThan(0.014);
  });

  it('is what counting all resamples of three items gives', () => {
    // differences 1, 0, 0: the mean is 1/3; of 27 resamples 8 have mean 0, 12 have 1/3, 6 have 2/3, 1 has 1
    const result = of([1, 1, 0], [0, 1, 0], { resamples: 50000, seed: 5 });
    expect(result.p).toBeCloseTo((8 + 6 + 1) / 27, 1.7);
    expect([result.low, result.high]).toEqual([0, 1]);
  });

  it('finds nothing where there is nothing, and never says that p is 0', () => {
    expect(of([1, 0], [1, 0], { resamples: 100, seed: 0 })).toEqual({
      ...{ difference: 0, low: 0, high: 0, p: 1 },
    });
    const all = Array.from({ length: 50 }, () => 1);
    const none = all.map(() => 0);
    expect(of(all, none, { resamples: 99, seed: 0 }).p).toBe(0.01);
  });

  it('gives a pair the same among others as alone', () => {
    const options = { resamples: 200, seed: 2 };
    const pairs = [
      [first, second] as const,
      [
        [1, 0, 0],
        [0, 1, 0],
      ] as const,
      [second, first] as const,
    ];
    expect(pairedBootstrap(pairs, options)).toEqual(
      pairs.map((pair) => pairedBootstrap([pair], options)[0]),
    );
    expect(pairedBootstrap([], options)).toEqual([]);
  });

  it('refuses other items', async () => {
    const run = () => of([1], [1, 0], { resamples: 9, seed: 0 });
    await expectError(run, 'argument', 'same items, got 1 and 2');
  });
});

describe('combineDependent', () => {
  it('is the p itself for one, and Rüger’s multiple of the middle one for several', () => {
    expect(combineDependent([0.03])).toBe(0.03);
    expect(combineDependent([0.5, 0.01])).toBeCloseTo(0.02, 12);
    expect(combineDependent([0.01, 0.9, 0.02, 0.03, 0.8])).toBeCloseTo(0.05, 12);
    expect(combineDependent([0.9, 0.8])).toBe(1);
  });
});

describe('adjust', () => {
  it('agrees with the worked example of Holm’s method by four hypotheses', () => {
    // p of 0.01, 0.04, 0.03, 0.005: at 0.05 the first and the fourth are rejected, the others not
    const adjusted = adjust([0.01, 0.04, 0.03, 0.005], 'holm');
    for (const [i, p] of [0.03, 0.06, 0.06, 0.02].entries()) expect(adjusted[i]).toBeCloseTo(p, 12);
    expect(adjust([0.01, 0.04, 0.03, 0.3], 'bonferroni')).toEqual([0.04, 0.16, 0.12, 1]);
    expect(adjust([0.01, 0.04], 'none')).toEqual([0.01, 0.04]);
    expect(adjust([], 'holm')).toEqual([]);
  });

  it('keeps the order of the p values and lies between none and Bonferroni', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (ps) => {
        const holm = adjust(ps, 'holm');
        const bonferroni = adjust(ps, 'bonferroni');
        for (const [i, p] of ps.entries()) {
          expect(holm[i]).toBeGreaterThanOrEqual(p);
          expect(holm[i]).toBeLessThanOrEqual(bonferroni[i]!);
          for (const [j, q] of ps.entries())
            if (p < q) expect(holm[i]).toBeLessThanOrEqual(holm[j]!);
        }
      }),
    );
  });
});

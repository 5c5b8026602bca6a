// Published worked examples first, SciPy's numbers second.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { criticalT, fairCoin, twoSidedT } from '../../../lib/evaluate/statistics/distributions.ts';
import { compareMeans, interval, summarize } from '../../../lib/evaluate/statistics/seeds.ts';

const file = join(resolve(import.meta.dirname, '../../fixtures/statistics'), 'reference.json');
const reference = JSON.parse(readFileSync(file, 'utf8')) as {
  twoSidedT: [t: number, degrees: number, p: number][];
  criticalT: [outside: number, degrees: number, t: number][];
  fairCoin: [successes: number, trials: number, p: number][];
  samples: {
    a: number[];
    b: number[];
    interval: [number, number];
    welch: { t: number; degrees: number; p: number };
    oneSample: { t: number; degrees: number; p: number };
  }[];
};

function expectNear(actual: number, expected: number, relative: number) {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(relative * Math.abs(expected) + 1e-300);
}

describe('against SciPy', () => {
  it.each(reference.twoSidedT)('t %d with %d degrees of freedom', (t, degrees, p) => {
    expectNear(twoSidedT(t, degrees), p, 1e-9);
    expect(twoSidedT(-t, degrees)).toBe(twoSidedT(t, degrees));
  });

  it.each(reference.criticalT)('critical t for %d and %d degrees', (outside, degrees, t) => {
    expectNear(criticalT(outside, degrees), t, 1e-9);
  });

  it.each(reference.fairCoin)('%d of %d tosses', (successes, trials, p) => {
    expectNear(fairCoin(successes, trials), p, 1e-9);
  });

  it.each(reference.samples)('tests and intervals of random samples %#', (sample) => {
    const [a, b] = [summarize(sample.a), summarize(sample.b)];
    const welch = compareMeans(a, b)!;
    expect(welch.kind).toBe('welch');
    const single = compareMeans(a, summarize([sample.b[0]!]))!;
    expect(single.kind).toBe('one-sample');
    for (const [ours, theirs] of [
      [welch, sample.welch],
      [single, sample.oneSample],
    ] as const) {
      expectNear(ours.t, theirs.t, 1e-9);
      expectNear(ours.degrees, theirs.degrees, 1e-9);
      expectNear(ours.p, theirs.p, 1e-8);
    }
    expectNear(a.mean - a.halfWidth!, sample.interval[0], 1e-9);
    expectNear(a.mean + a.halfWidth!, sample.interval[1], 1e-9);
  });
});

describe('against published worked examples', () => {
  it('NIST/SEMATECH e-Handbook 1.3.5.2: 95 % confidence limits of heat flow meter data', () => {
    // N 195, mean 9.261460, standard deviation 0.2278881e-1, limits 9.258242 and 9.264679
    const half = interval(0.02278881, 195);
    expect(9.26146 - half).toBeCloseTo(9.258242, 5);
    expect(9.26146 + half).toBeCloseTo(9.264679, 5);
  });

  it('NIST/SEMATECH e-Handbook 7.2.2.1: particle counts of ten wafers against 50', () => {
    const counts = [50, 48, 44, 56, 61, 52, 53, 55, 67, 51];
    const summary = summarize(counts);
    expect(summary.mean).toBeCloseTo(53.7, 10);
    expect(summary.deviation).toBeCloseTo(6.567, 3);
    const test = compareMeans(summary, summarize([50]))!;
    expect(test.t).toBeCloseTo(1.782, 3);
    expect(test.degrees).toBe(9);
    expect(criticalT(0.05, 9)).toBeCloseTo(2.262, 3);
    expect(test.p).toBeGreaterThan(0.05);
  });

  it('NIST/SEMATECH e-Handbook 7.3.1: assembly times of an old and a new process', () => {
    const old = { runs: 11, mean: 36.0909, deviation: 4.9082 };
    const made = { runs: 9, mean: 32.2222, deviation: 2.5386 };
    const test = compareMeans(old, made)!;
    expect(test.t).toBeCloseTo(2.269, 3);
    expect(test.degrees).toBeCloseTo(15.533, 2);
  });

  it("Student's sleep data (1908), Welch's test as the manual of R's t.test gives it", () => {
    const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    const test = compareMeans(summarize(first), summarize(second))!;
    expect(test.t).toBeCloseTo(-1.8608, 4);
    expect(test.degrees).toBeCloseTo(17.776, 3);
    expect(test.p).toBeCloseTo(0.07939, 5);
  });
});

describe('what cannot be said', () => {
  it('a single run has no interval', () => {
    expect(summarize([0.4])).toEqual({ runs: 1, mean: 0.4 });
  });

  it('two single runs cannot be tested, nor runs without spread', () => {
    expect(compareMeans(summarize([0.4]), summarize([0.3]))).toBeUndefined();
    const [same, other] = [summarize([0.4, 0.4, 0.4]), summarize([0.3, 0.3])];
    expect(compareMeans(same, other)).toBeUndefined();
    expect(compareMeans(same, summarize([0.3]))).toBeUndefined();
    // 0.1 + 0.2 is not 0.3, which is no spread either
    expect(compareMeans(summarize([0.1 + 0.2, 0.3]), summarize([0.2]))).toBeUndefined();
  });

  it('one side without spread is no obstacle', () => {
    const test = compareMeans(summarize([0.4, 0.41]), summarize([0.3, 0.3, 0.3]))!;
    expect(test.kind).toBe('welch');
    expect(test.degrees).toBeCloseTo(1, 10);
    expect(test.t).toBeCloseTo(21, 10);
  });
});

// What a few runs that differ in their seed say: mean and interval, and tests of one method's runs against another's.
// All intervals and tests assume normally distributed scores, and no more: variances may differ.
import { criticalT, twoSidedT } from './distributions.ts';

/** The mean over runs, and its 95 % confidence interval. */
export interface Summary {
  readonly runs: number;
  readonly mean: number;
  /** Sample standard deviation (n − 1); undefined for a single run, and where only the mean is known. */
  readonly deviation?: number;
  /** Half the width of the interval by Student's t; undefined where the deviation is. */
  readonly halfWidth?: number;
}

/** A two-sided test of a difference between two means. */
export interface TTest {
  readonly kind: 'welch' | 'one-sample';
  /** Positive if the first mean is the larger. Infinite where neither side varies. */
  readonly t: number;
  readonly degrees: number;
  readonly p: number;
}

/** At least one value, all finite. */
export function summarize(values: readonly number[]): Summary {
  const runs = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / runs;
  if (runs < 2) return { runs, mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (runs - 1));
  return { runs, mean, deviation, halfWidth: interval(deviation, runs) };
}

/** Half the width of the 95 % confidence interval of a mean of so many values with this sample standard deviation. */
export function interval(deviation: number, runs: number): number {
  return (criticalT(0.05, runs - 1) * deviation) / Math.sqrt(runs);
}

/** What was published as mean ± half of its 95 % interval over so many runs. */
export function meanWithInterval(mean: number, halfWidth: number, runs: number): Summary {
  return { runs, mean, deviation: halfWidth / interval(1, runs), halfWidth };
}

/**
 * Tests whether two means differ: Welch's t where both have several runs (Welch 1947, degrees of freedom by
 * Satterthwaite 1946), a one-sample t where one of them is a single model's score, which then counts as exact.
 *
 * @returns undefined where no test can be made: two single runs, no spread on either side, or an unknown one
 */
export function compareMeans(a: Summary, b: Summary): TTest | undefined {
  const unknown = (side: Summary) => side.runs > 1 && side.deviation === undefined;
  if (unknown(a) || unknown(b)) return undefined;
  const variance = (side: Summary) => (side.deviation ?? 0) ** 2 / side.runs;
  const [ofA, ofB] = [variance(a), variance(b)];
  const error = Math.sqrt(ofA + ofB);
  // Equal scores can differ in their last bits; a spread of rounding errors is none.
  if (error <= 1e-12 * Math.max(Math.abs(a.mean), Math.abs(b.mean), 1)) return undefined;
  const degrees = (ofA + ofB) ** 2 / (share(ofA, a.runs) + share(ofB, b.runs));
  const t = (a.mean - b.mean) / error;
  const kind = a.runs > 1 && b.runs > 1 ? 'welch' : 'one-sample';
  return { kind, t, degrees, p: twoSidedT(t, degrees) };
}

/** A side's part of Satterthwaite's denominator: none for a score that counts as exact. */
function share(variance: number, runs: number): number {
  return runs < 2 ? 0 : variance ** 2 / (runs - 1);
}

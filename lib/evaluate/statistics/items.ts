// What the items of a task say about two models that answered the same ones. Both tests look at each item's pair of
// scores, so that items hard for both do not count against either.
import { RandomStream } from '../../leia/random.ts';
import { LeiaError } from '../../system/error.ts';
import { fairCoin } from './distributions.ts';

export interface BootstrapResult {
  /** Mean of first − second over the items. */
  readonly difference: number;
  /** 95 % percentile interval of the difference. */
  readonly low: number;
  readonly high: number;
  /** Two-sided: how often a difference as large comes about where there is none. */
  readonly p: number;
}

/** The scores of the same items in the same order. */
export type ScorePair = readonly [first: readonly number[], second: readonly number[]];

/**
 * Paired bootstrap over items (Efron & Tibshirani 1993, chapters 13 and 16): items are drawn again with replacement, both
 * scores of an item together. p counts the draws whose difference is at least as far from the observed one as that is
 * from 0, itself included, so it is never 0.
 *
 * Takes many pairs at once: those of as many items share their draws, which cost more than adding up scores. A pair's
 * result depends on nothing but its scores and the options.
 *
 * @param resamples how many draws; more make p finer
 * @param seed the same seed gives the same result
 * @throws LeiaError `argument` if the items are none, or not as many on both sides
 */
export function pairedBootstrap(
  pairs: readonly ScorePair[],
  { resamples, seed }: { resamples: number; seed: number },
): BootstrapResult[] {
  const differences = pairs.map(differencesOf);
  const means = pairs.map(() => new Float64Array(resamples));
  for (const count of new Set(differences.map(({ length }) => length))) {
    const random = RandomStream.of(seed);
    const drawn = new Uint32Array(count);
    for (let draw = 0; draw < resamples; draw++) {
      for (let i = 0; i < count; i++) drawn[i] = Math.floor(random.next() * count);
      for (const [pair, values] of differences.entries()) {
        if (values.length === count) means[pair]![draw] = meanOf(values, drawn);
      }
    }
  }
  return differences.map((values, pair) => bootstrapResult(values, means[pair]!));
}

function differencesOf([first, second]: ScorePair): Float64Array {
  if (first.length !== second.length || first.length === 0) {
    throw new LeiaError(
      'argument',
      `paired bootstrap: expected scores of the same items, got ${first.length} and ${second.length}`,
    );
  }
  return Float64Array.from(first, (value, i) => value - second[i]!);
}

function meanOf(values: Float64Array, drawn: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < drawn.length; i++) sum += values[drawn[i]!]!;
  return sum / drawn.length;
}

function bootstrapResult(differences: Float64Array, means: Float64Array): BootstrapResult {
  const difference = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  means.sort();
  const slack = 1e-12; // sums of the same items in another order
  const extreme = means.filter(
    (mean) => Math.abs(mean - difference) >= Math.abs(difference) - slack,
  ).length;
  const at = (share: number) => means[Math.round(share * (means.length - 1))]!;
  return {
    difference,
    low: at(0.025),
    high: at(0.975),
    p: (extreme + 1) / (means.length + 1),
  };
}

export interface McNemarResult {
  /** Items that only the first, and only the second, got right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided, exact. 1 where no item tells them apart. */
  readonly p: number;
}

/**
 * McNemar's test in its exact form: of the items that one model got right and the other wrong, each is as likely to fall
 * either way if the models are equally good (McNemar 1947; the exact p is the sign test's).
 *
 * @param first, second 1 for right and 0 for wrong, for the same items in the same order
 */
export function mcnemar(first: readonly number[], second: readonly number[]): McNemarResult {
  let [onlyFirst, onlySecond] = [0, 0];
  for (const [i, a] of first.entries()) {
    if (a > second[i]!) onlyFirst++;
    if (a < second[i]!) onlySecond++;
  }
  const p = 2 * fairCoin(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond);
  return { onlyFirst, onlySecond, p: Math.min(1, p) };
}

/**
 * One p of several tests of the same question, whatever they have to do with each other: the k-th smallest of n times
 * n / k, for the middle k (Rüger 1978). So runs over several seeds can be paired without counting items twice.
 */
export function combineDependent(ps: readonly number[]): number {
  const sorted = [...ps].sort((a, b) => a - b);
  const k = Math.ceil(sorted.length / 2);
  return Math.min(1, (sorted[k - 1]! * sorted.length) / k);
}

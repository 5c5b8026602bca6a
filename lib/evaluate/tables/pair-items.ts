// Two methods on the items of one task, made ready for tests. The bootstrap looks at each item's mean over a method's runs.
// McNemar's test is between two models: runs are paired in their order, and the tests of all pairs combined.
import { combineDependent, mcnemar, type ScorePair } from '../statistics/items.ts';
import type { Method } from './methods.ts';

export interface PairedMcNemar {
  /** Pairs of runs, and the items that only one of a pair got right, summed over the pairs. */
  readonly pairs: number;
  readonly onlyCandidate: number;
  readonly onlyBaseline: number;
  /** Of the pairs' tests by Rüger's rule, valid although they share items. */
  readonly p: number;
}

export interface PairedItems {
  /** Each item's mean over the runs of either method. */
  readonly scores: ScorePair;
  /** Only where every item's score is 0 or 1. */
  readonly mcnemar?: PairedMcNemar;
}

type Scores = ReadonlyMap<string, number>;

/** @returns undefined where items are not kept for every run, or are not the same; the latter is warned of */
export function pairItems(
  candidate: Method,
  baseline: Method,
  task: string,
  warn: (text: string) => void,
): PairedItems | undefined {
  const [ours, theirs] = [candidate, baseline].map(({ runs }) =>
    runs.filter(({ scores }) => scores.has(task)).map(({ items }) => items?.get(task)),
  ) as [(Scores | undefined)[], (Scores | undefined)[]];
  if (!allKept(ours) || !allKept(theirs)) return undefined;
  const ids = [...ours[0]!.keys()];
  const same = (scores: Scores) => scores.size === ids.length && ids.every((id) => scores.has(id));
  if (!ours.every(same) || !theirs.every(same)) {
    warn(
      `the items of ${candidate.name} and ${baseline.name} are not the same; no tests over them`,
    );
    return undefined;
  }
  const listed = (scores: Scores) => ids.map((id) => scores.get(id)!);
  const [first, second] = [ours.map(listed), theirs.map(listed)];
  const binary = [...first, ...second].every((scores) => scores.every((s) => s === 0 || s === 1));
  return {
    scores: [meanByItem(first), meanByItem(second)],
    ...(binary && { mcnemar: pairedMcNemar(first, second) }),
  };
}

function allKept(lists: readonly (Scores | undefined)[]): lists is Scores[] {
  return lists.length > 0 && lists.every((scores) => scores !== undefined && scores.size > 0);
}

function meanByItem(runs: readonly (readonly number[])[]): number[] {
  return runs[0]!.map((_, i) => runs.reduce((sum, scores) => sum + scores[i]!, 0) / runs.length);
}

/** First with first, second with second …; a single model is paired with every run of the other side. */
function pairedMcNemar(first: readonly number[][], second: readonly number[][]): PairedMcNemar {
  const pairs =
    first.length === 1 || second.length === 1
      ? Math.max(first.length, second.length)
      : Math.min(first.length, second.length);
  const results = Array.from({ length: pairs }, (_, i) =>
    mcnemar(first[first.length === 1 ? 0 : i]!, second[second.length === 1 ? 0 : i]!),
  );
  return {
    pairs,
    onlyCandidate: results.reduce((sum, { onlyFirst }) => sum + onlyFirst, 0),
    onlyBaseline: results.reduce((sum, { onlySecond }) => sum + onlySecond, 0),
    p: combineDependent(results.map(({ p }) => p)),
  };
}

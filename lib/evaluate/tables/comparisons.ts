// Every candidate of a table against every baseline, in every column: over seeds, and over items where they are kept; then
// each kind of test corrected over all comparisons in which it was made.
import { adjust, type Correction } from '../statistics/corrections.ts';
import { type BootstrapResult, pairedBootstrap } from '../statistics/items.ts';
import { compareMeans, type Summary, type TTest } from '../statistics/seeds.ts';
import type { Column, Method } from './methods.ts';
import { type PairedItems, type PairedMcNemar, pairItems } from './pair-items.ts';
import type { Warnings } from './warnings.ts';

/** p after the correction for several comparisons, to be held against the level. */
interface Adjusted {
  readonly adjusted: number;
}

/** A candidate against a baseline in one column. */
export interface Comparison {
  readonly candidate: string;
  readonly baseline: string;
  /** Index over the columns of all groups. */
  readonly column: number;
  /** Its name with its heading. */
  readonly columnName: string;
  /** Candidate's mean − baseline's mean. */
  readonly difference: number;
  /** Over seeds; undefined where no test can be made. */
  readonly seeds?: TTest & Adjusted;
  /** Over the items that both answered, where they are kept and the column is one task. */
  readonly items?: {
    readonly count: number;
    readonly bootstrap: BootstrapResult & Adjusted;
    /** Only where every item is right or wrong. */
    readonly mcnemar?: PairedMcNemar & Adjusted;
  };
}

/** A comparison before its p values are corrected. */
interface Draft extends Omit<Comparison, 'seeds' | 'items'> {
  readonly test?: TTest | undefined;
  readonly items?: PairedItems | undefined;
}

export interface ComparisonOptions {
  readonly correction: Correction;
  readonly resamples: number;
  readonly seed: number;
}

/** @param summaries by method and column; undefined where a method has no score */
export function compareMethods(
  methods: readonly Method[],
  columns: readonly (Column & { name: string })[],
  summaries: readonly (readonly (Summary | undefined)[])[],
  options: ComparisonOptions,
  warnings: Warnings,
): Comparison[] {
  const drafts: Draft[] = [];
  for (const [i, candidate] of methods.entries()) {
    if (candidate.role !== 'candidate') continue;
    for (const [k, baseline] of methods.entries()) {
      if (baseline.role !== 'baseline') continue;
      for (const [column, { name, tasks }] of columns.entries()) {
        const [a, b] = [summaries[i]![column], summaries[k]![column]];
        if (a === undefined || b === undefined) continue;
        const test = compareMeans(a, b);
        if (test === undefined) warnings.add(name, withoutTest(candidate, baseline, a, b));
        const warn = (text: string) => warnings.add(name, text);
        drafts.push({
          candidate: candidate.name,
          baseline: baseline.name,
          column,
          columnName: name,
          difference: a.mean - b.mean,
          test,
          items: tasks.length === 1 ? pairItems(candidate, baseline, tasks[0]!, warn) : undefined,
        });
      }
    }
  }
  return corrected(drafts, options);
}

function withoutTest(a: Method, b: Method, ofA: Summary, ofB: Summary): string {
  const unknown = [ofA, ofB].some(({ runs, deviation }) => runs > 1 && deviation === undefined);
  let reason = 'the scores of the runs do not differ at all';
  if (unknown) reason = 'only the mean over runs is known, not its spread';
  if (ofA.runs === 1 && ofB.runs === 1) {
    reason = 'one run each says nothing of the spread over seeds';
  }
  return `no test of ${a.name} against ${b.name} over seeds, as ${reason}`;
}

function corrected(drafts: readonly Draft[], options: ComparisonOptions): Comparison[] {
  const withItems = drafts.filter(({ items }) => items !== undefined);
  const results = pairedBootstrap(
    withItems.map(({ items }) => items!.scores),
    options,
  );
  const bootstraps = new Map(withItems.map((draft, i) => [draft, results[i]!]));
  const adjustedBy = (p: (draft: Draft) => number | undefined) => {
    const tested = drafts.filter((draft) => p(draft) !== undefined);
    const ps = tested.map((draft) => p(draft)!);
    const adjusted = adjust(ps, options.correction);
    return new Map(tested.map((draft, i) => [draft, adjusted[i]!]));
  };
  const seeds = adjustedBy(({ test }) => test?.p);
  const bootstrap = adjustedBy((draft) => bootstraps.get(draft)?.p);
  const mcnemar = adjustedBy(({ items }) => items?.mcnemar?.p);
  return drafts.map((draft) => {
    const { test, items, ...comparison } = draft;
    return {
      ...comparison,
      ...(test && { seeds: { ...test, adjusted: seeds.get(draft)! } }),
      ...(items && {
        items: {
          count: items.scores[0].length,
          bootstrap: { ...bootstraps.get(draft)!, adjusted: bootstrap.get(draft)! },
          ...(items.mcnemar && {
            mcnemar: { ...items.mcnemar, adjusted: mcnemar.get(draft)! },
          }),
        },
      }),
    };
  });
}

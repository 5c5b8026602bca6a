// From methods and columns to a table: the mean of every cell with its interval over seeds, every candidate tested
// against every baseline, and marks by the paper's rule. What is shown, and how, is the renderers' business.
import { adjust, type Correction } from '../statistics/corrections.ts';
import { compareMeans, type Summary, summarize, type TTest } from '../statistics/seeds.ts';
import { compareItems, type ItemComparison } from './compare-items.ts';
import { type Column, type ColumnGroup, checkMethods, columnName, type Method } from './methods.ts';
import { Warnings } from './warnings.ts';

export interface TableOptions {
  readonly title: string;
  readonly groups: readonly ColumnGroup[];
  /** For several comparisons; `holm` unless given. */
  readonly correction?: Correction;
  /** A difference counts below this p; 0.05 unless given. */
  readonly level?: number;
  /** Draws of the paired bootstrap; 10,000 unless given. */
  readonly resamples?: number;
  /** Of the paired bootstrap; 0 unless given. */
  readonly seed?: number;
}

export interface Cell {
  readonly summary: Summary;
  /** The score of each run that has one, in the order of runs. */
  readonly values: readonly number[];
  /** The highest mean of its column. */
  readonly best: boolean;
  /** Better than all baselines by the paper's rule. */
  readonly marked: boolean;
}

export interface TableRow {
  readonly method: string;
  readonly role: Method['role'];
  readonly runs: number;
  /** One for each column of all groups; undefined where the method has no score. */
  readonly cells: readonly (Cell | undefined)[];
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
  /** Over seeds; undefined where no test can be made. `adjusted` is p after the correction. */
  readonly seeds?: TTest & { readonly adjusted: number };
  /** Over the items that both answered, where they are kept and the column is one task. */
  readonly items?: ItemComparison;
}

export interface Table {
  readonly title: string;
  readonly groups: readonly ColumnGroup[];
  readonly rows: readonly TableRow[];
  readonly comparisons: readonly Comparison[];
  readonly correction: Correction;
  readonly level: number;
  readonly resamples: number;
  readonly seed: number;
  /** What a reader must know and may not expect: missing scores, tests that could not be made. One line each. */
  readonly warnings: readonly string[];
}

/**
 * A cell's mean and interval are over the runs that have all of its column's tasks. Tests over seeds, bootstraps and
 * McNemar's tests are each corrected over all comparisons of the table.
 *
 * A candidate's cell is marked if its mean is higher than that of every baseline with a score in this column, and each of
 * these tests over seeds has an adjusted p below the level.
 *
 * @throws LeiaError `usage` for no methods, two of one name, or one without runs; `format` for a score that is no number
 */
export function buildTable(methods: readonly Method[], options: TableOptions): Table {
  checkMethods(methods);
  const {
    title,
    groups,
    correction = 'holm',
    level = 0.05,
    resamples = 10_000,
    seed = 0,
  } = options;
  const columns = groups.flatMap((group) =>
    group.columns.map((column) => ({ ...column, name: columnName(group, column) })),
  );
  const warnings = new Warnings();
  const values = methods.map((method) =>
    columns.map((column) => valuesOf(method, column, column.name, warnings)),
  );
  const summaries = methods.map((method, i) =>
    columns.map((column, j) => summaryOf(method, column, values[i]![j]!)),
  );
  const plain = compareAll(methods, columns, summaries, { resamples, seed }, warnings);
  const comparisons = corrected(plain, correction);
  const rows = methods.map(({ name, role, runs, means }, i) => ({
    method: name,
    role,
    runs: runs.length || Math.max(...[...means!.values()].map((mean) => mean.runs)),
    cells: columns.map((_, j): Cell | undefined => {
      const summary = summaries[i]![j];
      if (summary === undefined) return undefined;
      const best = summaries.every((row) => (row[j]?.mean ?? -1) <= summary.mean);
      const own = comparisons.filter((each) => each.candidate === name && each.column === j);
      const beats = (each: Comparison) =>
        each.difference > 0 && (each.seeds?.adjusted ?? 1) < level;
      const marked = own.length > 0 && own.every(beats);
      return { summary, values: values[i]![j]!, best, marked };
    }),
  }));
  return {
    title,
    groups,
    rows,
    comparisons,
    correction,
    level,
    resamples,
    seed,
    warnings: warnings.lines(),
  };
}

/** The mean over the column's tasks in each run that has all of them. */
function valuesOf(method: Method, column: Column, name: string, warnings: Warnings): number[] {
  const values: number[] = [];
  const without: string[] = [];
  for (const run of method.runs) {
    const scores = column.tasks.map((task) => run.scores.get(task));
    if (scores.every((score) => score !== undefined)) {
      values.push(scores.reduce((sum, score) => sum + score, 0) / scores.length);
    } else without.push(run.name);
  }
  if (without.length > 0 && values.length > 0) {
    const rest = values.length === 1 ? 'the other run' : `the other ${values.length} runs`;
    warnings.add(
      name,
      `${method.name} has no score in ${without.join(', ')}; its cell is over ${rest}`,
    );
  }
  return values;
}

/** Of the runs' values or, where only means are known, of these: then a mean over several tasks has no interval. */
function summaryOf(
  { means }: Method,
  { tasks }: Column,
  values: readonly number[],
): Summary | undefined {
  if (values.length > 0) return summarize(values);
  const known = tasks.map((task) => means?.get(task));
  if (!known.every((mean) => mean !== undefined)) return undefined;
  if (known.length === 1) return known[0];
  const sum = known.reduce((total, { mean }) => total + mean, 0);
  return { runs: Math.min(...known.map(({ runs }) => runs)), mean: sum / known.length };
}

function compareAll(
  methods: readonly Method[],
  columns: readonly (Column & { name: string })[],
  summaries: readonly (readonly (Summary | undefined)[])[],
  bootstrap: { resamples: number; seed: number },
  warnings: Warnings,
): Comparison[] {
  const comparisons: Comparison[] = [];
  for (const [i, candidate] of methods.entries()) {
    if (candidate.role !== 'candidate') continue;
    for (const [k, baseline] of methods.entries()) {
      if (baseline.role !== 'baseline') continue;
      for (const [column, { name, tasks }] of columns.entries()) {
        const [a, b] = [summaries[i]![column], summaries[k]![column]];
        if (a === undefined || b === undefined) continue;
        const test = compareMeans(a, b);
        if (test === undefined) warnings.add(name, withoutTest(candidate, baseline, a, b));
        const items =
          tasks.length === 1
            ? compareItems(candidate, baseline, tasks[0]!, bootstrap, (text) =>
                warnings.add(name, text),
              )
            : undefined;
        comparisons.push({
          candidate: candidate.name,
          baseline: baseline.name,
          column,
          columnName: name,
          difference: a.mean - b.mean,
          ...(test !== undefined && { seeds: { ...test, adjusted: test.p } }),
          ...(items !== undefined && { items }),
        });
      }
    }
  }
  return comparisons;
}

function withoutTest(a: Method, b: Method, ofA: Summary, ofB: Summary): string {
  const unknown = [ofA, ofB].some(({ runs, deviation }) => runs > 1 && deviation === undefined);
  let reason = 'the scores of the runs do not differ at all';
  if (unknown) reason = 'only the mean over runs is known, not its spread';
  if (ofA.runs === 1 && ofB.runs === 1)
    reason = 'one run each says nothing of the spread over seeds';
  return `no test of ${a.name} against ${b.name} over seeds, as ${reason}`;
}

/** Each kind of test is corrected over all comparisons in which it was made. */
function corrected(comparisons: readonly Comparison[], correction: Correction): Comparison[] {
  const adjustedBy = (p: (each: Comparison) => number | undefined) => {
    const tested = comparisons.filter((each) => p(each) !== undefined);
    const adjusted = adjust(
      tested.map((each) => p(each)!),
      correction,
    );
    return new Map(tested.map((each, i) => [each, adjusted[i]!]));
  };
  const seeds = adjustedBy((each) => each.seeds?.p);
  const bootstrap = adjustedBy((each) => each.items?.bootstrap.p);
  const mcnemar = adjustedBy((each) => each.items?.mcnemar?.p);
  return comparisons.map((each) => ({
    ...each,
    ...(each.seeds && { seeds: { ...each.seeds, adjusted: seeds.get(each)! } }),
    ...(each.items && {
      items: {
        ...each.items,
        bootstrap: { ...each.items.bootstrap, adjusted: bootstrap.get(each)! },
        ...(each.items.mcnemar && {
          mcnemar: { ...each.items.mcnemar, adjusted: mcnemar.get(each)! },
        }),
      },
    }),
  }));
}

// From methods and columns to a table: the mean of every cell with its interval over seeds, every candidate tested
// against every baseline, and marks by the paper's rule. What is shown, and how, is the renderers' business.
import type { Correction } from '../statistics/corrections.ts';
import { type Summary, summarize } from '../statistics/seeds.ts';
import { type Comparison, compareMethods } from './comparisons.ts';
import { type Column, type ColumnGroup, checkMethods, columnName, type Method } from './methods.ts';
import { Warnings } from './warnings.ts';

/** How a table is made. */
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

/** Scores of methods by task, with what was tested. */
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
export function buildTable(methods: readonly Method[], settings: TableOptions): Table {
  checkMethods(methods);
  const {
    title,
    groups,
    correction = 'holm',
    level = 0.05,
    resamples = 10_000,
    seed = 0,
  } = settings;
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
  const options = { correction, resamples, seed };
  const comparisons = compareMethods(methods, columns, summaries, options, warnings);
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

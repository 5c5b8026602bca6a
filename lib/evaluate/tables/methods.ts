// What is compared: methods, each with its runs, each with a score per task. A run knows nothing of where it came from:
// a result file, a list of published numbers, or an evaluation in the same process.
import { LeiaError } from '../../system/error.ts';
import type { Summary } from '../statistics/seeds.ts';

/** One evaluated model. */
export interface Run {
  /** For messages, such as the file it was read from. */
  readonly name: string;
  /** Score by task, between 0 and 1. */
  readonly scores: ReadonlyMap<string, number>;
  /** By task: what must be the same in runs that are compared, such as protocol, version and number of examples. */
  readonly conditions?: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** By task, where kept: the score of each item by its identity. */
  readonly items?: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Runs that differ in nothing but their seed. */
export interface Method {
  readonly name: string;
  /** A candidate is held against every baseline and gets marks; a baseline is what it must beat. */
  readonly role: 'baseline' | 'candidate';
  /** At least one, unless there are means. */
  readonly runs: readonly Run[];
  /** By task: what was published as a mean over runs, where the runs themselves are not known. */
  readonly means?: ReadonlyMap<string, Summary>;
}

/** One column of a table: a task, or the mean over several. */
export interface Column {
  readonly label: string;
  readonly tasks: readonly string[];
}

/** Columns under one heading; an empty heading is none. */
export interface ColumnGroup {
  readonly heading: string;
  readonly columns: readonly Column[];
}

/** A column's name with its group's heading, as messages and plots need it. */
export function columnName({ heading }: ColumnGroup, { label }: Column): string {
  return heading === '' ? label : `${heading} ${label}`;
}

/** The tasks of all runs, each once, in the order they come. */
export function tasksOf(methods: readonly Method[]): string[] {
  const own = ({ runs, means }: Method) => [
    ...runs.flatMap(({ scores }) => [...scores.keys()]),
    ...(means?.keys() ?? []),
  ];
  return [...new Set(methods.flatMap(own))];
}

/**
 * Looks for runs that were not evaluated alike: another protocol, version, number of examples or items. Scores of such
 * runs differ for reasons that are not the method's.
 *
 * @returns one line for each task and condition that differs
 */
export function differingConditions(
  methods: readonly Method[],
  tasks: readonly string[],
): string[] {
  const runs = methods.flatMap((method) => method.runs.map((run) => ({ method, run })));
  return tasks.flatMap((task) => {
    const known = new Map<string, { value: string; name: string }>();
    const found = new Map<string, string>();
    for (const { method, run } of runs) {
      const name = `${method.name} (${run.name})`;
      for (const [key, value] of Object.entries(run.conditions?.get(task) ?? {})) {
        const first = known.get(key);
        if (first === undefined) known.set(key, { value, name });
        else if (first.value !== value && !found.has(key)) {
          found.set(key, `${task}: ${key} is ${first.value} in ${first.name}, ${value} in ${name}`);
        }
      }
    }
    return [...found.values()];
  });
}

/** @throws LeiaError `usage` unless there are methods, with names of their own, at least one run each and finite scores */
export function checkMethods(methods: readonly Method[]): void {
  if (methods.length === 0) throw new LeiaError('usage', 'nothing to compare: no runs were given');
  const names = new Set<string>();
  for (const { name, runs, means } of methods) {
    if (names.has(name)) throw new LeiaError('usage', `two methods are named '${name}'`);
    names.add(name);
    if (runs.length === 0 && means === undefined)
      throw new LeiaError('usage', `${name} has no runs`);
    for (const run of runs) {
      for (const [task, score] of run.scores) {
        if (!Number.isFinite(score)) {
          throw new LeiaError('format', `${run.name}: the score of ${task} is no number`);
        }
      }
    }
  }
}

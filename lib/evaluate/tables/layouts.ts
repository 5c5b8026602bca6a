// The columns of the paper's tables (Yamada & Ri 2024), as data. A table shows the columns for which there are scores, so
// that a first look at one language needs no layout of its own.
import type { Column, ColumnGroup } from './methods.ts';

/** The paper's seven target languages. */
const languages = ['ar', 'es', 'hi', 'ja', 'ru', 'sw', 'zh'];

interface Benchmark {
  readonly heading: string;
  /** Before the language in the names of its tasks. */
  readonly prefix: string;
}

const multilingual: readonly Benchmark[] = [
  { heading: 'X-CODAH', prefix: 'xcodah_' },
  { heading: 'X-CSQA', prefix: 'xcsqa_' },
];

const japanese: readonly Column[] = [
  { label: 'X-CODAH', tasks: ['xcodah_ja'] },
  { label: 'X-CSQA', tasks: ['xcsqa_ja'] },
  { label: 'JCommonsenseQA', tasks: ['jcommonsenseqa'] },
  { label: 'NIILC', tasks: ['niilc'] },
  { label: 'JEMHopQA', tasks: ['jemhopqa'] },
  { label: 'JAQKET', tasks: ['jaqket'] },
];

export interface Layout {
  readonly title: string;
  /** The columns for which these tasks have scores. */
  columns(tasks: readonly string[]): ColumnGroup[];
}

export const layoutNames = [
  'auto',
  'table-1',
  'table-2',
  'table-3',
  'table-5',
  'table-8',
  'table-10',
] as const;
export type LayoutName = (typeof layoutNames)[number];

/** The layouts of the paper's tables, by name. */
export const layouts: Readonly<Record<LayoutName, Layout>> = {
  auto: { title: 'Scores', columns: everyTask },
  'table-1': { title: 'Strategies and p_skip, mean over languages', columns: means },
  'table-2': { title: 'X-CODAH and X-CSQA by language', columns: byLanguage },
  'table-3': { title: 'Japanese question answering', columns: japaneseTasks },
  'table-5': {
    title: 'With and without loss on inserted names, mean over languages',
    columns: means,
  },
  'table-8': { title: 'Strategies and p_skip by language', columns: byLanguage },
  'table-10': {
    title: 'With and without loss on inserted names, by language',
    columns: byLanguage,
  },
};

function byLanguage(tasks: readonly string[]): ColumnGroup[] {
  return multilingual.flatMap(({ heading, prefix }) => {
    const present = languages.filter((language) => tasks.includes(prefix + language));
    if (present.length === 0) return [];
    const columns = present.map((language) => ({ label: language, tasks: [prefix + language] }));
    return [{ heading, columns: withMean(columns, languages.length) }];
  });
}

function means(tasks: readonly string[]): ColumnGroup[] {
  const columns = byLanguage(tasks).map(({ heading, columns }) => {
    const all = columns.at(-1)!;
    return { label: all.label === 'Avg.' ? heading : `${heading} ${all.label}`, tasks: all.tasks };
  });
  return columns.length === 0 ? [] : [{ heading: '', columns }];
}

function japaneseTasks(tasks: readonly string[]): ColumnGroup[] {
  const columns = japanese.filter((column) => tasks.includes(column.tasks[0]!));
  return columns.length === 0 ? [] : [{ heading: '', columns }];
}

/** Every task is a column; those that differ only in their language form a group with their mean. */
function everyTask(tasks: readonly string[]): ColumnGroup[] {
  const prefixes = [...new Set(tasks.map(prefixOf))].filter((prefix) => prefix !== '');
  const groups: ColumnGroup[] = [];
  const grouped = new Set<string>();
  for (const prefix of prefixes) {
    const own = tasks.filter((task) => prefixOf(task) === prefix);
    if (own.length === 1) continue;
    const columns = own.map((task) => ({ label: task.slice(prefix.length), tasks: [task] }));
    groups.push({ heading: headingOf(prefix), columns: withMean(columns, own.length) });
    for (const task of own) grouped.add(task);
  }
  const alone = tasks.filter((task) => !grouped.has(task));
  if (alone.length === 0) return groups;
  return [
    ...groups,
    { heading: '', columns: alone.map((task) => ({ label: labelOf(task), tasks: [task] })) },
  ];
}

/** "xcsqa_" of "xcsqa_ja"; empty for a task without a language. */
function prefixOf(task: string): string {
  return /^(.+_)[a-z]{2,3}$/.exec(task)?.[1] ?? '';
}

function headingOf(prefix: string): string {
  return (
    multilingual.find((benchmark) => benchmark.prefix === prefix)?.heading ?? prefix.slice(0, -1)
  );
}

/** "X-CSQA ja" for xcsqa_ja alone, "NIILC" for niilc; any other task's own name. */
function labelOf(task: string): string {
  const known = multilingual.find(({ prefix }) => prefix === prefixOf(task));
  if (known !== undefined) return `${known.heading} ${task.slice(known.prefix.length)}`;
  return japanese.find(({ tasks }) => tasks[0] === task)?.label ?? task;
}

/** Adds the mean over the columns, whose label says over how many they are if some are missing. */
function withMean(columns: readonly Column[], expected: number): Column[] {
  if (columns.length === 1) return [...columns];
  const label = columns.length === expected ? 'Avg.' : `Avg. of ${columns.length}`;
  return [...columns, { label, tasks: columns.flatMap(({ tasks }) => tasks) }];
}

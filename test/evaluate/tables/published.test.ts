// The paper's tables (Yamada & Ri 2024) from the numbers that its authors published, language by language.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MethodReader } from '../../../lib/evaluate/tables/read-methods.ts';
import {
  buildTable,
  type LayoutName,
  layouts,
  scoreGrid,
  tasksOf,
} from '../../../lib/evaluate/tables/tables.ts';

const fileOf = (name: string) =>
  resolve(import.meta.dirname, `../../fixtures/published/${name}.csv`);

interface Published {
  readonly percent: number;
  readonly halfWidth: number;
}

/** The numbers of a file by method and task, read without the code under test. */
function published(name: string): Map<string, Map<string, Published>> {
  const methods = new Map<string, Map<string, Published>>();
  for (const line of readFileSync(fileOf(name), 'utf8').trim().split('\n').slice(1)) {
    const [method, task, percent, halfWidth] = line.split(',');
    const scores = methods.get(method!) ?? new Map<string, Published>();
    methods.set(
      method!,
      scores.set(task!, { percent: Number(percent), halfWidth: Number(halfWidth ?? 0) }),
    );
  }
  return methods;
}

async function tableOf(name: string, layout: LayoutName, candidates: readonly string[]) {
  const reader = new MethodReader();
  const methods = [];
  for (const method of published(name).keys()) {
    const role = candidates.includes(method) ? 'candidate' : 'baseline';
    methods.push(await reader.read(method, role, [fileOf(name)]));
  }
  const { title, columns } = layouts[layout];
  const table = buildTable(methods, { title, groups: columns(tasksOf(methods)) });
  const { header, rows } = scoreGrid(table);
  const texts = new Map(rows.map(([method, ...cells]) => [method!.text, cells.map((c) => c.text)]));
  return { table, header: header.slice(1), texts };
}

/** By the authors' rule: LEIA's interval lies wholly above the baseline's, and above the models that were not tuned. */
function markedByAuthors(name: string): string[] {
  const scores = published(name);
  const others = [...scores].filter(([method]) => method !== 'LEIA');
  return [...scores.get('LEIA')!]
    .filter(([task, { percent, halfWidth }]) =>
      others.every(([, other]) => {
        const { percent: theirs, halfWidth: spread } = other.get(task)!;
        return percent - halfWidth > theirs + spread;
      }),
    )
    .map(([task]) => task);
}

describe.each([
  ['leia-llama2', 'table-2', 11],
  ['leia-swallow-seeds', 'table-3', 6],
] as const)('%s as %s', (name, layout, count) => {
  it('prints every mean and interval, and marks what the authors’ own rule finds better', async () => {
    const { table, texts } = await tableOf(name, layout, ['LEIA']);
    const columns = table.groups.flatMap((group) => group.columns);
    const single = columns.flatMap(({ tasks }, i) => (tasks.length === 1 ? [i] : []));
    for (const [method, scores] of published(name)) {
      const expected = single.map((i) => {
        const { percent, halfWidth } = scores.get(columns[i]!.tasks[0]!)!;
        const several = method === 'LEIA' || method === 'plain';
        return `${percent.toFixed(1)}${several ? `±${halfWidth.toFixed(1)}` : ''}`;
      });
      const shown = single.map((i) => texts.get(method)![i]!.replace('*', ''));
      expect(shown, method).toEqual(expected);
    }
    const leia = table.rows.find(({ method }) => method === 'LEIA')!;
    const marked = single.filter((i) => leia.cells[i]!.marked);
    expect(marked.map((i) => columns[i]!.tasks[0])).toEqual(markedByAuthors(name));
    expect(marked).toHaveLength(count);
  });
});

it('averages over the seven languages', async () => {
  const { header, texts } = await tableOf('leia-llama2', 'table-2', ['LEIA']);
  const averages = header.flatMap((label, i) => (label === 'Avg.' ? [i] : []));
  expect(averages).toHaveLength(2);
  const shown = [...texts].map(([method, cells]) => [method, ...averages.map((i) => cells[i])]);
  // For example, X-CODAH of LEIA: (32.8 + 46.6 + 30.6 + 34.9 + 37.5 + 30.4 + 39.1) / 7 = 35.99
  expect(shown).toEqual([
    ['LLaMA 2', '33.6', '30.2'],
    ['plain', '33.6', '30.0'],
    ['LEIA', '36.0', '30.6'],
  ]);
});

it.each(['table-1', 'table-8', 'table-10'] as const)('strategies as %s', async (layout) => {
  const name = 'leia-llama2-strategies';
  const scores = published(name);
  const candidates = [...scores.keys()].filter((method) => method.includes('p_skip'));
  expect(candidates).toHaveLength(7);
  const { table, texts } = await tableOf(name, layout, candidates);
  const columns = table.groups.flatMap((group) => group.columns);
  for (const [method, cells] of texts) {
    const own = scores.get(method)!;
    const expected = columns.map(({ tasks }) => {
      const sum = tasks.reduce((total, task) => total + own.get(task)!.percent, 0);
      return (sum / tasks.length).toFixed(1);
    });
    expect(cells, method).toEqual(expected);
  }
  expect(columns.map(({ tasks }) => tasks.length)).toEqual(
    layout === 'table-1' ? [7, 7] : [1, 1, 1, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1, 1, 1, 7],
  );
  // Single runs cannot be tested, so nothing is marked.
  expect(table.rows.flatMap(({ cells }) => cells).some((cell) => cell?.marked)).toBe(false);
});

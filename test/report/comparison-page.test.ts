import { describe, expect, it } from 'vitest';
import { buildTable } from '../../lib/evaluate/tables/table.ts';
import { comparisonPage } from '../../lib/report/comparison-page.ts';
import { intervalPlot } from '../../lib/report/interval-plot.ts';
import { leia, plain, untuned } from '../evaluate/tables/methods.ts';
import { all, byClass, find, parse, textOf } from './parse.ts';

const groups = [{ heading: '', columns: [{ label: 'X-CODAH', tasks: ['xcodah_ja'] }] }];

function page(name = 'LEIA') {
  const table = buildTable([untuned, plain, { ...leia, name }], { title: name, groups });
  const text = comparisonPage({ title: name, tables: [table] });
  expect(text).not.toMatch(/NaN|Infinity|undefined/);
  return parse(text.replace('<!DOCTYPE html>', ''));
}

describe('comparisonPage', () => {
  it('has scores, a plot with every run, and the tests', () => {
    const rows = find(page(), 'tr').map((row) =>
      row.children.flatMap((cell) => (typeof cell === 'string' ? [] : [textOf(cell)])),
    );
    expect(rows).toContainEqual(['LLaMA', '30.0']);
    expect(rows).toContainEqual(['LEIA', '40.8±1.0*']);
    expect(rows).toContainEqual([
      ...['X-CODAH: LEIA − plain', '+9.0', '17.01', '8.0', '< 0.001', '< 0.001'],
    ]);
    expect(find(page(), 'b').map(textOf)).toEqual(['40.8±1.0*']);
    // five runs each of two methods; a single model has neither interval nor runs of its own
    expect(byClass(page(), 'run')).toHaveLength(10);
    expect(byClass(page(), 'whisker')).toHaveLength(2);
    expect(byClass(page(), 'dot')).toHaveLength(3);
  });

  it('loads nothing, runs nothing, and shows hostile names as text', () => {
    const evil = '"><script>alert(1)</script>\u202e\0';
    const root = page(evil);
    const names = new Set(all(root).map(({ name }) => name));
    for (const name of ['script', 'link', 'img', 'iframe']) expect(names.has(name)).toBe(false);
    expect(textOf(find(root, 'h1')[0]!)).toBe(evil.replaceAll(/[\0\u202e]/g, '\ufffd'));
    expect(find(root, 'style').map(textOf).join('')).toContain('prefers-color-scheme: dark');
  });
});

describe('intervalPlot', () => {
  it('puts the mean in the middle of its interval, and the runs where their scores are', () => {
    const rows = [
      { label: 'a', mean: 40, halfWidth: 2, values: [39, 41], color: 1 },
      { label: 'b', mean: 30, values: [30], color: 0 },
    ];
    const plot = parse(intervalPlot({ description: 'd', xLabel: 'per cent', rows }).text);
    const place = (name: string) =>
      byClass(plot, name).map(({ attributes }) => Number(attributes.cx));
    const [mean, other] = place('dot') as [number, number];
    const [low, high] = place('run') as [number, number];
    expect((low + high) / 2).toBeCloseTo(mean, 0);
    expect((mean - other) / (high - low)).toBeCloseTo(5, 1);
    const ends = /M([\d.]+) [\d.]+H([\d.]+)/.exec(byClass(plot, 'whisker')[0]!.attributes.d!)!;
    expect((Number(ends[1]) + Number(ends[2])) / 2).toBeCloseTo(mean, 0);
    expect((Number(ends[2]) - Number(ends[1])) / (high - low)).toBeCloseTo(2, 1);
  });

  it('can be drawn of one value, and of none', () => {
    for (const rows of [[], [{ label: 'a', mean: 40, values: [40], color: 1 }]]) {
      const text = intervalPlot({ description: 'd', xLabel: 'x', rows }).text;
      expect(text).not.toMatch(/NaN|Infinity/);
      parse(text);
    }
  });
});

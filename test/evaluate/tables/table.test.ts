import { describe, expect, it } from 'vitest';
import {
  meanWithInterval,
  type Summary,
  summarize,
} from '../../../lib/evaluate/statistics/seeds.ts';
import {
  buildTable,
  comparisonGrid,
  layouts,
  type Method,
  renderCsv,
  renderLatex,
  renderMarkdown,
  renderText,
  scoreGrid,
  tasksOf,
} from '../../../lib/evaluate/tables/tables.ts';
import { expectError } from '../../llama/fixtures.ts';
import { leia, method, plain, untuned } from './methods.ts';

const methods = [untuned, plain, leia];

function table(list: readonly Method[] = methods, options = {}) {
  const groups = layouts.auto.columns(tasksOf(list));
  return buildTable(list, { title: 'Scores', groups, ...options });
}

/** The scores of binary items, so many right. */
function withItems(base: Method, task: string, runs: readonly (readonly number[])[]): Method {
  return {
    ...base,
    runs: runs.map((items, i) => ({
      name: `${base.name} ${i + 1}`,
      scores: new Map([[task, items.reduce((sum, s) => sum + s, 0) / items.length]]),
      items: new Map([[task, new Map(items.map((score, id) => [String(id), score]))]]),
    })),
  };
}

describe('buildTable', () => {
  it('marks what is better than all baselines, each by the test that fits its runs', () => {
    const { rows, comparisons } = table();
    expect(rows.map(({ cells }) => cells.map((cell) => cell!.marked))).toEqual([
      [false, false],
      [false, false],
      [true, false],
    ]);
    expect(comparisons.map(({ baseline, seeds }) => [baseline, seeds!.kind])).toEqual([
      ['LLaMA', 'one-sample'],
      ['LLaMA', 'one-sample'],
      ['plain', 'welch'],
      ['plain', 'welch'],
    ]);
  });

  it('marks nothing that beats one baseline and not the other, whichever comes first', () => {
    for (const list of [methods, [plain, untuned, leia]]) {
      const { rows, comparisons } = table(list, { correction: 'none' });
      const second = comparisons.filter(({ column }) => column === 1);
      expect(second.map(({ seeds }) => seeds!.adjusted < 0.05).sort()).toEqual([false, true]);
      expect(rows[2]!.cells[1]!.marked).toBe(false);
    }
  });

  it('holds a cell against the baselines that have a score in its column', () => {
    const other = method('other', 'baseline', { niilc: [0.9, 0.91] });
    const { rows } = table([untuned, other, leia]);
    expect(rows[2]!.cells.map((cell) => cell?.marked)).toEqual([true, true, undefined]);
  });

  it('takes p after the correction for a mark', () => {
    // 0.25 against 0.27, 0.26, 0.26, 0.27, 0.25 has p 0.033; four times that is above 0.05
    const pair = [untuned, leia];
    const marks = (correction: 'holm' | 'bonferroni' | 'none', list = pair) =>
      table(list, { correction })
        .rows.at(-1)!
        .cells.map((cell) => cell!.marked);
    expect(marks('none')).toEqual([true, true]);
    expect(marks('holm')).toEqual([true, true]);
    expect(marks('bonferroni')).toEqual([true, false]);
    expect(table(pair, { level: 0.03, correction: 'none' }).rows[1]!.cells[1]!.marked).toBe(false);
  });

  it('never marks what is worse, however significant', () => {
    const worse = method('LEIA', 'candidate', { xcodah_ja: [0.1, 0.11, 0.1] });
    const { rows, comparisons } = table([untuned, plain, worse]);
    expect(comparisons[0]!.seeds!.adjusted).toBeLessThan(0.01);
    expect(rows[2]!.cells[0]!.marked).toBe(false);
    expect(rows[2]!.cells[1]).toBeUndefined();
  });

  it('says what it cannot test, one line for all columns', () => {
    const once = method('LEIA', 'candidate', { xcodah_ja: [0.5], xcsqa_ja: [0.5] });
    const { warnings, rows, comparisons } = table([untuned, once]);
    expect(warnings).toEqual([
      'X-CODAH ja, X-CSQA ja: no test of LEIA against LLaMA over seeds, as one run each says nothing of the spread over seeds',
    ]);
    expect(comparisons.every(({ seeds }) => seeds === undefined)).toBe(true);
    expect(rows[1]!.cells[0]!.marked).toBe(false);
    const still = method('LEIA', 'candidate', { xcodah_ja: [0.5, 0.5, 0.5] });
    expect(table([untuned, still]).warnings).toEqual([
      'X-CODAH ja: no test of LEIA against LLaMA over seeds, as the scores of the runs do not differ at all',
    ]);
  });

  it('means over tasks are of each run, and a run without one of them is left out by name', () => {
    const groups = [
      { heading: '', columns: [{ label: 'Avg.', tasks: ['xcodah_ja', 'xcsqa_ja'] }] },
    ];
    const [first, second, ...rest] = leia.runs;
    const scores = new Map([['xcodah_ja', 0.9]]);
    const holed = { ...leia, runs: [first!, { ...second!, scores }, ...rest] };
    const { rows, warnings } = buildTable([holed], { title: '', groups });
    const cell = rows[0]!.cells[0]!;
    expect(cell.values.length).toBe(4);
    expect(cell.values[0]).toBeCloseTo(0.335, 12);
    expect(cell.summary.mean).toBeCloseTo((0.335 + 0.34 + 0.34 + 0.325) / 4, 12);
    expect(warnings).toEqual([
      'Avg.: LEIA has no score in LEIA 2; its cell is over the other 4 runs',
    ]);
  });

  it('compares items run by run and over all runs', () => {
    const right = (from: number, to: number) =>
      Array.from({ length: 100 }, (_, i) => (i >= from && i < to ? 1 : 0));
    const base = withItems(untuned, 'held', [right(0, 40)]);
    const ours = withItems(leia, 'held', [right(0, 60), right(5, 60)]);
    const { comparisons } = table([base, ours], { resamples: 1000 });
    const { count, bootstrap, mcnemar } = comparisons[0]!.items!;
    expect(count).toBe(100);
    expect(bootstrap.difference).toBeCloseTo(0.175, 12);
    expect(bootstrap.p).toBeLessThan(0.01);
    expect(mcnemar).toMatchObject({ pairs: 2, onlyCandidate: 40, onlyBaseline: 5 });
    // 20 : 0 and 20 : 5; of two dependent tests, twice the smaller
    expect(mcnemar!.p).toBeCloseTo(2 * 2 * 2 ** -20, 12);
  });

  it('leaves out McNemar’s test where items are not right or wrong, and all where they differ', () => {
    const graded = withItems(leia, 'held', [[0.5, 1, 0.2]]);
    const base = withItems(untuned, 'held', [[0, 1, 1]]);
    expect(table([base, graded]).comparisons[0]!.items!.mcnemar).toBeUndefined();
    const other = withItems(untuned, 'held', [[0, 1, 1, 1]]);
    const { comparisons, warnings } = table([other, graded]);
    expect(comparisons[0]!.items).toBeUndefined();
    expect(warnings).toContain(
      'held: the items of LEIA and LLaMA are not the same; no tests over them',
    );
  });

  it('takes means with intervals where the runs are not known', () => {
    const { scores } = leia.runs[0]!;
    const published = { ...leia, runs: [], means: new Map<string, Summary>() };
    for (const task of scores.keys()) {
      const { mean, halfWidth, runs } = summarize(leia.runs.map((run) => run.scores.get(task)!));
      published.means.set(task, meanWithInterval(mean, halfWidth!, runs));
    }
    const [known, rebuilt] = [table([untuned, plain, leia]), table([untuned, plain, published])];
    expect(renderText(scoreGrid(rebuilt))).toBe(renderText(scoreGrid(known)));
    for (const [i, { seeds }] of rebuilt.comparisons.entries()) {
      expect(seeds!.p).toBeCloseTo(known.comparisons[i]!.seeds!.p, 10);
    }
    const groups = [{ heading: '', columns: [{ label: 'Avg.', tasks: [...scores.keys()] }] }];
    const average = buildTable([untuned, published], { title: '', groups });
    expect(average.rows[1]!.cells[0]!.summary).toEqual({ runs: 5, mean: 0.335 });
    expect(average.warnings).toEqual([
      'Avg.: no test of LEIA against LLaMA over seeds, as only the mean over runs is known, not its spread',
    ]);
  });

  it('refuses nothing, names twice, no runs, and what is no number', async () => {
    const build = (list: Method[]) => () => buildTable(list, { title: '', groups: [] });
    await expectError(build([]), 'usage', 'nothing to compare');
    await expectError(build([leia, leia]), 'usage', "two methods are named 'LEIA'");
    await expectError(build([{ ...leia, runs: [] }]), 'usage', 'LEIA has no runs');
    const broken = method('x', 'baseline', { held: [Number.NaN] });
    await expectError(build([broken]), 'format', 'x 1: the score of held is no number');
  });
});

describe('renderers', () => {
  it('text has aligned columns, and notes that say how it came about', () => {
    expect(renderText(scoreGrid(table()))).toBe(`Scores

       X-CODAH ja  X-CSQA ja
LLaMA       30.0        25.0
plain   31.8±1.0    26.2±1.0
LEIA    40.8±1.0*   26.2±1.0

Per cent. Runs: LLaMA 1, plain 5, LEIA 5.
± is half of the 95 % confidence interval of the mean over seeds (Student's t).
No interval for LLaMA: one run says nothing of the spread over seeds.
* better than all baselines, each two-sided p < 0.05 (Welch's t, one-sample t where one side is a single model; Holm's correction over 4 comparisons).
`);
  });

  it('a wide table is cut into parts that repeat the methods', () => {
    const many = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`task-${i}`, [0.5, 0.6]]),
    );
    const wide = renderText(scoreGrid(table([method('手法', 'candidate', many)])), 40);
    const lines = wide.split('\n').slice(0, -4);
    expect(lines.filter((line) => line.startsWith('手法'))).toHaveLength(4);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
  });

  it('Markdown, LaTeX and CSV escape names that would break them', () => {
    const evil = 'a|b_{c}&%$#\\ "d",\ne*';
    const odd = table([{ ...untuned, name: evil }, leia]);
    const markdown = renderMarkdown(scoreGrid(odd)).split('\n');
    const bars = (line: string) => line.replaceAll('\\|', '').split('|').length;
    expect(new Set(markdown.filter((line) => line.startsWith('|')).map(bars))).toEqual(
      new Set([5]),
    );
    const tex = renderLatex(scoreGrid(odd));
    expect(tex).toContain(
      'a\\textbar{}b\\_\\{c\\}\\&\\%\\$\\#\\textbackslash{} "d", e* & 30.0 & 25.0 \\\\',
    );
    expect(tex).toContain('\\textbf{40.8$\\pm$1.0\\textsuperscript{*}}');
    expect(renderCsv(odd)).toContain('"a|b_{c}&%$#\\ ""d"",\ne*",baseline,0.3,,1,,0.25,,1,\r\n');
  });

  it('LaTeX has a rule under each heading', () => {
    const groups = layouts['table-2'].columns(['xcodah_ar', 'xcodah_ja', 'xcsqa_ja']);
    const tex = renderLatex(scoreGrid(buildTable(methods, { title: 'T', groups })));
    expect(tex).toContain(' & \\multicolumn{3}{c}{X-CODAH} & \\multicolumn{1}{c}{X-CSQA} \\\\');
    expect(tex).toContain('\\cmidrule(lr){2-4} \\cmidrule(lr){5-5}');
    expect(tex).toContain(' & ar & ja & Avg. of 2 & ja \\\\');
  });

  it('lists every comparison with its numbers', () => {
    const text = renderText(comparisonGrid(table()));
    expect(text).toMatch(/X-CODAH ja: LEIA − plain +\+9\.0 +17\.01 +8\.0 +< 0\.001 +< 0\.001/);
    expect(text).toMatch(/X-CSQA ja: LEIA − plain +0\.0 +0\.00 +8\.0 +1\.000 +1\.000/);
    expect(text).toContain("over seeds, Holm's correction over 4 comparisons.");
    expect(renderText(comparisonGrid(table(methods, { correction: 'none' })))).toContain(
      'not corrected for 4 comparisons',
    );
  });
});

describe('layouts', () => {
  const languages = ['ar', 'es', 'hi', 'ja', 'ru', 'sw', 'zh'];
  const tasks = ['en', ...languages].flatMap((language) => [
    `xcodah_${language}`,
    `xcsqa_${language}`,
  ]);

  it('by language: seven and their mean, in the paper’s order, whatever the files’ order', () => {
    const groups = layouts['table-8'].columns([...tasks].reverse());
    expect(groups.map(({ heading }) => heading)).toEqual(['X-CODAH', 'X-CSQA']);
    expect(groups[0]!.columns.map(({ label }) => label)).toEqual([...languages, 'Avg.']);
    expect(groups[1]!.columns.at(-1)!.tasks).toEqual(languages.map((code) => `xcsqa_${code}`));
  });

  it('means: of the languages that there are, and says so', () => {
    const labels = (some: readonly string[]) =>
      layouts['table-1'].columns(some).flatMap(({ columns }) => columns.map(({ label }) => label));
    expect(labels(tasks)).toEqual(['X-CODAH', 'X-CSQA']);
    expect(labels(['xcodah_ar', 'xcodah_ja', 'xcsqa_ja'])).toEqual([
      'X-CODAH Avg. of 2',
      'X-CSQA ja',
    ]);
    expect(labels(['niilc'])).toEqual([]);
  });

  it('Japanese: the six tasks; auto: all there are', () => {
    const all = ['jaqket', 'niilc', 'jcommonsenseqa', 'jemhopqa', 'xcodah_ja', 'xcsqa_ja'];
    expect(layouts['table-3'].columns(all)[0]!.columns.map(({ label }) => label)).toEqual([
      ...['X-CODAH', 'X-CSQA', 'JCommonsenseQA', 'NIILC', 'JEMHopQA', 'JAQKET'],
    ]);
    const auto = layouts.auto.columns([...tasks, 'niilc', 'my_task']);
    expect(auto.map(({ heading, columns }) => [heading, columns.length])).toEqual([
      ['X-CODAH', 9],
      ['X-CSQA', 9],
      ['', 2],
    ]);
    expect(auto[2]!.columns.map(({ label }) => label)).toEqual(['NIILC', 'my_task']);
  });
});

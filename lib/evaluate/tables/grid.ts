// A table as text in rows and columns, on the way to a terminal, Markdown, LaTeX or HTML: what a cell says is decided
// here once, how it looks there.
import type { Comparison } from './comparisons.ts';
import type { Cell, Table } from './table.ts';

export interface GridCell {
  readonly text: string;
  readonly bold?: boolean;
}

export interface Grid {
  readonly title: string;
  /** Headings over the columns behind the first, with how many each spans; none if all are empty. */
  readonly headings: readonly { readonly text: string; readonly span: number }[];
  /** As many as each row has cells. The first column is text, the others are numbers. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly GridCell[])[];
  /** Sentences under the table. */
  readonly notes: readonly string[];
}

/** The table of scores, in per cent: mean, ± half the interval, `*` where marked; the best of a column in bold. */
export function scoreGrid(table: Table): Grid {
  const { title, groups, rows } = table;
  const headings = groups.map(({ heading, columns }) => ({ text: heading, span: columns.length }));
  return {
    title,
    headings: headings.some(({ text }) => text !== '') ? headings : [],
    header: ['', ...groups.flatMap(({ columns }) => columns.map(({ label }) => label))],
    rows: rows.map(({ method, cells }) => [{ text: method }, ...cells.map(scoreCell)]),
    notes: scoreNotes(table),
  };
}

function scoreCell(cell: Cell | undefined): GridCell {
  if (cell === undefined) return { text: '–' };
  const { summary, best, marked } = cell;
  const half = summary.halfWidth === undefined ? '' : `±${percent(summary.halfWidth)}`;
  return { text: `${percent(summary.mean)}${half}${marked ? '*' : ''}`, bold: best };
}

/** What the table's numbers and marks mean, and over how many runs. */
export function scoreNotes(table: Table): string[] {
  const { rows, comparisons, level } = table;
  const single = rows.filter(({ runs }) => runs === 1).map(({ method }) => method);
  const notes = [
    `Per cent. Runs: ${rows.map(({ method, runs }) => `${method} ${runs}`).join(', ')}.`,
  ];
  if (single.length < rows.length) {
    notes.push("± is half of the 95 % confidence interval of the mean over seeds (Student's t).");
  }
  if (single.length > 0) {
    notes.push(
      `No interval for ${single.join(', ')}: one run says nothing of the spread over seeds.`,
    );
  }
  const tests = comparisons.flatMap(({ seeds }) => (seeds === undefined ? [] : [seeds]));
  if (tests.length > 0) {
    const kinds = [
      ...(tests.some(({ kind }) => kind === 'welch') ? ["Welch's t"] : []),
      ...(tests.some(({ kind }) => kind === 'one-sample')
        ? ['one-sample t where one side is a single model']
        : []),
    ];
    notes.push(
      `* better than all baselines, each two-sided p < ${level} (${kinds.join(', ')}; ${correctionText(table, tests.length)}).`,
    );
  }
  return notes;
}

const correctionNames = { holm: "Holm's correction", bonferroni: "Bonferroni's correction" };

/** "Holm's correction over 28 comparisons", "not corrected for 28 comparisons". */
export function correctionText({ correction }: Table, comparisons: number): string {
  const many = `${comparisons} ${comparisons === 1 ? 'comparison' : 'comparisons'}`;
  if (correction === 'none') return `not corrected for ${many}`;
  return `${correctionNames[correction]} over ${many}`;
}

/** A kind of test in the list of comparisons: its columns, and what a comparison has in them. */
interface TestColumns {
  readonly header: readonly string[];
  /** undefined where this test was not made. */
  cells(comparison: Comparison): string[] | undefined;
  note(table: Table, made: number): string;
}

const overSeeds: TestColumns = {
  header: ['t', 'df', 'p', 'adjusted'],
  cells: ({ seeds }) =>
    seeds && [
      ...[seeds.t.toFixed(2), seeds.degrees.toFixed(1)],
      ...[formatP(seeds.p), formatP(seeds.adjusted)],
    ],
  note: (table, made) => `t, df, p, adjusted: over seeds, ${correctionText(table, made)}.`,
};

const bootstrap: TestColumns = {
  header: ['items', '95 % over items', 'p', 'adjusted'],
  cells: ({ items }) =>
    items && [
      ...[String(items.count), `${signed(items.bootstrap.low)} … ${signed(items.bootstrap.high)}`],
      ...[formatP(items.bootstrap.p), formatP(items.bootstrap.adjusted)],
    ],
  note: (table, made) =>
    `items: paired bootstrap over items, ${table.resamples} draws, seed ${table.seed}, ${correctionText(table, made)}.`,
};

const mcnemar: TestColumns = {
  header: ['only candidate : baseline', 'McNemar p', 'adjusted'],
  cells: ({ items }) =>
    items?.mcnemar && [
      `${items.mcnemar.onlyCandidate} : ${items.mcnemar.onlyBaseline}`,
      ...[formatP(items.mcnemar.p), formatP(items.mcnemar.adjusted)],
    ],
  note: (table, made) =>
    `McNemar's exact test over items, ${correctionText(table, made)}; pairs of runs are combined by Rüger's rule.`,
};

/** One row for each comparison, with every test that could be made. */
export function comparisonGrid(table: Table): Grid {
  const { comparisons } = table;
  const tests = [overSeeds, bootstrap, mcnemar].map((test) => ({
    ...test,
    made: comparisons.filter((each) => test.cells(each) !== undefined).length,
  }));
  const shown = tests.filter(({ made }) => made > 0);
  const rows = comparisons.map((each) => [
    `${each.columnName}: ${each.candidate} − ${each.baseline}`,
    signed(each.difference),
    ...shown.flatMap(({ cells, header }) => cells(each) ?? header.map(() => '–')),
  ]);
  return {
    title: 'Comparisons',
    headings: [],
    header: [
      'column, candidate − baseline',
      'difference',
      ...shown.flatMap(({ header }) => header),
    ],
    rows: rows.map((row) => row.map((text) => ({ text }))),
    notes: ['difference: points of per cent.', ...shown.map(({ note, made }) => note(table, made))],
  };
}

/** A score between 0 and 1 in per cent, with one decimal as the paper has it. */
export function percent(score: number): string {
  return (100 * score).toFixed(1);
}

function signed(score: number): string {
  const text = percent(Math.abs(score));
  if (Number(text) === 0) return text;
  return score < 0 ? `−${text}` : `+${text}`;
}

/** "0.034", "< 0.001". */
export function formatP(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

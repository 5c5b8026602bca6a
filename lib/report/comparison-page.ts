// The page of a comparison: for every table its scores, a plot with dots and intervals for each column, and the tests
// behind the marks. The section of one table can also stand in a page of its own, such as a replication's.

import type { ExampleSheet } from '../evaluate/tables/examples.ts';
import { comparisonGrid, type Grid, scoreGrid } from '../evaluate/tables/grid.ts';
import { columnName } from '../evaluate/tables/methods.ts';
import type { Table, TableRow } from '../evaluate/tables/table.ts';
import { type Html, html } from './html.ts';
import { type IntervalRow, intervalPlot } from './interval-plot.ts';
import { legend } from './line-chart.ts';
import { page } from './page.ts';

export interface ComparisonPage {
  readonly title: string;
  readonly tables: readonly Table[];
  /** Further sections, such as the examples that one model got right and another wrong. */
  readonly sections?: readonly Html[];
}

/** The whole page, well-formed as HTML and as XML, without scripts and without anything from the network. */
export function comparisonPage({ title, tables, sections = [] }: ComparisonPage): string {
  return page(
    title,
    html`${tables.map(comparisonSection)}${sections}
<footer><p>Method and layout of the tables: Ikuya Yamada and Ryokan Ri, <a href="https://arxiv.org/abs/2402.11485">LEIA: Facilitating Cross-lingual Knowledge Transfer in Language Models with Entity-based Data Augmentation</a> (2024).</p></footer>`,
  );
}

/** One table with its plots and tests: an `<h2>`, and figures and tables under it. */
export function comparisonSection(table: Table): Html {
  const columns = table.groups.flatMap((group) =>
    group.columns.map((column) => columnName(group, column)),
  );
  const { warnings, comparisons } = table;
  return html`<h2>${table.title}</h2>
${gridTable(scoreGrid(table))}
${warnings.map((warning) => html`<p class="note">Note: ${warning}.</p>\n`)}<h3>Scores and their spread</h3>
${legend(colors.filter(({ color }) => table.rows.some((row) => colorOf(row) === color)))}
<p class="note">Large dot: mean over runs. Line: its 95 % confidence interval. Small dots: the runs. *: better than all baselines.</p>
${columns.map((name, i) => columnFigure(table, name, i))}
${comparisons.length > 0 ? html`<h3>Comparisons</h3>\n${gridTable(comparisonGrid(table))}` : ''}
`;
}

const colors = [
  { name: 'baseline', color: 0, points: [] },
  { name: 'candidate', color: 1, points: [] },
];

function colorOf({ role }: TableRow): number {
  return role === 'baseline' ? 0 : 1;
}

function columnFigure(table: Table, name: string, column: number): Html {
  const shown = columnRows(table, column);
  if (shown.length === 0) return html``;
  const description = `Scores of ${shown.length} methods for ${name}, with intervals over seeds`;
  return html`<figure><figcaption>${name}</figcaption>
${intervalPlot({ description, xLabel: 'per cent', rows: shown })}</figure>
`;
}

/** A column's scores as rows of a plot; the columns are counted over all groups. */
export function columnRows({ rows }: Table, column: number): IntervalRow[] {
  return rows.flatMap((row) => plotted(row, column));
}

function plotted(row: TableRow, column: number): IntervalRow[] {
  const cell = row.cells[column];
  if (cell === undefined) return [];
  const { mean, halfWidth } = cell.summary;
  return [
    {
      label: row.method,
      mean: 100 * mean,
      ...(halfWidth !== undefined && { halfWidth: 100 * halfWidth }),
      values: cell.values.map((value) => 100 * value),
      color: colorOf(row),
      marked: cell.marked,
    },
  ];
}

function gridTable({ headings, header, rows, notes }: Grid): Html {
  const over =
    headings.length === 0
      ? ''
      : html`<tr><th></th>${headings.map(({ text, span }) => html`<th class="number" colspan="${span}">${text}</th>`)}</tr>\n`;
  return html`<div class="scroll"><table>
<thead>${over}<tr>${header.map((text, i) => (i === 0 ? html`<th>${text}</th>` : html`<th class="number">${text}</th>`))}</tr></thead>
<tbody>
${rows.map(
  (row) =>
    html`<tr>${row.map(({ text, bold }, i) => {
      const content = bold ? html`<b>${text}</b>` : text;
      return i === 0
        ? html`<th class="label">${content}</th>`
        : html`<td class="number">${content}</td>`;
    })}</tr>\n`,
)}</tbody>
</table></div>
${notes.map((note) => html`<p class="note">${note}</p>\n`)}`;
}

/** Items that one model got right and another wrong: an `<h2>` and a block for each. */
export function exampleSection({ task, right, wrong, found, examples }: ExampleSheet): Html {
  return html`<h2>${task}: ${right} right, ${wrong} wrong</h2>
<p class="note">${examples.length} of ${found} such items, drawn at random.</p>
${examples.map(
  (each) => html`<div class="passage"><dl>
<dt>question (item ${each.id})</dt><dd>${each.question === '' ? '–' : each.question}</dd>
${each.choices.map((choice, i) => html`<dt>choice ${i + 1}</dt><dd>${choice}</dd>\n`)}<dt>answer</dt><dd>${each.answer}</dd>
<dt>${right}</dt><dd>${each.right}</dd>
<dt>${wrong}</dt><dd>${each.wrong}</dd>
</dl></div>
`,
)}`;
}

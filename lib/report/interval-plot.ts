// Dots and intervals as SVG: for each method a line with its mean, the 95 % interval of the mean, and every run as a
// small dot, so that the spread over seeds can be seen and not only be believed. Colours are the page's, as in the line
// chart.
import { axis } from './axis.ts';
import { type Html, html } from './html.ts';

export interface IntervalRow {
  readonly label: string;
  readonly mean: number;
  /** Half the width of the interval; without it there is none to draw. */
  readonly halfWidth?: number;
  /** The score of each run. */
  readonly values: readonly number[];
  /** Which of the page's colours. */
  readonly color: number;
  /** Set apart as better than all baselines. */
  readonly marked?: boolean;
}

export interface IntervalPlot {
  /** A sentence that describes the plot, for screen readers. */
  readonly description: string;
  readonly xLabel: string;
  readonly rows: readonly IntervalRow[];
}

const width = 720;
const margin = { top: 8, right: 84, bottom: 44, left: 190 };
const rowHeight = 28;
/** How far the runs are drawn under their mean, so that its line does not hide them. */
const runsBelow = 8;
/** Characters of a label that fit on the left. */
const longestLabel = 28;

/** @returns an `<svg>` 720 units wide and as high as its rows need, that scales with its place */
export function intervalPlot({ description, xLabel, rows }: IntervalPlot): Html {
  const extent = rows.flatMap(({ mean, halfWidth = 0, values }) => [
    ...[mean - halfWidth, mean + halfWidth],
    ...values,
  ]);
  const [left, right] = [margin.left, width - margin.right];
  const x = axis(extent.filter(Number.isFinite), { from: left, to: right, ticks: 6 });
  const bottom = margin.top + rows.length * rowHeight;
  return html`<svg viewBox="0 0 ${width} ${bottom + margin.bottom}" role="img" aria-label="${description}" xmlns="http://www.w3.org/2000/svg">
${x.ticks.map(
  (value) =>
    html`<line class="grid" x1="${x.place(value)}" x2="${x.place(value)}" y1="${margin.top}" y2="${bottom}"/><text class="tick" x="${x.place(value)}" y="${bottom + 18}" text-anchor="middle">${x.format(value)}</text>`,
)}
<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
<text class="label" x="${(left + right) / 2}" y="${bottom + 38}" text-anchor="middle">${xLabel}</text>
${rows.map((row, i) => plotRow(row, margin.top + (i + 0.5) * rowHeight, x.place))}
</svg>`;
}

function plotRow(row: IntervalRow, y: number, place: (value: number) => string): Html {
  const { label, mean, halfWidth, values, color, marked } = row;
  const series = `series-${color}`;
  const short =
    [...label].length > longestLabel ? `${[...label].slice(0, longestLabel - 1).join('')}…` : label;
  const said =
    halfWidth === undefined ? mean.toFixed(1) : `${mean.toFixed(1)}±${halfWidth.toFixed(1)}`;
  return html`<g class="interval ${series}"><title>${label}: ${said}${values.length > 1 ? `, ${values.length} runs` : ''}</title>
<text class="row" x="${margin.left - 10}" y="${y}" dy="0.32em" text-anchor="end">${short}</text>
${
  halfWidth === undefined
    ? ''
    : html`<path class="whisker" d="M${place(mean - halfWidth)} ${y}H${place(mean + halfWidth)}M${place(mean - halfWidth)} ${y - 5}v10M${place(mean + halfWidth)} ${y - 5}v10"/>`
}
${values.length > 1 ? values.map((value) => html`<circle class="run" cx="${place(value)}" cy="${y + runsBelow}" r="2.5"/>`) : ''}
<circle class="dot ${series}" cx="${place(mean)}" cy="${y}" r="5"/>
<text class="value" x="${width - margin.right + 8}" y="${y}" dy="0.32em">${said}${marked ? '*' : ''}</text></g>
`;
}

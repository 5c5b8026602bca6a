// A line chart as SVG, drawn without a browser: a few curves over one axis of steps. Colours are left to the
// page's style sheet (`.series-0`, `.series-1` …), so that it can be light or dark.
import { type Axis, axis } from './axis.ts';
import { type Html, type HtmlValue, html } from './html.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Which of the page's colours. */
  readonly color: number;
  /** A faint line behind others, without a name in the legend. */
  readonly faint?: boolean;
  /** A dot at every point, with its value. */
  readonly dots?: boolean;
}

export interface LineChart {
  /** A sentence that describes the chart, for screen readers. */
  readonly description: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

const width = 720;
const height = 320;
const margin = { top: 16, right: 24, bottom: 44, left: 52 };
/** Of the axis's name on the left with its gaps, and at most of a digit on a tick. */
const labelWidth = 28;
const tickWidth = 7.5;

/** @returns an `<svg>` of 720 × 320 units that scales with its place. Points that are not finite are left out. */
export function lineChart({ description, xLabel, yLabel, series }: LineChart): Html {
  const drawn = series.map((each) => ({ ...each, points: each.points.filter(isFinitePoint) }));
  const points = drawn.flatMap((each) => each.points);
  const y = axis(
    points.map((point) => point.y),
    { from: height - margin.bottom, to: margin.top, ticks: 5 },
  );
  const widest = Math.max(0, ...y.ticks.map((value) => y.format(value).length));
  const left = Math.max(margin.left, labelWidth + tickWidth * widest);
  const x = axis(
    points.map((point) => point.x),
    { from: left, to: width - margin.right, ticks: 6, start: 0 },
  );
  const bottom = height - margin.bottom;
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${description}" xmlns="http://www.w3.org/2000/svg">
${y.ticks.map(
  (value) =>
    html`<line class="grid" x1="${left}" x2="${width - margin.right}" y1="${y.place(value)}" y2="${y.place(value)}"/><text class="tick" x="${left - 8}" y="${y.place(value)}" dy="0.32em" text-anchor="end">${y.format(value)}</text>`,
)}
${x.ticks.map(
  (value) =>
    html`<text class="tick" x="${x.place(value)}" y="${bottom + 18}" text-anchor="middle">${x.format(value)}</text>`,
)}
<line class="axis" x1="${left}" x2="${width - margin.right}" y1="${bottom}" y2="${bottom}"/>
<text class="label" x="${(left + width - margin.right) / 2}" y="${height - 6}" text-anchor="middle">${xLabel}</text>
<text class="label" transform="translate(14 ${(margin.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${yLabel}</text>
${drawn.map((each) => curve(each, x, y))}
</svg>`;
}

/** The legend, to be placed above the chart: the names of the curves with their colours. */
export function legend(series: readonly Series[]): Html {
  const named = series.filter(({ faint }) => !faint);
  return html`<p class="legend">${named.map(
    ({ name, color }) => html`<span><span class="key series-${color}"></span>${name}</span> `,
  )}</p>`;
}

/**
 * The mean over `radius` points on either side. Near the start both sides are cut to the same length, so that
 * the mean does not blur a steep beginning; near the end only the right side is cut.
 */
export function smooth(points: readonly Point[], radius: number): Point[] {
  return points.map(({ x }, i) => {
    const reach = Math.min(radius, i);
    const near = points.slice(i - reach, i + reach + 1);
    return { x, y: near.reduce((sum, point) => sum + point.y, 0) / near.length };
  });
}

/** At most `most` points: each is the mean of neighbours, of as many for all of them but the last. */
export function thin(points: readonly Point[], most: number): readonly Point[] {
  const size = Math.ceil(points.length / most);
  if (size <= 1) return points;
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const near = points.slice(i * size, (i + 1) * size);
    return { x: mean(near.map(({ x }) => x)), y: mean(near.map(({ y }) => y)) };
  });
}

function curve({ points, color, faint, dots }: Series, x: Axis, y: Axis): HtmlValue {
  if (points.length === 0) return '';
  const path = points
    .map((point, i) => `${i === 0 ? 'M' : 'L'}${x.place(point.x)} ${y.place(point.y)}`)
    .join('');
  return html`<path class="curve series-${color}${faint ? ' faint' : ''}" d="${path}"/>
${
  dots
    ? points.map(
        (point) =>
          html`<circle class="dot series-${color}" cx="${x.place(point.x)}" cy="${y.place(point.y)}" r="4"><title>${x.format(point.x)}: ${point.y.toFixed(3)}</title></circle>`,
      )
    : ''
}`;
}

function isFinitePoint({ x, y }: Point): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

// The page of `leia report`: several training runs side by side, with curves of what they learned and how fast, a table of
// where they ended, and the settings in which they differ.

import type { RunIdentity } from '../train/identity.ts';
import type { RecordedMetrics } from '../train/metrics.ts';
import { type Html, type HtmlValue, html } from './html.ts';
import { legend, lineChart, type Point, type Series, smooth, thin } from './line-chart.ts';
import { page } from './page.ts';
import { seriesColors } from './style.ts';

export interface ReportedRun {
  /** Different for each run. */
  readonly name: string;
  /** What decides the run's result, as `run.json` has it. */
  readonly settings: RunIdentity;
  /** A line for each step. */
  readonly metrics: readonly RecordedMetrics[];
  readonly isFinished: boolean;
}

/** How many runs have a colour of their own. */
export const mostRuns = seriesColors.length;

/** Points of a curve; more of them would be closer together than the page can show. */
const curvePoints = 360;

interface Figure {
  readonly title: string;
  readonly yLabel: string;
  readonly note?: string;
  readonly value: (line: RecordedMetrics) => number | undefined;
  /** Noisy from step to step: a smooth line over a faint one. */
  readonly isNoisy?: boolean;
}

const figures: readonly Figure[] = [
  {
    title: 'Loss',
    yLabel: 'nats per label token',
    note: 'Of the batches, before each update. A bold line is the mean over steps nearby, a faint one each step.',
    value: ({ loss }) => loss,
    isNoisy: true,
  },
  {
    title: 'Held-out loss',
    yLabel: 'nats per token',
    note: 'Of articles that a run was not trained on. Comparable between runs that hold out the same ones.',
    value: ({ heldOutLoss }) => heldOutLoss,
  },
  {
    title: 'Gradient norm',
    yLabel: 'L2, before clipping',
    value: ({ gradientNorm }) => gradientNorm,
    isNoisy: true,
  },
  {
    title: 'Throughput',
    yLabel: 'tokens a second',
    value: ({ tokensPerSecond }) => tokensPerSecond,
    isNoisy: true,
  },
];

/** The whole page, well-formed as HTML and as XML, without scripts and without anything from the network. */
export function runsPage(runs: readonly ReportedRun[]): string {
  const title = runs.length === 1 ? `Training run ${runs[0]!.name}` : 'Training runs';
  return page(
    title,
    html`${summary(runs)}
${[...figures, ...taskFigures(runs)].map((figure) => section(figure, runs))}
${differences(runs)}`,
  );
}

function section({ title, yLabel, note, value, isNoisy }: Figure, runs: readonly ReportedRun[]) {
  const curves = runs.flatMap((run, color): { name: string; color: number; points: Point[] }[] => {
    const points = run.metrics.flatMap((line) => {
      const y = value(line);
      return typeof y === 'number' ? [{ x: line.step, y }] : [];
    });
    return points.length === 0 ? [] : [{ name: run.name, color, points }];
  });
  if (curves.length === 0) return html``;
  const series = curves.flatMap(({ points, ...curve }): Series[] => {
    const shown = thin(points, curvePoints);
    if (!isNoisy) return [{ ...curve, points: shown, dots: shown.length <= 60 }];
    const radius = Math.max(1, Math.round(shown.length / 40));
    const faint = { ...curve, points: shown, faint: true };
    return shown.length < 20
      ? [{ ...curve, points: shown }]
      : [faint, { ...curve, points: smooth(shown, radius) }];
  });
  const description = `${title} by step of ${curves.map(({ name }) => name).join(', ')}`;
  return html`<h2>${title}</h2>
${legend(series)}
<figure>${lineChart({ description, xLabel: 'step', yLabel, series })}
${note === undefined ? '' : html`<figcaption>${note}</figcaption>`}</figure>
`;
}

/** A figure for each task that any run was asked. */
function taskFigures(runs: readonly ReportedRun[]): Figure[] {
  const names = new Set(
    runs.flatMap(({ metrics }) => metrics.flatMap(({ tasks = {} }) => Object.keys(tasks))),
  );
  return [...names].map((task) => ({
    title: `Task ${task}`,
    yLabel: 'score',
    value: ({ tasks }) => tasks?.[task],
  }));
}

function summary(runs: readonly ReportedRun[]): Html {
  const columns: readonly [string, (run: ReportedRun) => string | undefined][] = [
    [
      'steps',
      ({ metrics, settings, isFinished }) =>
        `${metrics.at(-1)?.step ?? 0}${isFinished ? '' : ` of ${settings.maxSteps}`}`,
    ],
    [
      'loss',
      ({ metrics }) =>
        fixed(
          meanOf(lastTenth(metrics), ({ loss }) => loss),
          4,
        ),
    ],
    [
      'held-out loss',
      ({ metrics }) =>
        fixed(
          lastOf(metrics, ({ heldOutLoss }) => heldOutLoss),
          4,
        ),
    ],
    [
      'tokens/s',
      ({ metrics }) =>
        fixed(
          medianOf(metrics, ({ tokensPerSecond }) => tokensPerSecond),
          0,
        ),
    ],
    [
      'utilisation',
      ({ metrics }) => percent(medianOf(metrics, ({ flopsUtilization }) => flopsUtilization)),
    ],
    ['memory', ({ metrics }) => gigabytes(lastOf(metrics, ({ memoryBytes }) => memoryBytes))],
    ['time saving', ({ metrics }) => percent(shareOf(metrics, ({ savingShare }) => savingShare))],
    ['skipped', ({ metrics }) => skipped(metrics)],
  ];
  const rows = runs.map((run) => ({ run, cells: columns.map(([, cell]) => cell(run)) }));
  // A column in which no run has anything to say is left out.
  const shown = columns.flatMap(([name], i) =>
    rows.some(({ cells }) => cells[i]) ? [{ name, i }] : [],
  );
  return html`<div class="scroll"><table>
<thead><tr><th>run</th>${shown.map(({ name }) => html`<th class="number">${name}</th>`)}</tr></thead>
<tbody>
${rows.map(
  ({ run, cells }, color) =>
    html`<tr><th class="label"><span class="key series-${color}"></span>${run.name}</th>${shown.map(({ i }) => html`<td class="number">${cells[i] ?? '–'}</td>`)}</tr>\n`,
)}</tbody>
</table></div>
<p class="note">Loss: mean over the last tenth of the steps. Tokens/s and utilisation: median over all steps. Memory: most on the device at once.</p>`;
}

/** The settings in which runs differ; nothing for a single run. */
function differences(runs: readonly ReportedRun[]): Html {
  const keys = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const differing = keys.filter(
    (key) => new Set(runs.map(({ settings }) => settings[key])).size > 1,
  );
  if (runs.length === 1) return html``;
  if (differing.length === 0) {
    return html`<h2>Settings that differ</h2>\n<p>None: these are runs of the same command.</p>`;
  }
  return html`<h2>Settings that differ</h2>
<div class="scroll"><table>
<thead><tr><th>setting</th>${runs.map(({ name }) => html`<th>${name}</th>`)}</tr></thead>
<tbody>
${differing.map(
  (key) =>
    html`<tr><th class="label">${key}</th>${runs.map(({ settings }) => html`<td>${settingText(settings[key])}</td>`)}</tr>\n`,
)}</tbody>
</table></div>`;
}

/** Hashes of what a run reads are shortened: they only tell that something is another. */
function settingText(value: RunIdentity[string] | undefined): HtmlValue {
  if (value === undefined) return '–';
  const text = String(value);
  return /^[0-9a-f]{64}$/.test(text) ? html`<code>${text.slice(0, 8)}…</code>` : text;
}

type Value = (line: RecordedMetrics) => number | undefined;

function valuesOf(metrics: readonly RecordedMetrics[], value: Value): number[] {
  return metrics.flatMap((line) => {
    const number = value(line);
    return typeof number === 'number' ? [number] : [];
  });
}

function lastTenth(metrics: readonly RecordedMetrics[]): readonly RecordedMetrics[] {
  return metrics.slice(-Math.max(1, Math.round(metrics.length / 10)));
}

function lastOf(metrics: readonly RecordedMetrics[], value: Value): number | undefined {
  return valuesOf(metrics, value).at(-1);
}

function meanOf(metrics: readonly RecordedMetrics[], value: Value): number | undefined {
  const values = valuesOf(metrics, value);
  if (values.length === 0) return undefined;
  return values.reduce((sum, number) => sum + number, 0) / values.length;
}

function medianOf(metrics: readonly RecordedMetrics[], value: Value): number | undefined {
  const values = valuesOf(metrics, value).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)];
}

/** Of the time of all steps. */
function shareOf(metrics: readonly RecordedMetrics[], share: Value): number | undefined {
  const seconds = valuesOf(metrics, ({ seconds }) => seconds).reduce((sum, each) => sum + each, 0);
  if (seconds === 0) return undefined;
  return metrics.reduce((sum, line) => sum + (share(line) ?? 0) * (line.seconds ?? 0), 0) / seconds;
}

function skipped(metrics: readonly RecordedMetrics[]): string | undefined {
  const count = metrics.reduce(
    (sum, { skippedBatches = 0, nonFiniteBatches = 0 }) => sum + skippedBatches + nonFiniteBatches,
    0,
  );
  return count === 0 ? undefined : `${count}`;
}

function fixed(value: number | undefined, digits: number): string | undefined {
  return value?.toFixed(digits);
}

function percent(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${(100 * value).toFixed(1)} %`;
}

function gigabytes(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${(value / 1e9).toFixed(value < 1e9 ? 3 : 1)} GB`;
}

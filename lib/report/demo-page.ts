// The page that the demo leaves: what was read, what LEIA made of it, how the two runs went, and what all this
// does and does not show. It is one file without scripts and loads nothing from the network.
import type { HeldOutLoss } from '../evaluate/held-out-loss.ts';
import type { PassagePreview, Piece } from '../leia/preview.ts';
import type { RecordedMetrics } from '../train/metrics.ts';
import { type Html, html } from './html.ts';
import { legend, lineChart, type Series, smooth } from './line-chart.ts';
import { page } from './page.ts';

/** Held-out loss after so many steps. */
export interface HeldOutPoint extends HeldOutLoss {
  readonly step: number;
}

export interface DemoRun {
  /** "plain text", "LEIA (right, p_skip 0.5)". */
  readonly name: string;
  readonly metrics: readonly RecordedMetrics[];
  /** In the order of steps, from before the first to after the last. */
  readonly heldOut: readonly HeldOutPoint[];
  /** Tokens that the run was trained on, and how many of them belong to inserted names and their marks. */
  readonly tokens: number;
  readonly insertedTokens: number;
}

/** A row of a table: what, and how much. */
export type Row = readonly [label: string, value: string | number];

export interface DemoReport {
  /** Language code of the edition. */
  readonly language: string;
  readonly corpus: readonly Row[];
  readonly passages: readonly PassagePreview[];
  /** The same model trained on plain text, and with LEIA. */
  readonly runs: readonly [plain: DemoRun, leia: DemoRun];
  readonly model: readonly Row[];
  /** What it shows, and what not: paragraphs. */
  readonly reading: readonly string[];
  /** Files and folders beside the page, with what they are. */
  readonly files: readonly Row[];
  /** File name of the dump. */
  readonly dump: string;
  /** Where the English names are from. */
  readonly names: string;
  /** Titles of held-out articles. */
  readonly heldOutTitles: readonly string[];
}

/** The whole page, well-formed as HTML and as XML. */
export function demoPage(report: DemoReport): string {
  const { language } = report;
  const edition = `${languageName(language)} Wikipedia`;
  return page(
    `LEIA on a sample of the ${edition}`,
    html`<p class="lead">A small LLaMA was trained twice from the same random start: once on plain articles, once with the English names of linked articles inserted after their links (strategy right), each link with probability one half. Both were then asked to predict articles that neither had seen.</p>
<h2>What this shows, and what it does not</h2>
${report.reading.map((paragraph) => html`<p>${paragraph}</p>\n`)}
<h2>Passages before and after insertion</h2>
<p class="note">Linked entities are <span class="entity">underlined</span>; <span class="name">names</span> stand between two new tokens, whose own prediction is never trained.</p>
${report.passages.map((passage) => passageBlock(passage, language))}
${lossFigures(report.runs)}
<h2>The two runs in numbers</h2>
${runTable(report.runs)}
<h2>The corpus</h2>
${table(report.corpus)}
<h2>The model and its training</h2>
${table(report.model)}
<h2>Files</h2>
${table(report.files)}
<footer>
<p>Text of the passages and of the dataset: articles of the ${edition} by their authors, from <code>${report.dump}</code>, under <a href="https://creativecommons.org/licenses/by-sa/4.0/">Creative Commons Attribution-ShareAlike 4.0</a> (dumps until June 2023: <a href="https://creativecommons.org/licenses/by-sa/3.0/">3.0</a>), changed by removing markup and inserting English names. Authors: ${report.passages.map(({ title }, i) => html`${i > 0 ? ', ' : ''}<a href="${historyAddress(language, title)}" lang="${language}">${title}</a>`)}.</p>
<p>English names: ${report.names}.</p>
<p>Held-out articles: <span lang="${language}">${report.heldOutTitles.join(', ')}</span>.</p>
<p>Method: Ikuya Yamada and Ryokan Ri, <a href="https://arxiv.org/abs/2402.11485">LEIA: Facilitating Cross-lingual Knowledge Transfer in Language Models with Entity-based Data Augmentation</a> (2024).</p>
</footer>`,
  );
}

/** "Japanese" for "ja"; the code itself where there is no name. */
function languageName(code: string): string {
  try {
    return new Intl.DisplayNames('en', { type: 'language' }).of(code) ?? code;
  } catch {
    return code; // the editions' codes are not all those of the standard
  }
}

function historyAddress(language: string, title: string): string {
  const page = encodeURIComponent(title.replaceAll(' ', '_'));
  return `https://${encodeURIComponent(language)}.wikipedia.org/w/index.php?title=${page}&action=history`;
}

function passageBlock({ title, before, after }: PassagePreview, language: string): Html {
  return html`<div class="passage"><h3 lang="${language}">${title}</h3><dl>
<dt>before</dt><dd lang="${language}">${pieces(before)}</dd>
<dt>after</dt><dd lang="${language}">${pieces(after)}</dd>
</dl></div>
`;
}

function pieces(list: readonly Piece[]): Html[] {
  return list.map(({ kind, text }) =>
    kind === 'text' ? html`${text}` : html`<span class="${kind}">${text}</span>`,
  );
}

function lossFigures(runs: DemoReport['runs']): Html {
  const steps = Math.max(...runs.map(({ metrics }) => metrics.length));
  const radius = Math.max(1, Math.round(steps / 40));
  const curves = runs.map(({ name, metrics }, color) => {
    const points = metrics.map(({ step, loss }) => ({ x: step, y: loss }));
    return { name, color, points };
  });
  const training: Series[] = [
    ...curves.map((curve) => ({ ...curve, faint: true })),
    ...curves.map((curve) => ({ ...curve, points: smooth(curve.points, radius) })),
  ];
  const heldOut = runs.map(
    ({ name, heldOut }, color): Series => ({
      name,
      color,
      dots: true,
      points: heldOut.map(({ step, loss }) => ({ x: step, y: loss })),
    }),
  );
  const names = runs.map(({ name }) => name).join(' and ');
  return html`<h2>Loss on held-out articles</h2>
<figure>${legend(heldOut)}
${lineChart({ description: `Held-out loss of ${names} over the training steps`, xLabel: 'step', yLabel: 'nats per token', series: heldOut })}
<figcaption>Mean over all tokens of the held-out articles' original text, without insertions: the same tokens for both, so these curves can be compared.</figcaption></figure>
<h2>Training loss</h2>
<figure>${legend(training)}
${lineChart({ description: `Training loss of ${names} over the training steps`, xLabel: 'step', yLabel: 'nats per label token', series: training })}
<figcaption>Faint: the loss of each step's batch, which varies with the articles in it. Strong: the mean over ${2 * radius + 1} steps. Do not compare these two curves with each other: they are means over different tokens. LEIA's tokens include those of the inserted names, so its batches get less far into the corpus.</figcaption></figure>
`;
}

function runTable(runs: DemoReport['runs']): Html {
  const last = runs.map(({ heldOut }) => heldOut.at(-1));
  const first = runs.map(({ heldOut }) => heldOut.at(0));
  const share = ({ tokens, insertedTokens }: DemoRun) =>
    `${insertedTokens.toLocaleString('en')} (${((100 * insertedTokens) / tokens).toFixed(1)} %)`;
  const rows: [string, (string | undefined)[]][] = [
    ['steps', runs.map(({ metrics }) => String(metrics.length))],
    ['tokens trained on', runs.map(({ tokens }) => tokens.toLocaleString('en'))],
    ['of which inserted names and their marks', runs.map(share)],
    ['held-out loss before, nats per token', first.map((point) => point?.loss.toFixed(3))],
    ['held-out loss after, nats per token', last.map((point) => point?.loss.toFixed(3))],
    ['the same in bits per character', last.map((point) => point?.bitsPerCharacter.toFixed(3))],
    ['held-out tokens', last.map((point) => point?.tokens.toLocaleString('en'))],
    ['training loss, last tenth of the steps', runs.map(({ metrics }) => lastTenth(metrics))],
  ];
  return html`<div class="scroll"><table>
<thead><tr><th></th>${runs.map(({ name }) => html`<th class="number">${name}</th>`)}</tr></thead>
<tbody>
${rows.map(([label, values]) => html`<tr><th>${label}</th>${values.map((value) => html`<td class="number">${value ?? '–'}</td>`)}</tr>\n`)}</tbody>
</table></div>
`;
}

function lastTenth(metrics: readonly RecordedMetrics[]): string | undefined {
  const tail = metrics.slice(-Math.max(1, Math.round(metrics.length / 10)));
  if (tail.length === 0) return undefined;
  return (tail.reduce((sum, { loss }) => sum + loss, 0) / tail.length).toFixed(3);
}

function table(rows: readonly Row[]): Html {
  return html`<div class="scroll"><table><tbody>
${rows.map(([label, value]) => html`<tr><th>${label}</th><td>${typeof value === 'number' ? value.toLocaleString('en') : value}</td></tr>\n`)}</tbody></table></div>
`;
}

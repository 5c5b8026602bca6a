// The style sheet of a report: readable in a browser of any width, light or dark as the reader's system is, and
// on paper. No fonts or images from elsewhere.
import { Html } from './html.ts';

/** Colours of curves and dots on a light and on a dark page, as far apart as they come for most eyes. */
export const seriesColors: readonly (readonly [light: string, dark: string])[] = [
  ['#cc6a14', '#f0a25c'],
  ['#1769c2', '#64a9f4'],
  ['#0b7a55', '#5fd3a4'],
  ['#b03a8c', '#ec8ccf'],
  ['#7a5cc4', '#b79df5'],
  ['#8a6d00', '#d9bd4a'],
  ['#c23b3b', '#f58b8b'],
  ['#4d5661', '#b4bdc8'],
];

const variables = (index: 0 | 1) =>
  seriesColors.map((colors, i) => `--series-${i}: ${colors[index]};`).join(' ');

const seriesRules = seriesColors
  .map(
    (_, i) => `.curve.series-${i} { stroke: var(--series-${i}); }
.interval.series-${i} { color: var(--series-${i}); }
.dot.series-${i} { fill: var(--series-${i}); }
.key.series-${i} { background: var(--series-${i}); }`,
  )
  .join('\n');

export const style = new Html(`
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1d1d1f; --soft: #63636b; --line: #e2e2e6; --panel: #f6f6f8;
  --name: #0b6e4f; --name-back: #dff3ea; --link: #1769c2;
  ${variables(0)}
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #17181b; --text: #ececf0; --soft: #a2a2ad; --line: #34353b; --panel: #202126;
    --name: #86dcb8; --name-back: #16392c; --link: #7db8f7;
    ${variables(1)}
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 52rem;
  background: var(--page); color: var(--text);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans", sans-serif;
}
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 0.5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 0 0 0.4rem; }
p { margin: 0.5rem 0; }
a { color: var(--link); }
code { font: 0.875em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.lead { font-size: 1.05rem; }
.note, figcaption, .legend { color: var(--soft); font-size: 0.9rem; }
figure { margin: 1rem 0; }
svg { display: block; width: 100%; height: auto; }
svg text { font-family: inherit; fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--line); stroke-width: 1; }
.axis { stroke: var(--soft); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.curve.faint { stroke-width: 1; opacity: 0.3; }
.whisker { fill: none; stroke: currentColor; stroke-width: 2; }
.run { fill: currentColor; opacity: 0.6; }
svg .row { fill: var(--text); }
.dot { stroke: var(--page); stroke-width: 2; }
.legend > span { margin-right: 1.25rem; white-space: nowrap; }
.key { display: inline-block; width: 1.1em; height: 0.25em; border-radius: 2px; margin-right: 0.45em; vertical-align: middle; }
${seriesRules}
.passage { background: var(--panel); border-radius: 8px; padding: 0.9rem 1.1rem; margin: 0.9rem 0; }
.passage dl { margin: 0; }
.passage dt { color: var(--soft); font-size: 0.8rem; }
.passage dd { margin: 0 0 0.5rem; }
.entity { text-decoration: underline; text-decoration-color: var(--soft); text-underline-offset: 0.2em; }
.name { color: var(--name); background: var(--name-back); font-weight: 600; border-radius: 3px; padding: 0 0.15em; }
.mark { color: var(--soft); font: 0.75em ui-monospace, Menlo, Consolas, monospace; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; font-weight: normal; padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-size: 0.85rem; }
tbody th.label { white-space: nowrap; }
.number { text-align: right; padding-right: 0; padding-left: 1rem; white-space: nowrap; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.9rem; }
`);

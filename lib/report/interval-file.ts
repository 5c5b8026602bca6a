// A table's column as an SVG file of its own, for a place where no page gives it a style, such as a README.
import type { Table } from '../evaluate/tables/table.ts';
import { columnRows } from './comparison-page.ts';
import { html } from './html.ts';
import { intervalPlot } from './interval-plot.ts';
import { style } from './style.ts';

/** @param column counted over all groups of the table */
export function intervalFile(table: Table, column: number): string {
  const rows = columnRows(table, column);
  const description = `${table.title}: scores of ${rows.length} methods, with intervals over seeds`;
  const plot = intervalPlot({ description, xLabel: 'per cent', rows }).text;
  // Text stands on the page's colour, light or dark.
  const background = '<rect width="100%" height="100%" fill="var(--page)"/>';
  const at = plot.indexOf('>') + 1;
  return `${plot.slice(0, at)}${html`<style>${style}</style>`}${background}${plot.slice(at)}\n`;
}

// Tables for a terminal, Markdown, LaTeX and spreadsheets.
import type { Grid, GridCell } from './grid.ts';
import { columnName } from './methods.ts';
import type { Table } from './table.ts';

/**
 * Aligned columns for a terminal of so many characters. A table that is wider is cut into parts that repeat the first
 * column, between headings where it has any.
 */
export function renderText(grid: Grid, width = 100): string {
  const aligned = { ...grid, rows: alignMarks(grid.rows) };
  const widths = aligned.header.map((text, column) =>
    Math.max(textWidth(text), ...aligned.rows.map((row) => textWidth(row[column]!.text))),
  );
  const parts = partsOf(aligned, widths, width).map((part) => textPart(aligned, widths, part));
  const notes = grid.notes.length === 0 ? '' : `\n${grid.notes.join('\n')}\n`;
  return `${grid.title}\n${parts.join('')}${notes}`;
}

/** Leaves room for a mark behind the numbers that have none, so that their digits stand under each other. */
function alignMarks(rows: Grid['rows']): Grid['rows'] {
  const marked = (text: string) => text.endsWith('*');
  return rows.map((row) =>
    row.map((cell, column) =>
      column > 0 && !marked(cell.text) && rows.some((other) => marked(other[column]!.text))
        ? { ...cell, text: `${cell.text} ` }
        : cell,
    ),
  );
}

interface Part {
  /** Columns from here to before there, the first column left out. */
  readonly from: number;
  readonly to: number;
  readonly heading: string;
}

function partsOf({ headings, header }: Grid, widths: readonly number[], width: number): Part[] {
  const blocks = headings.length > 0 ? headings : [{ text: '', span: header.length - 1 }];
  const parts: Part[] = [];
  let column = 1;
  for (const { text, span } of blocks) {
    const end = column + span;
    while (column < end) {
      let to = column + 1;
      let used = widths[0]! + 2 + widths[column]!;
      while (to < end && used + 2 + widths[to]! <= width) used += 2 + widths[to++]!;
      parts.push({ from: column, to, heading: text });
      column = to;
    }
  }
  return parts;
}

function textPart({ header, rows }: Grid, widths: readonly number[], part: Part): string {
  const line = (texts: readonly string[]) =>
    [
      padEnd(texts[0]!, widths[0]!),
      ...texts.slice(part.from, part.to).map((text, i) => padStart(text, widths[part.from + i]!)),
    ]
      .join('  ')
      .trimEnd();
  const lines = [line([part.heading, ...header.slice(1)]), ...rows.map((row) => line(texts(row)))];
  if (part.heading === '') lines[0] = line(header);
  return `\n${lines.join('\n')}\n`;
}

function texts(row: readonly GridCell[]): string[] {
  return row.map(({ text }) => text);
}

/** Characters of East Asian scripts take two places on a terminal, marks that combine with others none. */
function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}

function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - textWidth(text))) + text;
}

/** A GitHub-flavoured table. It knows no headings over several columns, so each column's name has its own. */
export function renderMarkdown(grid: Grid): string {
  const headings = grid.headings.flatMap(({ text, span }) => Array<string>(span).fill(text));
  const header = grid.header.map((text, i) => [headings[i - 1] ?? '', text].join(' ').trim());
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = grid.rows.map((row) =>
    line(row.map(({ text, bold }) => (bold ? `**${markdown(text)}**` : markdown(text)))),
  );
  return [
    `**${markdown(grid.title)}**`,
    '',
    line(header.map(markdown)),
    line(header.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows,
    ...grid.notes.flatMap((note) => ['', markdown(note)]),
    '',
  ].join('\n');
}

function markdown(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_[\]<>|#~]/g, '\\$&');
}

/** A floating table for LaTeX with the packages booktabs and graphicx, which keeps it within the column's width. */
export function renderLatex(grid: Grid, label = 'tab:scores'): string {
  const { headings, header, rows, title, notes } = grid;
  const line = (cells: readonly string[]) => `${cells.join(' & ')} \\\\`;
  const over = headings.map(({ text, span }) => `\\multicolumn{${span}}{c}{${latex(text)}}`);
  let column = 2;
  const rules = headings.flatMap(({ text, span }) => {
    const rule = `\\cmidrule(lr){${column}-${column + span - 1}}`;
    column += span;
    return text === '' ? [] : [rule];
  });
  return [
    '\\begin{table}[t]',
    '\\centering',
    '\\resizebox{\\linewidth}{!}{%',
    `\\begin{tabular}{l${'r'.repeat(header.length - 1)}}`,
    '\\toprule',
    ...(headings.length > 0 ? [line(['', ...over]), rules.join(' ')] : []),
    line(header.map(latex)),
    '\\midrule',
    ...rows.map((row) => line(row.map(latexCell))),
    '\\bottomrule',
    '\\end{tabular}}',
    `\\caption{${latex([title, ...notes].join('. ').replaceAll('..', '.'))}}`,
    `\\label{${label}}`,
    '\\end{table}',
    '',
  ].join('\n');
}

function latexCell({ text, bold }: GridCell, column: number): string {
  const escaped = latex(text);
  const cell = column === 0 ? escaped : escaped.replace(/\*$/, '\\textsuperscript{*}');
  return bold ? `\\textbf{${cell}}` : cell;
}

const latexCharacters: Readonly<Record<string, string>> = {
  '&': '\\&',
  '%': '\\%',
  $: '\\$',
  '#': '\\#',
  _: '\\_',
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '±': '$\\pm$',
  '−': '$-$',
  '–': '--',
  '|': '\\textbar{}',
  '<': '$<$',
  '>': '$>$',
};

function latex(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\{}~^&%$#_|±−–<>]/g, (character) => latexCharacters[character]!);
}

/**
 * The scores for a spreadsheet, one line a method, in full precision between 0 and 1. Each column has its mean, half of
 * its interval (empty for a single run), its runs and its mark.
 */
export function renderCsv({ groups, rows }: Table): string {
  const names = groups.flatMap((group) => group.columns.map((column) => columnName(group, column)));
  const header = names.flatMap((name) => [name, `${name} ±`, `${name} runs`, `${name} mark`]);
  const lines = rows.map(({ method, role, cells }) => [
    method,
    role,
    ...cells.flatMap((cell) =>
      cell === undefined
        ? ['', '', '', '']
        : [
            String(cell.summary.mean),
            String(cell.summary.halfWidth ?? ''),
            String(cell.summary.runs),
            cell.marked ? '*' : '',
          ],
    ),
  ]);
  return [['method', 'role', ...header], ...lines]
    .map((fields) => `${fields.map(csvField).join(',')}\r\n`)
    .join('');
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

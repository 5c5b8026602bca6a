// An article of a dataset on a terminal: linked words underlined with their English names behind them, and
// what was searched for highlighted.
import type { Passage } from '../leia/dataset-records.ts';
import { style } from './style.ts';

/** Title and text; when a word is searched for, only the paragraphs that have it. */
export function formatPassage({ title, text, anchors: links }: Passage, search?: string): string {
  const points = Array.from(text);
  const piece = (from: number, to: number): string => points.slice(from, to).join('');
  const lines: string[] = [];
  let next = 0;
  for (let start = 0; start <= points.length; ) {
    const newline = points.indexOf('\n', start);
    const end = newline < 0 ? points.length : newline;
    let line = '';
    let from = start;
    for (; next < links.length && links[next]!.start < end; next++) {
      const link = links[next]!;
      // This span lies inside the one before. Links never do, but the spans of annotated text can.
      if (link.start < from) continue;
      line += highlight(piece(from, link.start), search);
      line += style.underline(highlight(piece(link.start, link.end), search));
      if (link.name !== null) line += style.green(` [${link.name}]`);
      from = link.end;
    }
    line += highlight(piece(from, end), search);
    if (search === undefined || contains(piece(start, end), search)) lines.push(line);
    start = Math.max(end, from) + 1;
  }
  return `${style.bold(title)}\n${lines.join('\n')}\n`;
}

/** Whether a text has the word, however its accents are composed. */
export function contains(text: string, word: string): boolean {
  return text.includes(word) || text.normalize('NFC').includes(word.normalize('NFC'));
}

function highlight(text: string, word: string | undefined): string {
  return word ? text.split(word).join(style.inverse(word)) : text;
}

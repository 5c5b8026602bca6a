// Turns text with line structure into paragraphs, one a line: headings lose their signs and end in a
// full stop, list items their marks, and what holds no words (rules, rests of tables) goes. Links move
// along with their text.
import type { Range } from './pieces.ts';
import type { Passage } from './reader.ts';

export interface LineOptions {
  /** `*`, `#` and `;` lines: text of their own, or left out as WikiExtractor does. */
  lists: 'keep' | 'drop';
}

interface Line {
  text: string;
  links: Range[];
}

interface Heading extends Line {
  level: number;
}

/** Text and links, offsets in UTF-16 units. */
export interface Paragraphs {
  text: string;
  links: Range[];
}

const WORD = /[\p{L}\p{N}]/u;
const SENTENCE_END = /[.!?…:;。．！？：；؟۔।॥։።]$/u;
const BLANK = /\s/;

/** Whether there is a blank too many, or a tab. */
function isUntidy(text: string): boolean {
  return (
    BLANK.test(text.charAt(0)) ||
    BLANK.test(text.charAt(text.length - 1)) ||
    text.includes('  ') ||
    text.includes('\t')
  );
}

/** One line without blanks at its ends and in rows; links follow their text and lose their blanks. */
function tidy(text: string, links: readonly Range[]): Line {
  // Positions of the links in the text as it is rewritten: starts and ends, in order.
  if (!isUntidy(text)) return { text, links: links.map((link) => trimmed(text, link)) };
  const pieces: string[] = [];
  let length = 0;
  let afterBlank = false;
  const places: number[] = [];
  let boundary = 0;
  let from = 0;
  const write = (piece: string): void => {
    let rest = piece.replace(/[ \t]+/g, ' ');
    if (length === 0) rest = rest.trimStart();
    else if (afterBlank && rest.startsWith(' ')) rest = rest.slice(1);
    if (rest === '') return;
    pieces.push(rest);
    length += rest.length;
    afterBlank = rest.endsWith(' ');
  };
  while (boundary <= links.length * 2) {
    const link = links[boundary >> 1];
    const place = link ? (boundary % 2 === 0 ? link.start : link.end) : text.length;
    write(text.slice(from, place));
    from = place;
    places.push(length);
    boundary++;
  }
  const end = pieces.join('').trimEnd();
  return {
    text: end,
    links: links.map(({ target }, i) =>
      trimmed(end, {
        start: Math.min(places[2 * i]!, end.length),
        end: Math.min(places[2 * i + 1]!, end.length),
        target,
      }),
    ),
  };
}

function trimmed(text: string, link: Range): Range {
  let { start, end } = link;
  while (start < end && /\s/.test(text[start]!)) start++;
  while (end > start && /\s/.test(text[end - 1]!)) end--;
  return { start, end, target: link.target };
}

/** Level and range of the title of a line that begins with `=`, if it is a heading: `== Title ==`. */
function headingOf(line: string): { level: number; start: number; end: number } | undefined {
  const opening = /^={1,6}/.exec(line)![0].length;
  const end = line.trimEnd().length;
  let closing = 0;
  while (closing < opening && line[end - 1 - closing] === '=') closing++;
  if (closing === 0 || end <= 2 * closing) return undefined;
  return { level: closing, start: closing, end: end - closing };
}

function slice(line: Line, start: number, end: number): Line {
  return {
    text: line.text.slice(start, end),
    links: line.links
      .map((link) => ({
        start: Math.min(Math.max(link.start, start), end) - start,
        end: Math.min(Math.max(link.end, start), end) - start,
        target: link.target,
      }))
      .filter((link) => link.end > link.start),
  };
}

class Page {
  readonly #options: LineOptions;
  readonly #links: Range[] = [];
  #text = '';
  #headings: Heading[] = [];

  constructor(options: LineOptions) {
    this.#options = options;
  }

  add(raw: Line, inOpenTable: boolean): void {
    if (!raw.text.startsWith('=')) {
      this.#paragraph(raw, inOpenTable);
      return;
    }
    const heading = headingOf(raw.text);
    if (heading) {
      this.#heading(heading.level, slice(raw, heading.start, heading.end));
      return;
    }
    // `== Title == text` is a heading to readers of the source, if not to the wiki.
    const broken = /^(={2,6})(?!=)[^=]+\1(?!=)/.exec(raw.text);
    if (broken) {
      const { length } = broken[0];
      const level = broken[1]!.length;
      this.#heading(level, slice(raw, level, length - level));
      this.#paragraph(slice(raw, length, raw.text.length), inOpenTable);
    } else this.#paragraph(raw, inOpenTable);
  }

  #heading(level: number, title: Line): void {
    const { text, links } = tidy(title.text, title.links);
    // A heading replaces the ones before it that had no text, unless it belongs under them.
    this.#headings = this.#headings.filter((before) => before.level < level);
    if (!WORD.test(text)) return;
    this.#headings.push({ level, text: text + (SENTENCE_END.test(text) ? '' : '.'), links });
  }

  #paragraph(raw: Line, inOpenTable: boolean): void {
    const written = raw.text.trimStart();
    if (written.startsWith('|') || (inOpenTable && written.startsWith('!'))) return;
    if (written.startsWith('{|')) return;
    if (this.#options.lists === 'drop' && /^[*#;]/.test(raw.text)) return;
    // Indentation, list marks, and the dashes of a rule before text are not words.
    const start = /^[\s*#:;,、،，]*(?:={2,}|-{4,})?\s*/.exec(raw.text)![0].length;
    // So are the signs of a heading that is broken over lines.
    const tail = raw.text.slice(Math.max(start, raw.text.length - 20));
    const end = raw.text.length - /(?:={2,}\s*)?$/.exec(tail)![0].length;
    const body = slice(raw, start, end);
    const line = tidy(body.text, body.links);
    if (!WORD.test(line.text) && line.links.length === 0) return;
    for (const waiting of this.#headings) this.#write(waiting);
    this.#headings = [];
    this.#write(line);
  }

  #write(line: Line): void {
    if (this.#text !== '') this.#text += '\n';
    const base = this.#text.length;
    this.#text += line.text;
    for (const link of line.links) {
      if (link.end <= link.start) continue;
      this.#links.push({
        start: base + link.start,
        end: base + link.end,
        target: link.target,
      });
    }
  }

  finish(): Paragraphs {
    return { text: this.#text, links: this.#links };
  }
}

/** The paragraphs of a passage. Links that cross lines are cut at the end of the first. */
export function toParagraphs(passage: Passage, options: LineOptions): Paragraphs {
  const page = new Page(options);
  const { text, links } = passage;
  let next = 0;
  for (let from = 0; from <= text.length; ) {
    const newline = text.indexOf('\n', from);
    const to = newline < 0 ? text.length : newline;
    const inside: Range[] = [];
    for (; next < links.length && links[next]!.start < to; next++) {
      const { start, end, target } = links[next]!;
      inside.push({ start: Math.max(start, from) - from, end: Math.min(end, to) - from, target });
    }
    page.add({ text: text.slice(from, to), links: inside }, from >= passage.openTable);
    from = to + 1;
  }
  return page.finish();
}

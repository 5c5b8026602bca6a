// Turns text with line structure into paragraphs, one a line: headings lose their signs and end in a
// full stop, list items their marks, and what holds no words (rules, rests of tables) goes. Links move
// along with their text.
import { BLANK, isSurrogate, LINE_MARK, PROPERTIES, textOf, WORD, Workspace } from './codes.ts';
import type { Range } from './pieces.ts';
import type { Passage } from './reader.ts';

export interface LineOptions {
  /** `*`, `#` and `;` lines: text of their own, or left out as WikiExtractor does. */
  lists: 'keep' | 'drop';
}

/** Text and links, offsets in UTF-16 units. */
export interface Paragraphs {
  text: string;
  links: Range[];
  /** Whether there is none but characters of one unit. */
  inUnits: boolean;
}

/** A heading that no text has followed yet, and what there was before it. */
interface Heading {
  level: number;
  length: number;
  links: number;
}

const SPACE = 0x20;
const TAB = 0x09;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;
const DASH = 0x2d;
const FULL_STOP = 0x2e;
const PIPE = 0x7c;
const BRACE = 0x7b;
const EXCLAMATION = 0x21;

const SENTENCE_END = new Set(Array.from('.!?…:;。．！？：；؟۔।॥։።', (sign) => sign.charCodeAt(0)));
const ASTERISK = 0x2a;
const NUMBER_SIGN = 0x23;
const SEMICOLON = 0x3b;
const FAR_WORD = /[\p{L}\p{N}]/u;
/** How far from its end a line is searched for the signs of a heading. */
const tailLength = 20;

const isListMark = (unit: number): boolean =>
  unit === ASTERISK || unit === NUMBER_SIGN || unit === SEMICOLON;

const isBlank = (unit: number): boolean => (PROPERTIES[unit]! & BLANK) !== 0;

/** Where the open link begins, if none is open, and if it has ended already with its line. */
const NO_LINK = -1;
const CUT_LINK = -2;

class Page {
  readonly #passage: Passage;
  readonly #options: LineOptions;
  /** The lines that are done; behind them the one being read, which then moves to its place. */
  readonly #text: Uint16Array;
  /** Of the lines that are done, as are the links. */
  #length = 0;
  readonly #links: Range[] = [];
  readonly #headings: Heading[] = [];
  #inUnits = true;

  /** The line being read. */
  #start = 0;
  #end = 0;
  readonly #lineLinks: Range[] = [];
  /** Negative if it has tabs, blanks in a row, or surrogates. */
  #odd = 0;
  #previous = 0;
  /** Where it begins in the passage, and where the table that never ends. */
  #lineOffset = 0;
  #tableOffset = Number.POSITIVE_INFINITY;
  #inTable = false;

  #nextLink = 0;
  #linkStart = NO_LINK;

  constructor(passage: Passage, options: LineOptions, workspace: Workspace) {
    this.#passage = passage;
    this.#options = options;
    this.#text = workspace.text(passage.text.size);
  }

  read(): Paragraphs {
    const { text, openTable } = this.#passage;
    const { ranges, lineBreak, extra } = text;
    const pieces = ranges.length >> 1;
    let linkPlace = this.#passLinks(0);
    for (let place = 0; place < pieces; place++) {
      if (place >= linkPlace) linkPlace = this.#passLinks(place);
      if (place === openTable) this.#tableOffset = this.#lineOffset + this.#end - this.#start;
      const start = ranges[2 * place]!;
      const end = ranges[2 * place + 1]!;
      if (start === lineBreak && end > start) this.#endLine();
      else if (start < extra) this.#add(start, end);
      else this.#addLines(start, end);
    }
    this.#passLinks(pieces);
    this.#endLine();
    this.#dropHeadings(0);
    return {
      text: textOf(this.#text, 0, this.#length),
      links: this.#links,
      inUnits: this.#inUnits,
    };
  }

  /** Begins and ends links at this place; the next place where one does. */
  #passLinks(place: number): number {
    const { links } = this.#passage.text;
    for (; this.#nextLink < links.length; this.#nextLink++) {
      const { start, end, target } = links[this.#nextLink]!;
      if (start > place) return start;
      if (this.#linkStart === NO_LINK) this.#linkStart = this.#end;
      if (end > place) return end;
      this.#cutLink(target);
      this.#linkStart = NO_LINK;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Ends the open link here, if there is anything in it. */
  #cutLink(target: string): void {
    if (this.#linkStart < 0 || this.#linkStart === this.#end) return;
    this.#lineLinks.push({ start: this.#linkStart, end: this.#end, target });
    this.#linkStart = CUT_LINK;
  }

  /** Continues the line. */
  #add(start: number, end: number): void {
    const { units } = this.#passage.text;
    const text = this.#text;
    let to = this.#end;
    let odd = this.#odd;
    let previous = this.#previous;
    for (let at = start; at < end; at++) {
      const unit = units[at]!;
      // Without branches, which blanks between words would make expensive: two blanks or controls, tab, surrogate.
      odd |= (unit - 0x21) & (previous - 0x21);
      odd |= ((unit ^ TAB) - 1) | (((unit & 0xf800) ^ 0xd800) - 1);
      text[to++] = unit;
      previous = unit;
    }
    this.#end = to;
    this.#odd = odd;
    this.#previous = previous;
  }

  /** The same with what may have line breaks. */
  #addLines(start: number, end: number): void {
    const { units } = this.#passage.text;
    let from = start;
    for (let at = start; at < end; at++) {
      if (units[at] !== NEWLINE) continue;
      this.#add(from, at);
      this.#endLine();
      from = at + 1;
    }
    this.#add(from, end);
  }

  #endLine(): void {
    // A link that crosses lines is cut at the end of the first.
    if (this.#linkStart >= 0) this.#cutLink(this.#passage.text.links[this.#nextLink]!.target);
    this.#inTable = this.#lineOffset >= this.#tableOffset;
    this.#lineOffset += this.#end - this.#start + 1;
    if (this.#end > this.#start) this.#line(this.#start, this.#end);
    this.#start = this.#nextStart();
    this.#end = this.#start;
    // Setting a length costs more than a short line.
    if (this.#lineLinks.length > 0) this.#lineLinks.length = 0;
    this.#odd = 0;
    this.#previous = 0;
    if (this.#linkStart >= 0) this.#linkStart = this.#end;
  }

  /** Where the next line will stand. */
  #nextStart(): number {
    return this.#length === 0 ? 0 : this.#length + 1;
  }

  #line(start: number, end: number): void {
    if (this.#text[start] !== EQUALS) {
      this.#paragraph(start, end);
      return;
    }
    const level = this.#headingLevel(start, end);
    if (level > 0) {
      this.#heading(level, start + level, this.#trimmedEnd(start, end) - level);
      return;
    }
    // `== Title == text` is a heading to readers of the source, if not to the wiki.
    const broken = /^(={2,6})(?!=)[^=]+\1(?!=)/.exec(textOf(this.#text, start, end));
    if (broken) {
      const signs = broken[1]!.length;
      const after = start + broken[0].length;
      this.#heading(signs, start + signs, after - signs);
      this.#paragraph(after, end);
    } else this.#paragraph(start, end);
  }

  /** The level of a line that begins with `=`, if it is a heading, `== Title ==`, or 0. */
  #headingLevel(start: number, lineEnd: number): number {
    const text = this.#text;
    const end = this.#trimmedEnd(start, lineEnd);
    let opening = 0;
    while (opening < 6 && start + opening < end && text[start + opening] === EQUALS) opening++;
    let level = 0;
    while (level < opening && text[end - 1 - level] === EQUALS) level++;
    return end - start > 2 * level ? level : 0;
  }

  #heading(level: number, start: number, end: number): void {
    // A heading replaces the ones before it that had no text, unless it belongs under them.
    this.#dropHeadings(level);
    if (!this.#hasWord(start, end)) return;
    this.#headings.push({ level, length: this.#length, links: this.#links.length });
    this.#write(start, end);
    if (!SENTENCE_END.has(this.#text[this.#length - 1]!)) this.#text[this.#length++] = FULL_STOP;
  }

  /** Takes back the headings without text from this level on. */
  #dropHeadings(level: number): void {
    for (let last = this.#headings.length - 1; last >= 0; last--) {
      const heading = this.#headings[last]!;
      if (heading.level < level) return;
      this.#length = heading.length;
      this.#links.length = heading.links;
      this.#headings.length = last;
    }
  }

  #paragraph(lineStart: number, lineEnd: number): void {
    if (this.#isOfTable(lineStart, lineEnd)) return;
    const listed = lineStart < lineEnd && isListMark(this.#text[lineStart]!);
    if (listed && this.#options.lists === 'drop') return;
    const start = this.#textStart(lineStart, lineEnd);
    const end = this.#textEnd(start, lineEnd);
    if (!this.#hasWord(start, end) && !this.#hasLink(start, end)) return;
    if (this.#headings.length > 0) this.#headings.length = 0;
    this.#write(start, end);
  }

  /** Whether a line is what is left of a table. */
  #isOfTable(start: number, end: number): boolean {
    const first = this.#trimmedStart(start, end);
    if (first === end) return false;
    const unit = this.#text[first];
    if (unit === EXCLAMATION) return this.#inTable;
    return unit === PIPE || (unit === BRACE && first + 1 < end && this.#text[first + 1] === PIPE);
  }

  /** Indentation, list marks, and the dashes of a rule before text are not words. */
  #textStart(start: number, end: number): number {
    const text = this.#text;
    let at = start;
    while (at < end && (PROPERTIES[text[at]!]! & LINE_MARK) !== 0) at++;
    const sign = text[at];
    if (sign === EQUALS || sign === DASH) {
      let after = at;
      while (after < end && text[after] === sign) after++;
      if (after - at >= (sign === DASH ? 4 : 2)) at = after;
    }
    return this.#trimmedStart(at, end);
  }

  /** So are the signs of a heading that is broken over lines. */
  #textEnd(start: number, end: number): number {
    const from = Math.max(start, end - tailLength);
    const after = this.#trimmedEnd(from, end);
    let first = after;
    while (first > from && this.#text[first - 1] === EQUALS) first--;
    return after - first >= 2 ? first : end;
  }

  #trimmedStart(start: number, end: number): number {
    let at = start;
    while (at < end && isBlank(this.#text[at]!)) at++;
    return at;
  }

  #trimmedEnd(start: number, end: number): number {
    let at = end;
    while (at > start && isBlank(this.#text[at - 1]!)) at--;
    return at;
  }

  #hasWord(start: number, end: number): boolean {
    const text = this.#text;
    for (let at = start; at < end; at++) {
      const unit = text[at]!;
      if ((PROPERTIES[unit]! & WORD) !== 0) return true;
      const far = isSurrogate(unit) && at + 1 < end;
      if (far && FAR_WORD.test(String.fromCharCode(unit, text[at + 1]!))) return true;
    }
    return false;
  }

  #hasLink(start: number, end: number): boolean {
    return this.#lineLinks.some((link) => Math.min(link.end, end) > Math.max(link.start, start));
  }

  /** Moves a part of the line to its place: no blanks at its ends and in rows, links without blanks. */
  #write(partStart: number, partEnd: number): void {
    const start = this.#trimmedStart(partStart, partEnd);
    const end = this.#trimmedEnd(start, partEnd);
    this.#length = this.#nextStart();
    if (this.#length > 0) this.#text[this.#length - 1] = NEWLINE;
    let from = start;
    for (const { start: first, end: after, target } of this.#lineLinks) {
      const linkStart = this.#trimmedStart(Math.max(first, start), Math.min(after, end));
      const linkEnd = this.#trimmedEnd(linkStart, Math.min(after, end));
      if (linkEnd <= linkStart) continue;
      this.#move(from, linkStart);
      const place = this.#length;
      this.#move(linkStart, linkEnd);
      this.#links.push({ start: place, end: this.#length, target });
      from = linkEnd;
    }
    this.#move(from, end);
  }

  /** Moves a part of a line that has begun already. */
  #move(start: number, end: number): void {
    const text = this.#text;
    if (this.#odd >= 0) {
      if (this.#length < start) text.copyWithin(this.#length, start, end);
      this.#length += end - start;
      return;
    }
    for (let at = start; at < end; at++) {
      const unit = text[at]!;
      const blank = unit === SPACE || unit === TAB;
      if (blank && text[this.#length - 1] === SPACE) continue;
      if (isSurrogate(unit)) this.#inUnits = false;
      text[this.#length++] = blank ? SPACE : unit;
    }
  }
}

/** The paragraphs of a passage. */
export function toParagraphs(
  passage: Passage,
  options: LineOptions,
  workspace = new Workspace(),
): Paragraphs {
  return new Page(passage, options, workspace).read();
}

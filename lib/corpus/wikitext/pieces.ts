// The text of a page while it is read: a list of pieces, each a range of units, and links and runs of
// apostrophes by their places in it. A construct that turns out to be no text is undone by cutting the list
// back to where it began; offsets are only computed once, at the end.
import { textOf, type Workspace } from './codes.ts';
import { type QuoteRun, resolveQuotes } from './quotes.ts';

/** A link in a text, in UTF-16 units unless said otherwise. */
export interface Range {
  start: number;
  end: number;
  target: string;
}

/** The pieces of a text, one behind the other. */
export interface PageText {
  units: Uint16Array;
  /** Start and end of every piece in the units. */
  ranges: Int32Array;
  /** Units of all pieces. */
  size: number;
  /** The piece of a line break begins here. */
  lineBreak: number;
  /** Pieces that begin here or later may contain other line breaks. */
  extra: number;
  /** By pieces; in order, without overlaps. */
  links: readonly Range[];
}

const APOSTROPHE = 0x27;
const QUOTE = 0x22;
/** Pieces that are not in the source, right behind it. */
const SIGNS = ' \n"';

export class Pieces {
  readonly #source: string;
  readonly #workspace: Workspace;
  /** The source, the signs, and pieces that are not in the source. */
  #units: Uint16Array;
  #unitCount: number;
  /** Start and end of every piece in the units. */
  #ranges: Int32Array;
  #length = 0;
  /** By pieces. */
  readonly #links: Range[] = [];
  /** Runs of apostrophes, and ends of lines (length 0), by piece. */
  readonly #quotes: QuoteRun[] = [];

  constructor(source: string, workspace: Workspace) {
    this.#source = source;
    this.#workspace = workspace;
    this.#units = workspace.unitsOf(source, SIGNS.length + (source.length >> 4));
    this.#unitCount = source.length;
    this.#ranges = workspace.ranges();
    this.#append(SIGNS);
  }

  /** The units of the source, followed by a blank. */
  get units(): Uint16Array {
    return this.#units;
  }

  /** How many pieces there are: the place of the next one. */
  get length(): number {
    return this.#length;
  }

  get linkCount(): number {
    return this.#links.length;
  }

  /** The text since the list was this long. */
  textFrom(place: number): string {
    if (place === this.#length) return '';
    const start = this.#start(place);
    let end = this.#end(place);
    let next = place + 1;
    for (; next < this.#length && this.#start(next) === end; next++) end = this.#end(next);
    const text =
      end <= this.#source.length ? this.#source.slice(start, end) : textOf(this.#units, start, end);
    return next === this.#length ? text : this.#joined(text, next);
  }

  #joined(text: string, from: number): string {
    const parts = [text];
    for (let place = from; place < this.#length; place++) {
      parts.push(textOf(this.#units, this.#start(place), this.#end(place)));
    }
    return parts.join('');
  }

  /** Whether the pieces since the list was this long have a '[' near the end that no ']' follows. */
  hasOpenBracket(start: number): boolean {
    for (let i = this.#length - 1; i >= start && i >= this.#length - 8; i--) {
      if (this.#size(i) !== 1) continue;
      const unit = this.#units[this.#start(i)];
      if (unit === 0x5b) return true;
      if (unit === 0x5d) return false;
    }
    return false;
  }

  /** A piece of the source. */
  push(start: number, end: number): void {
    const at = 2 * this.#length++;
    if (at === this.#ranges.length) this.#ranges = this.#workspace.moreRanges();
    this.#ranges[at] = start;
    this.#ranges[at + 1] = end;
  }

  /** A piece that is not in the source. */
  pushText(text: string): void {
    const start = this.#append(text);
    this.push(start, start + text.length);
  }

  /** Where in the units the text is now. */
  #append(text: string): number {
    const start = this.#unitCount;
    this.#unitCount += text.length;
    if (this.#unitCount > this.#units.length) {
      const units = new Uint16Array(2 * this.#unitCount);
      units.set(this.#units);
      this.#units = units;
    }
    for (let i = 0; i < text.length; i++) this.#units[start + i] = text.charCodeAt(i);
    return start;
  }

  pushBlank(): void {
    this.push(this.#source.length, this.#source.length + 1);
  }

  /** The end of a line, up to which apostrophes balance. */
  pushLineBreak(): void {
    // Many in a row end no more than one.
    const marks = this.#quotes.length;
    if (marks > 0 && this.#quotes[marks - 1]!.length > 0) this.markQuotes(this.#length, 0, '');
    this.push(this.#source.length + 1, this.#source.length + 2);
  }

  /** The piece at `place` is a run of apostrophes; `before` are the two characters before it in its line. */
  markQuotes(place: number, length: number, before: string): void {
    this.#quotes.push({ place, length, before });
  }

  /** Marks the pieces since the list was this long that are nothing but two apostrophes or more. */
  markAllQuotes(start: number): void {
    for (let place = start; place < this.#length; place++) {
      let at = this.#start(place);
      const end = this.#end(place);
      while (at < end && this.#units[at] === APOSTROPHE) at++;
      const size = this.#size(place);
      if (at === end && size >= 2) this.markQuotes(place, size, '');
    }
  }

  /** The pieces since the list was this long are a link. */
  addLink(start: number, target: string): void {
    this.#links.push({ start, end: this.#length, target });
  }

  /** Forgets everything since the list was this long. */
  cut(start: number): void {
    this.#length = start;
    const links = this.#links;
    while (links.length > 0 && links[links.length - 1]!.end > start) links.pop();
    const quotes = this.#quotes;
    while (quotes.length > 0 && quotes[quotes.length - 1]!.place >= start) quotes.pop();
  }

  /** All pieces and links as they are in the end. To be called once. */
  finish(): PageText {
    this.#resolveQuotes();
    let size = 0;
    for (let place = 0; place < this.#length; place++) size += this.#size(place);
    return {
      units: this.#units,
      ranges: this.#ranges.subarray(0, 2 * this.#length),
      size,
      extra: this.#source.length + SIGNS.length,
      lineBreak: this.#source.length + 1,
      links: this.#links,
    };
  }

  #start(place: number): number {
    return this.#ranges[2 * place]!;
  }

  #end(place: number): number {
    return this.#ranges[2 * place + 1]!;
  }

  #size(place: number): number {
    return this.#end(place) - this.#start(place);
  }

  #resolveQuotes(): void {
    let line: QuoteRun[] = [];
    for (const run of this.#quotes) {
      if (run.length > 0) line.push(run);
      else if (line.length > 0) {
        this.#writeQuotes(line);
        line = [];
      }
    }
    if (line.length > 0) this.#writeQuotes(line);
  }

  #writeQuotes(line: QuoteRun[]): void {
    let opening = { place: -1, apostrophes: '' };
    for (const run of resolveQuotes(line)) {
      const { place, apostrophes, mark } = run;
      this.#replace(place, mark === 0 ? apostrophes : `${apostrophes}"`);
      if (mark === -1) opening = run;
      // Italics around words already in quotation marks need no second pair.
      if (mark === 1 && this.#isQuoted(opening.place, place)) {
        this.#replace(opening.place, opening.apostrophes);
        this.#replace(place, apostrophes);
      }
    }
  }

  #replace(place: number, text: string): void {
    const start = text === '' || text === '"' ? this.#source.length + 2 : this.#append(text);
    this.#ranges[2 * place] = start;
    this.#ranges[2 * place + 1] = start + text.length;
  }

  /** Whether quotation marks stand right inside or right outside of both places. */
  #isQuoted(opening: number, closing: number): boolean {
    const inside = this.#begins(opening + 1) && this.#ends(closing - 1);
    const outside = this.#ends(opening - 1) && this.#begins(closing + 1);
    return outside || (inside && (closing > opening + 2 || this.#size(opening + 1) > 1));
  }

  #begins(place: number): boolean {
    return (
      place < this.#length && this.#size(place) > 0 && this.#units[this.#start(place)] === QUOTE
    );
  }

  #ends(place: number): boolean {
    return place >= 0 && this.#size(place) > 0 && this.#units[this.#end(place) - 1] === QUOTE;
  }
}

// The text of a page while it is read: a list of pieces, and links and runs of apostrophes by their places in
// it. A construct that turns out to be no text is undone by cutting the list back to where it began; offsets
// are only computed once, at the end.
import { type QuoteRun, resolveQuotes } from './quotes.ts';

/** A link in a text, in UTF-16 units. */
export interface Range {
  start: number;
  end: number;
  target: string;
}

export class Pieces {
  readonly #pieces: string[] = [];
  /** Ranges of pieces. */
  readonly #links: Range[] = [];
  /** Runs of apostrophes, and ends of lines (length 0), by piece. */
  readonly #quotes: QuoteRun[] = [];

  /** How many pieces there are: the place of the next one. */
  get length(): number {
    return this.#pieces.length;
  }

  get linkCount(): number {
    return this.#links.length;
  }

  at(place: number): string | undefined {
    return this.#pieces[place];
  }

  /** The text since the list was this long. */
  textFrom(place: number): string {
    return this.#pieces.slice(place).join('');
  }

  /** Whether the pieces since the list was this long have a '[' near the end that no ']' follows. */
  hasOpenBracket(start: number): boolean {
    for (let i = this.length - 1; i >= start && i >= this.length - 8; i--) {
      if (this.#pieces[i] === '[') return true;
      if (this.#pieces[i] === ']') return false;
    }
    return false;
  }

  push(piece: string): void {
    this.#pieces.push(piece);
  }

  /** The end of a line, up to which apostrophes balance. */
  pushLineBreak(): void {
    this.markQuotes(this.#pieces.length, 0, '');
    this.#pieces.push('\n');
  }

  /** The piece at `place` is a run of apostrophes; `before` are the two characters before it in its line. */
  markQuotes(place: number, length: number, before: string): void {
    this.#quotes.push({ place, length, before });
  }

  /** The pieces since the list was this long are a link. */
  addLink(start: number, target: string): void {
    this.#links.push({ start, end: this.#pieces.length, target });
  }

  /** Forgets everything since the list was this long. */
  cut(start: number): void {
    this.#pieces.length = start;
    for (let last = this.#links.at(-1); last && last.end > start; last = this.#links.at(-1)) {
      this.#links.pop();
    }
    for (let last = this.#quotes.at(-1); last && last.place >= start; last = this.#quotes.at(-1)) {
      this.#quotes.pop();
    }
  }

  /** Text, links, and the offset of the piece at `place`. */
  finish(place: number): { text: string; links: Range[]; offset: number } {
    this.#resolveQuotes();
    const offsets = new Uint32Array(this.#pieces.length + 1);
    let length = 0;
    for (let i = 0; i < this.#pieces.length; i++) {
      offsets[i] = length;
      length += this.#pieces[i]!.length;
    }
    offsets[this.#pieces.length] = length;
    const links = this.#links.map(({ start, end, target }) => ({
      start: offsets[start]!,
      end: offsets[end]!,
      target,
    }));
    const offset = offsets[place] ?? Number.POSITIVE_INFINITY;
    return { text: this.#pieces.join(''), links, offset };
  }

  #resolveQuotes(): void {
    let line: QuoteRun[] = [];
    for (const run of [...this.#quotes, { place: -1, length: 0, before: '' }]) {
      if (run.length > 0) {
        line.push(run);
        continue;
      }
      if (line.length > 0) this.#writeQuotes(line);
      line = [];
    }
  }

  #writeQuotes(line: QuoteRun[]): void {
    let opening = -1;
    for (const { place, apostrophes, mark } of resolveQuotes(line)) {
      this.#pieces[place] = apostrophes + (mark === 0 ? '' : '"');
      if (mark === -1) opening = place;
      // Italics around words already in quotation marks need no second pair.
      if (mark === 1 && this.#isQuoted(opening, place)) {
        this.#pieces[opening] = this.#pieces[opening]!.slice(0, -1);
        this.#pieces[place] = apostrophes;
      }
    }
  }

  /** Whether quotation marks stand right inside or right outside of both places. */
  #isQuoted(opening: number, closing: number): boolean {
    const piece = (place: number): string => this.#pieces[place] ?? '';
    const inside = piece(opening + 1).startsWith('"') && piece(closing - 1).endsWith('"');
    const outside = piece(opening - 1).endsWith('"') && piece(closing + 1).startsWith('"');
    return outside || (inside && (closing > opening + 2 || piece(opening + 1).length > 1));
  }
}

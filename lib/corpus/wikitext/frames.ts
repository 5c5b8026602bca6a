// What is open at a place in the wikitext: templates, tables, links, one in the other. A frame remembers how
// long the list of pieces was when it began; its end cuts the list back or makes a link of what came since.
import type { LinkTarget } from './links.ts';
import type { Pieces } from './pieces.ts';
import type { Variant } from './variants.ts';

export interface Brace {
  kind: 'brace';
  start: number;
  /** Opening braces not yet matched. */
  count: number;
  lineStart: boolean;
}

export interface Link {
  kind: 'link';
  start: number;
  /** What the target is, once the first '|' has been seen. */
  target: LinkTarget | undefined;
  written: string;
  /** A template stood in the target, so nobody knows where it leads. */
  opaque: boolean;
  /** Links finished before this one began. */
  links: number;
}

interface Plain {
  kind: 'external' | 'table' | 'html-table';
  start: number;
}

export type Frame = Brace | Link | Variant | Plain;

const NEWLINE = 0x0a;
/** What ends a link's label at the beginning of the next line. */
const BREAKS_LABEL = '\n*#:;={|!';

/** Whether a frame that is open at the end of a line ends there. */
function endsBefore(following: number | undefined, frame: Frame): boolean {
  if (frame.kind === 'external') return true;
  if (frame.kind === 'variant') return following === NEWLINE;
  if (frame.kind !== 'link') return false;
  if (frame.target === undefined) return true;
  if (frame.target.kind === 'hidden') return following === NEWLINE;
  return following === undefined || BREAKS_LABEL.includes(String.fromCharCode(following));
}

export class OpenFrames {
  readonly #pieces: Pieces;
  /** All but the innermost, which is asked for at every turn. */
  readonly #outer: Frame[] = [];
  #top: Frame | undefined;
  #braces = 0;

  constructor(pieces: Pieces) {
    this.#pieces = pieces;
  }

  get size(): number {
    return this.#top ? this.#outer.length + 1 : 0;
  }

  /** How many of them are templates. */
  get braces(): number {
    return this.#braces;
  }

  top(): Frame | undefined {
    return this.#top;
  }

  /** The one around the top. */
  parent(): Frame | undefined {
    return this.#outer.at(-1);
  }

  push(frame: Frame): void {
    if (this.#top) this.#outer.push(this.#top);
    this.#top = frame;
    if (frame.kind === 'brace') this.#braces++;
  }

  pop(): Frame {
    const frame = this.#top!;
    this.#top = this.#outer.pop();
    if (frame.kind === 'brace') this.#braces--;
    return frame;
  }

  /** Ends the top without its end; its content stays as text. */
  abandon(): void {
    const frame = this.pop();
    // An image whose end is missing: what there was of it is parameters and caption.
    if (frame.kind === 'link' && frame.target?.kind === 'hidden') this.#pieces.cut(frame.start);
  }

  /** Ends what cannot go on in the next line, which begins with this unit if there is one. */
  endLine(following: number | undefined): void {
    while (this.#top && endsBefore(following, this.#top)) this.abandon();
  }

  /** Ends inline constructs that cannot go on here. */
  abandonInline(): void {
    for (let top = this.top(); top; top = this.top()) {
      if (top.kind !== 'link' && top.kind !== 'external' && top.kind !== 'variant') return;
      this.abandon();
    }
  }
}

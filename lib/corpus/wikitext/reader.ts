// Reads wikitext in one pass, left to right, into text and link ranges. Pieces of text go to a list;
// whatever opens (a template, a table, a link) puts a frame on a stack that remembers how long the list
// was, and its end cuts the list back (template, table, image) or makes a link of what came since. What
// is never closed just leaves its content as text. Nothing is read twice, so hostile pages with
// megabytes of braces or a hundred thousand links take linear time, which regular expressions over
// the whole text would not.
import { endOfRow, INDENT, markupFrom, PROPERTIES, Workspace } from './codes.ts';
import { type ElementAction, Elements } from './elements.ts';
import { entityAt } from './entities.ts';
import { type Brace, type Link, OpenFrames } from './frames.ts';
import { endOfTrail, type LinkResolver, type LinkTarget, pipeTrick } from './links.ts';
import { type PageText, Pieces } from './pieces.ts';
import { addressAt, switchEnd, TAG, TAGS } from './tags.ts';
import {
  closeVariant,
  endOption,
  openVariant,
  readCode,
  readFlags,
  type Variant,
} from './variants.ts';

/** Text without inline markup, still with its line structure: headings, list marks, residues of tables. */
export interface Passage {
  text: PageText;
  /** From this piece on a table was opened and never closed: its row lines are no text. */
  openTable: number;
  /** How many templates, tables and links were open at the end of the page. */
  unclosed: number;
  /** Loop turns taken, for tests of linear time. */
  steps: number;
}

const NEWLINE = 0x0a;
const EQUALS = 0x3d;
class Reader {
  readonly #source: string;
  /** The same, and more behind it that is no markup. */
  readonly #units: Uint16Array;
  readonly #resolver: LinkResolver;
  readonly #pieces: Pieces;
  readonly #open: OpenFrames;
  readonly #elements: Elements;
  #nextVariantEnd = -1;
  /** Only blanks and indentation stood in this line so far. */
  #lineStart = true;
  #heading = false;
  #at = 0;
  #steps = 0;

  constructor(source: string, resolver: LinkResolver, workspace: Workspace) {
    this.#source = source;
    this.#resolver = resolver;
    this.#pieces = new Pieces(source, workspace);
    this.#units = this.#pieces.units;
    this.#open = new OpenFrames(this.#pieces);
    this.#elements = new Elements(source);
  }

  read(): Passage {
    const { length } = this.#source;
    this.#heading = this.#units[0] === EQUALS && length > 0;
    while (this.#at < length) {
      this.#steps++;
      const inVariant = this.#open.top()?.kind === 'variant';
      const next = markupFrom(this.#units, this.#at, length, inVariant);
      if (next > this.#at) this.#plain(next);
      if (next < length) this.#special(this.#units[next]!);
    }
    return this.#finish();
  }

  /** Text without markup up to `end`. */
  #plain(end: number): void {
    this.#pieces.push(this.#at, end);
    for (let at = this.#at; this.#lineStart && at < end; at++) {
      this.#lineStart = (PROPERTIES[this.#units[at]!]! & INDENT) !== 0;
    }
    this.#at = end;
  }

  /** The character at the current place is ordinary text. */
  #literal(): void {
    this.#pieces.push(this.#at, this.#at + 1);
    this.#at++;
    this.#lineStart = false;
  }

  #special(code: number): void {
    switch (code) {
      case 0x3c: // <
        this.#angle();
        break;
      case 0x5b: // [
        this.#openBracket();
        break;
      case 0x5d: // ]
        this.#closeBracket();
        break;
      case 0x7b: // {
        this.#openBraces();
        break;
      case 0x7d: // }
        this.#closeBraces();
        break;
      case 0x7c: // |
        this.#pipe();
        break;
      case 0x27: // '
        this.#apostrophes();
        break;
      case 0x26: // &
        this.#entity();
        break;
      case 0x5f: // _
      case 0xff3f: // ＿
        this.#switch();
        break;
      case NEWLINE:
        this.#newline();
        break;
      case 0x2d: // -{
        this.#openVariant();
        break;
      case 0x3b: // ; in a variant
        this.#variantSign(endOption);
        break;
      default: // : in a variant
        this.#variantSign(readCode);
    }
  }

  /** Whether this unit stands so far from the current place. */
  #is(unit: number, distance: number): boolean {
    return this.#units[this.#at + distance] === unit;
  }

  #entity(): void {
    const entity = entityAt(this.#source, this.#at);
    if (!entity) {
      this.#literal();
      return;
    }
    this.#pieces.pushText(entity.value);
    this.#at = entity.end;
    this.#lineStart = false;
  }

  #switch(): void {
    const end = switchEnd(this.#source, this.#at);
    if (end < 0) this.#literal();
    else this.#at = end;
  }

  // --- lines ---

  #newline(): void {
    const following = this.#at + 1 < this.#source.length ? this.#units[this.#at + 1] : undefined;
    this.#open.endLine(following);
    this.#break();
    this.#at++;
    this.#lineStart = true;
    this.#heading = following === EQUALS;
  }

  /** A line break, except in a link's label. */
  #break(): void {
    if (this.#open.top()?.kind === 'link') {
      this.#pieces.pushBlank();
      return;
    }
    this.#pieces.pushLineBreak();
  }

  #apostrophes(): void {
    const start = this.#at;
    const end = endOfRow(this.#units, start);
    const top = this.#open.top();
    const inTarget = top?.kind === 'link' && top.target === undefined;
    if (!inTarget) {
      let line = start;
      while (line > 0 && line > start - 2 && this.#units[line - 1] !== NEWLINE) line--;
      const before = this.#source.slice(line, start);
      this.#pieces.markQuotes(this.#pieces.length, end - start, before);
    }
    this.#pieces.push(start, end);
    this.#at = end;
    this.#lineStart = false;
  }

  // --- templates and tables ---

  #openBraces(): void {
    const end = endOfRow(this.#units, this.#at);
    const count = end - this.#at;
    if (this.#lineStart && this.#units[end] === 0x7c && count === 1) {
      this.#open.abandonInline();
      this.#open.push({ kind: 'table', start: this.#pieces.length });
      // The rest of the line is attributes, not text even if the table is never closed.
      const attributes = /(?:(?!\{\{).)*/y;
      attributes.lastIndex = end + 1;
      attributes.exec(this.#source);
      this.#at = attributes.lastIndex;
      this.#lineStart = false;
      return;
    }
    if (count < 2) {
      this.#literal();
      return;
    }
    const start = this.#pieces.length;
    this.#open.push({ kind: 'brace', start, count, lineStart: this.#lineStart });
    this.#at = end;
    this.#lineStart = false;
  }

  #closeBraces(): void {
    const end = endOfRow(this.#units, this.#at);
    let left = end - this.#at;
    if (left === 1 && !this.#endsVariant(end)) {
      this.#literal();
      return;
    }
    while (left >= 2 && this.#open.braces > 0) {
      while (this.#open.top()!.kind !== 'brace') this.#open.pop();
      const frame = this.#open.top() as Brace;
      this.#pieces.cut(frame.start);
      const matched = Math.min(frame.count, left, 3);
      left -= matched;
      frame.count -= matched;
      if (frame.count >= 2) continue;
      this.#open.pop();
      this.#lineStart = frame.lineStart;
      const outer = this.#open.top();
      if (outer?.kind === 'link' && outer.target === undefined) outer.opaque = true;
    }
    this.#at = end;
    if (left > 0 && this.#endsVariant(end)) {
      closeVariant(this.#open.pop() as Variant, this.#pieces);
      this.#at = end + 1;
    } else if (left === 1) {
      this.#pieces.push(end - 1, end);
      this.#lineStart = false;
    }
    // Two or more that close nothing are left-over markup.
  }

  /** Whether the braces before `end` may close a variant. */
  #endsVariant(end: number): boolean {
    return this.#units[end] === 0x2d && this.#open.top()?.kind === 'variant';
  }

  #pipe(): void {
    if (this.#lineStart && this.#is(0x7d, 1)) {
      const endsTemplate = this.#is(0x7d, 2) && !this.#is(0x7d, 3) && this.#open.braces > 0;
      if (!endsTemplate) {
        this.#open.abandonInline();
        if (this.#open.top()?.kind === 'table') {
          this.#pieces.cut(this.#open.pop().start);
          this.#at += 2;
          return;
        }
      }
    }
    const top = this.#open.top();
    if (top?.kind === 'link') {
      if (top.target === undefined) this.#endTarget(top);
      // Of several parts the last is the label.
      this.#pieces.cut(top.start);
      this.#at++;
      return;
    }
    if (top?.kind === 'variant' && !top.flagged) this.#variantSign(readFlags);
    else this.#literal();
  }

  // --- links ---

  #openBracket(): void {
    const double = this.#is(0x5b, 1);
    const address = addressAt(this.#source, this.#at + (double ? 2 : 1));
    if (address !== undefined && (!double || address.includes('//'))) {
      // Also for `[[http://…]]`: a frequent mistake for a single bracket.
      this.#at += address.length + (double ? 2 : 1);
      if (this.#open.top()?.kind !== 'external') {
        this.#open.push({ kind: 'external', start: this.#pieces.length });
      }
      this.#lineStart = false;
      return;
    }
    if (!double) {
      this.#literal();
      return;
    }
    // `[[[page]]]`: the link is the innermost pair; an odd bracket before it is text.
    let inner = this.#at;
    while (this.#units[inner + 2] === 0x5b) inner++;
    if (inner > this.#at) {
      if ((inner - this.#at) % 2 === 1) this.#pieces.push(this.#at, this.#at + 1);
      this.#at = inner;
      this.#lineStart = false;
      return;
    }
    // A target cannot contain a link, so the one before was none.
    const top = this.#open.top();
    if (top?.kind === 'link' && top.target === undefined) this.#open.abandon();
    this.#open.push({
      kind: 'link',
      start: this.#pieces.length,
      target: undefined,
      written: '',
      opaque: false,
      links: this.#pieces.linkCount,
    });
    this.#at += 2;
    this.#lineStart = false;
  }

  #closeBracket(): void {
    const double = this.#is(0x5d, 1);
    if (this.#open.top()?.kind === 'external') {
      this.#open.pop();
      // The second bracket of `[[http://… label]]` goes with the first, but not `[http://… [[page]]]`.
      const inLink = this.#open.top()?.kind === 'link';
      this.#at += double && !inLink ? 2 : 1;
      return;
    }
    if (!double) {
      this.#literal();
      return;
    }
    for (let depth = 0; depth < 2 && this.#open.top()?.kind === 'variant'; depth++) {
      if (this.#open.parent()?.kind !== 'link') break;
      this.#open.pop();
    }
    // `[[page|[1]]]`: the first bracket is the label's.
    const top = this.#open.top();
    if (top?.kind === 'link' && top.target && this.#is(0x5d, 2)) {
      if (this.#pieces.hasOpenBracket(top.start)) {
        this.#literal();
        return;
      }
    }
    this.#at += 2;
    if (top?.kind === 'link') this.#closeLink(top);
  }

  #endTarget(link: Link): void {
    link.written = this.#pieces.textFrom(link.start);
    link.target = link.opaque ? { kind: 'text', label: '' } : this.#resolver.resolve(link.written);
  }

  #closeLink(link: Link): void {
    this.#open.pop();
    const labelled = link.target !== undefined;
    if (!labelled) this.#endTarget(link);
    const target = link.target!;
    if (target.kind === 'hidden') {
      this.#pieces.cut(link.start);
      return;
    }
    if (!labelled) this.#targetAsLabel(link, target);
    else if (this.#pieces.length === link.start) this.#pieces.pushText(pipeTrick(link.written));
    const trailEnd = endOfTrail(this.#source, this.#units, this.#at);
    if (trailEnd > this.#at) this.#pieces.push(this.#at, trailEnd);
    this.#at = trailEnd;
    // A link around links is none: the inner ones win, as on the wiki.
    if (target.kind === 'article' && this.#pieces.linkCount === link.links) {
      this.#pieces.addLink(link.start, target.title);
    }
  }

  /** `[[target]]`: the target is the text, but for the parts that only say where it is. */
  #targetAsLabel(link: Link, target: LinkTarget): void {
    if (target.kind === 'text' && target.label !== '') {
      this.#pieces.cut(link.start);
      this.#pieces.pushText(target.label);
      return;
    }
    this.#pieces.markAllQuotes(link.start);
  }

  // --- language variants: -{zh-hans:…; zh-hant:…}- ---

  #openVariant(): void {
    const source = this.#source;
    // Without an end it is a dash before a brace.
    if (this.#nextVariantEnd < this.#at && this.#nextVariantEnd !== Number.POSITIVE_INFINITY) {
      const end = source.indexOf('}-', this.#at);
      this.#nextVariantEnd = end < 0 ? Number.POSITIVE_INFINITY : end;
    }
    const template = this.#is(0x7b, 2) && !this.#is(0x7b, 3);
    if (this.#nextVariantEnd === Number.POSITIVE_INFINITY || template) {
      this.#literal();
      return;
    }
    this.#at += 2;
    this.#open.push(openVariant(this.#pieces.length, this.#at));
  }

  /** A '|', ':' or ';' in a variant: a separator, or text. */
  #variantSign(
    read: (variant: Variant, source: string, at: number, pieces: Pieces) => boolean,
  ): void {
    if (read(this.#open.top() as Variant, this.#source, this.#at, this.#pieces)) this.#at++;
    else this.#literal();
  }

  // --- tags and comments ---

  #angle(): void {
    const source = this.#source;
    if (source.startsWith('<!--', this.#at)) {
      const end = source.indexOf('-->', this.#at + 4);
      this.#at = end < 0 ? source.length : end + 3; // unclosed: to the end, as on the wiki
      return;
    }
    TAG.lastIndex = this.#at;
    const match = TAG.exec(source);
    const name = match?.[2]?.toLowerCase();
    const action = name === undefined ? undefined : TAGS.get(name);
    if (!match || name === undefined || action === undefined) {
      this.#literal();
      return;
    }
    const closing = match[1] === '/';
    const attributes = match[3]!;
    if (match[4] === '') {
      if (name.length < 3 && name !== 'br') {
        this.#literal();
        return;
      }
      // Never closed by '>': the rest of its line is its attributes.
      const line = attributes.indexOf('\n');
      this.#at = line < 0 ? TAG.lastIndex : TAG.lastIndex - attributes.length + line;
      return;
    }
    this.#at = TAG.lastIndex;
    if (action === 'break') this.#pieces.pushBlank();
    else if (action === 'block') this.#blockTag();
    else if (action === 'table') this.#htmlTable(closing);
    else if (action !== 'unwrap' && !closing && !attributes.trimEnd().endsWith('/')) {
      this.#element(name, action);
    }
  }

  #blockTag(): void {
    if (!this.#heading && this.#open.top()?.kind !== 'link') this.#break();
  }

  #htmlTable(closing: boolean): void {
    if (!closing) {
      this.#open.push({ kind: 'html-table', start: this.#pieces.length });
      return;
    }
    this.#open.abandonInline();
    const kind = this.#open.top()?.kind;
    if (kind === 'html-table' || kind === 'table') this.#pieces.cut(this.#open.pop().start);
  }

  /** An element whose content is not wikitext. Without an end tag only its start is dropped. */
  #element(name: string, action: ElementAction): void {
    const element = this.#elements.read(name, action, this.#at);
    if (!element) return;
    this.#at = element.end;
    if (element.text === '') return;
    this.#pieces.pushText(element.text);
    this.#lineStart = false;
  }

  // --- the end ---

  #finish(): Passage {
    let openTable = Number.POSITIVE_INFINITY;
    const unclosed = this.#open.size;
    while (this.#open.size > 0) {
      const top = this.#open.top()!;
      if (top.kind === 'table' || top.kind === 'html-table') openTable = top.start;
      this.#open.abandon();
    }
    return { text: this.#pieces.finish(), openTable, unclosed, steps: this.#steps };
  }
}

/** Reads a page's wikitext. Never fails: any text is wikitext. The passage holds as the workspace does. */
export function readWikitext(
  source: string,
  resolver: LinkResolver,
  workspace = new Workspace(),
): Passage {
  return new Reader(source, resolver, workspace).read();
}

// Reads wikitext in one pass, left to right, into text and link ranges. Pieces of text go to a list;
// whatever opens (a template, a table, a link) puts a frame on a stack that remembers how long the list
// was, and its end cuts the list back (template, table, image) or makes a link of what came since. What
// is never closed just leaves its content as text. Nothing is read twice, so hostile pages with
// megabytes of braces or a hundred thousand links take linear time, which regular expressions over
// the whole text would not.
import { decodeEntities, entityAt } from './entities.ts';
import { LINK_TRAIL, type LinkResolver, type LinkTarget, pipeTrick } from './links.ts';
import { type QuoteRun, resolveQuotes } from './quotes.ts';
import { EXTERNAL_LINK, switchEnd, TAG, TAGS } from './tags.ts';

/** A link in {@link Passage.text}, in UTF-16 units. */
export interface Range {
  start: number;
  end: number;
  target: string;
}

/** Text without inline markup, still with its line structure: headings, list marks, residues of tables. */
export interface Passage {
  text: string;
  /** In order, without overlaps; may include blanks at its ends. */
  links: Range[];
  /** From here on a table was opened and never closed: its row lines are no text. */
  openTable: number;
  /** Loop turns taken, for tests of linear time. */
  steps: number;
}

interface Brace {
  kind: 'brace';
  start: number;
  /** Opening braces not yet matched. */
  count: number;
  lineStart: boolean;
}
interface Link {
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
interface Variant {
  kind: 'variant';
  start: number;
  /** Where the current alternative begins in the source and in the pieces. */
  source: number;
  optionStart: number;
  /** The current alternative has begun with a code and ':'. */
  coded: boolean;
  /** Flags can stand only before the first alternative. */
  flagged: boolean;
  hidden: boolean;
}
interface Plain {
  kind: 'external' | 'table' | 'html-table';
  start: number;
}
type Frame = Brace | Link | Variant | Plain;

const SPECIAL = /<|\[|\]|\{|\}|\||''|&|__|\n|-\{/g;
const SPECIAL_IN_VARIANT = /<|\[|\]|\{|\}|\||''|&|__|\n|-\{|[;:]/g;
const VARIANT_CODE =
  /^\s*(?:[^:;]*=>\s*)?(?:zh|gan|wuu|iu|ike|kk|ku|shi|sr|sh|tg|tly|uz|crh|ban|mni|en)(?:-[a-z]{1,9})*\s*$/i;

class Reader {
  readonly #source: string;
  readonly #resolver: LinkResolver;
  readonly #pieces: string[] = [];
  readonly #stack: Frame[] = [];
  readonly #links: { start: number; end: number; target: string }[] = [];
  /** Runs of apostrophes and ends of lines, by piece. */
  readonly #quotes: { place: number; length: number; before: string }[] = [];
  readonly #formulas = new Map<string, number>();
  /** End tags known not to occur any more. */
  readonly #endless = new Set<string>();
  #formulaCount = 0;
  #braces = 0;
  #nextVariantEnd = -1;
  /** Only blanks and indentation stood in this line so far. */
  #lineStart = true;
  #heading = false;
  #at = 0;
  #steps = 0;

  constructor(source: string, resolver: LinkResolver) {
    this.#source = source;
    this.#resolver = resolver;
  }

  read(): Passage {
    const source = this.#source;
    this.#heading = source.startsWith('=');
    while (this.#at < source.length) {
      this.#steps++;
      const special = this.#top()?.kind === 'variant' ? SPECIAL_IN_VARIANT : SPECIAL;
      special.lastIndex = this.#at;
      const found = special.exec(source);
      const next = found ? found.index : source.length;
      if (next > this.#at) this.#plain(source.slice(this.#at, next));
      this.#at = next;
      if (found) this.#special(source.charCodeAt(next));
    }
    return this.#finish();
  }

  #top(): Frame | undefined {
    return this.#stack[this.#stack.length - 1];
  }

  #push(piece: string): void {
    this.#pieces.push(piece);
  }

  #plain(text: string): void {
    this.#push(text);
    if (this.#lineStart && /[^\s:*#;]/.test(text)) this.#lineStart = false;
  }

  /** The one or more characters at the current place are ordinary text. */
  #literal(length: number): void {
    this.#push(this.#source.slice(this.#at, this.#at + length));
    this.#at += length;
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
        this.#switch();
        break;
      case 0x0a:
        this.#newline();
        break;
      case 0x2d: // -{
        this.#openVariant();
        break;
      case 0x3b: // ; in a variant
        this.#endOption();
        break;
      default: // : in a variant
        this.#variantCode();
    }
  }

  #entity(): void {
    const entity = entityAt(this.#source, this.#at);
    if (!entity) {
      this.#literal(1);
      return;
    }
    this.#push(entity.value);
    this.#at = entity.end;
    this.#lineStart = false;
  }

  #switch(): void {
    const end = switchEnd(this.#source, this.#at);
    if (end < 0) this.#literal(1);
    else this.#at = end;
  }

  // --- the stack ---

  /** Forgets everything since the list of pieces was this long. */
  #cut(start: number): void {
    this.#pieces.length = start;
    for (let last = this.#links.at(-1); last && last.end > start; last = this.#links.at(-1)) {
      this.#links.pop();
    }
    for (let last = this.#quotes.at(-1); last && last.place >= start; last = this.#quotes.at(-1)) {
      this.#quotes.pop();
    }
  }

  #pop(): Frame {
    const frame = this.#stack.pop()!;
    if (frame.kind === 'brace') this.#braces--;
    return frame;
  }

  /** Ends inline constructs that cannot go on here; their content stays as text. */
  #abandonInline(): void {
    for (let top = this.#top(); top; top = this.#top()) {
      if (top.kind !== 'link' && top.kind !== 'external' && top.kind !== 'variant') return;
      this.#abandon();
    }
  }

  #abandon(): void {
    const frame = this.#pop();
    // An image whose end is missing: what there was of it is parameters and caption.
    if (frame.kind === 'link' && frame.target?.kind === 'hidden') this.#cut(frame.start);
  }

  // --- lines ---

  #newline(): void {
    const source = this.#source;
    const following = source.charAt(this.#at + 1);
    const breaksLabel = following === '' || '\n*#:;={|!'.includes(following);
    for (let top = this.#top(); top; top = this.#top()) {
      const ends =
        top.kind === 'external' ||
        (top.kind === 'variant' && following === '\n') ||
        (top.kind === 'link' &&
          (top.target === undefined ||
            (top.target.kind === 'hidden' ? following === '\n' : breaksLabel)));
      if (!ends) break;
      this.#abandon();
    }
    this.#break();
    this.#at++;
    this.#lineStart = true;
    this.#heading = following === '=';
  }

  /** A line break, except in a link's label. */
  #break(): void {
    if (this.#top()?.kind === 'link') {
      this.#push(' ');
      return;
    }
    this.#quotes.push({ place: this.#pieces.length, length: 0, before: '' });
    this.#push('\n');
  }

  #apostrophes(): void {
    const source = this.#source;
    let end = this.#at;
    while (source.charCodeAt(end) === 0x27) end++;
    const length = end - this.#at;
    const top = this.#top();
    const inTarget = top?.kind === 'link' && top.target === undefined;
    if (!inTarget) {
      const before = /[^\n]{0,2}$/.exec(source.slice(Math.max(0, this.#at - 2), this.#at))![0];
      this.#quotes.push({ place: this.#pieces.length, length, before });
    }
    this.#push(source.slice(this.#at, end));
    this.#at = end;
    this.#lineStart = false;
  }

  // --- templates and tables ---

  #openBraces(): void {
    const source = this.#source;
    let end = this.#at;
    while (source.charCodeAt(end) === 0x7b) end++;
    const count = end - this.#at;
    if (this.#lineStart && source.charCodeAt(end) === 0x7c && count === 1) {
      this.#abandonInline();
      this.#stack.push({ kind: 'table', start: this.#pieces.length });
      // The rest of the line is attributes, not text even if the table is never closed.
      const attributes = /(?:(?!\{\{).)*/y;
      attributes.lastIndex = end + 1;
      attributes.exec(source);
      this.#at = attributes.lastIndex;
      this.#lineStart = false;
      return;
    }
    if (count < 2) {
      this.#literal(1);
      return;
    }
    const start = this.#pieces.length;
    this.#stack.push({ kind: 'brace', start, count, lineStart: this.#lineStart });
    this.#braces++;
    this.#at = end;
    this.#lineStart = false;
  }

  #closeBraces(): void {
    const source = this.#source;
    let end = this.#at;
    while (source.charCodeAt(end) === 0x7d) end++;
    let left = end - this.#at;
    const endsVariant = () => source[end] === '-' && this.#top()?.kind === 'variant';
    if (left === 1 && !endsVariant()) {
      this.#literal(1);
      return;
    }
    while (left >= 2 && this.#braces > 0) {
      while (this.#top()!.kind !== 'brace') this.#pop();
      const frame = this.#top() as Brace;
      this.#cut(frame.start);
      const matched = Math.min(frame.count, left, 3);
      left -= matched;
      frame.count -= matched;
      if (frame.count >= 2) continue;
      this.#pop();
      this.#lineStart = frame.lineStart;
      const outer = this.#top();
      if (outer?.kind === 'link' && outer.target === undefined) outer.opaque = true;
    }
    this.#at = end;
    if (left > 0 && endsVariant()) {
      this.#closeVariant();
      this.#at = end + 1;
    } else if (left === 1) {
      this.#push('}');
      this.#lineStart = false;
    }
    // Two or more that close nothing are left-over markup.
  }

  #pipe(): void {
    const source = this.#source;
    if (this.#lineStart && source[this.#at + 1] === '}') {
      const endsTemplate =
        source[this.#at + 2] === '}' && source[this.#at + 3] !== '}' && this.#braces > 0;
      if (!endsTemplate) {
        this.#abandonInline();
        if (this.#top()?.kind === 'table') {
          this.#cut(this.#pop().start);
          this.#at += 2;
          return;
        }
      }
    }
    const top = this.#top();
    if (top?.kind === 'link') {
      if (top.target === undefined) this.#endTarget(top);
      // Of several parts the last is the label.
      this.#cut(top.start);
      this.#at++;
      return;
    }
    if (top?.kind === 'variant' && !top.flagged) this.#variantFlags(top);
    else this.#literal(1);
  }

  // --- links ---

  #openBracket(): void {
    const source = this.#source;
    const double = source[this.#at + 1] === '[';
    EXTERNAL_LINK.lastIndex = this.#at + (double ? 2 : 1);
    const address = EXTERNAL_LINK.exec(source)?.[0];
    if (address !== undefined && (!double || address.includes('//'))) {
      // Also for `[[http://…]]`: a frequent mistake for a single bracket.
      this.#at += address.length + (double ? 2 : 1);
      if (this.#top()?.kind !== 'external') {
        this.#stack.push({ kind: 'external', start: this.#pieces.length });
      }
      this.#lineStart = false;
      return;
    }
    if (!double) {
      this.#literal(1);
      return;
    }
    // `[[[page]]]`: the link is the innermost pair; an odd bracket before it is text.
    let inner = this.#at;
    while (source[inner + 2] === '[') inner++;
    if (inner > this.#at) {
      if ((inner - this.#at) % 2 === 1) this.#push('[');
      this.#at = inner;
      this.#lineStart = false;
      return;
    }
    // A target cannot contain a link, so the one before was none.
    const top = this.#top();
    if (top?.kind === 'link' && top.target === undefined) this.#abandon();
    this.#stack.push({
      kind: 'link',
      start: this.#pieces.length,
      target: undefined,
      written: '',
      opaque: false,
      links: this.#links.length,
    });
    this.#at += 2;
    this.#lineStart = false;
  }

  #closeBracket(): void {
    const source = this.#source;
    const double = source[this.#at + 1] === ']';
    if (this.#top()?.kind === 'external') {
      this.#pop();
      // The second bracket of `[[http://… label]]` goes with the first, but not `[http://… [[page]]]`.
      const inLink = this.#top()?.kind === 'link';
      this.#at += double && !inLink ? 2 : 1;
      return;
    }
    if (!double) {
      this.#literal(1);
      return;
    }
    for (let depth = 0; depth < 2 && this.#top()?.kind === 'variant'; depth++) {
      if (this.#stack[this.#stack.length - 2]?.kind !== 'link') break;
      this.#pop();
    }
    // `[[page|[1]]]`: the first bracket is the label's.
    const top = this.#top();
    if (top?.kind === 'link' && top.target && source[this.#at + 2] === ']') {
      if (this.#openInLabel(top)) {
        this.#literal(1);
        return;
      }
    }
    this.#at += 2;
    if (top?.kind === 'link') this.#closeLink(top);
  }

  /** Whether the label has a '[' that its last piece does not close. */
  #openInLabel(link: Link): boolean {
    for (let i = this.#pieces.length - 1; i >= link.start && i >= this.#pieces.length - 8; i--) {
      if (this.#pieces[i] === '[') return true;
      if (this.#pieces[i] === ']') return false;
    }
    return false;
  }

  #endTarget(link: Link): void {
    link.written = this.#pieces.slice(link.start).join('');
    link.target = link.opaque ? { kind: 'text', label: '' } : this.#resolver.resolve(link.written);
  }

  #closeLink(link: Link): void {
    this.#pop();
    const labelled = link.target !== undefined;
    if (!labelled) this.#endTarget(link);
    const target = link.target!;
    if (target.kind === 'hidden') {
      this.#cut(link.start);
      return;
    }
    if (!labelled) this.#targetAsLabel(link, target);
    else if (this.#pieces.length === link.start) this.#push(pipeTrick(link.written));
    LINK_TRAIL.lastIndex = this.#at;
    const trail = LINK_TRAIL.exec(this.#source);
    if (trail) {
      this.#push(trail[0]);
      this.#at = LINK_TRAIL.lastIndex;
    }
    // A link around links is none: the inner ones win, as on the wiki.
    if (target.kind === 'article' && this.#links.length === link.links) {
      this.#links.push({ start: link.start, end: this.#pieces.length, target: target.title });
    }
  }

  /** `[[target]]`: the target is the text, but for the parts that only say where it is. */
  #targetAsLabel(link: Link, target: LinkTarget): void {
    if (target.kind === 'text' && target.label !== '') {
      this.#cut(link.start);
      this.#push(target.label);
      return;
    }
    for (let place = link.start; place < this.#pieces.length; place++) {
      const { length } = /^'{2,}$/.exec(this.#pieces[place]!)?.[0] ?? '';
      if (length > 0) this.#quotes.push({ place, length, before: '' });
    }
  }

  // --- language variants: -{zh-hans:…; zh-hant:…}- ---

  #openVariant(): void {
    const source = this.#source;
    // Without an end it is a dash before a brace.
    if (this.#nextVariantEnd < this.#at && this.#nextVariantEnd !== Number.POSITIVE_INFINITY) {
      const end = source.indexOf('}-', this.#at);
      this.#nextVariantEnd = end < 0 ? Number.POSITIVE_INFINITY : end;
    }
    const template = source[this.#at + 2] === '{' && source[this.#at + 3] !== '{';
    if (this.#nextVariantEnd === Number.POSITIVE_INFINITY || template) {
      this.#literal(1);
      return;
    }
    this.#at += 2;
    const start = this.#pieces.length;
    this.#stack.push({
      kind: 'variant',
      start,
      source: this.#at,
      optionStart: start,
      coded: false,
      flagged: false,
      hidden: false,
    });
  }

  /** `-{flags|…}-`: T, D, H and '-' show nothing. */
  #variantFlags(variant: Variant): void {
    variant.flagged = true;
    const flags = this.#source.slice(variant.source, Math.min(this.#at, variant.source + 100));
    if (this.#at - variant.source > 100 || !/^[\sa-zA-Z;+-]*$/.test(flags)) {
      this.#literal(1);
      return;
    }
    variant.hidden = /^\s*[-THD]\s*(?:;|$)/.test(flags);
    this.#cut(variant.start);
    this.#at++;
    variant.source = this.#at;
  }

  #variantCode(): void {
    const variant = this.#top() as Variant;
    const length = this.#at - variant.source;
    const written = this.#source.slice(variant.source, this.#at);
    if (variant.coded || length > 80 || !VARIANT_CODE.test(written)) {
      this.#literal(1);
      return;
    }
    this.#cut(variant.optionStart);
    variant.coded = true;
    variant.flagged = true;
    this.#at++;
  }

  /** The end of an alternative; without a code before it the semicolon is text. */
  #endOption(): void {
    const variant = this.#top() as Variant;
    if (!variant.coded) {
      this.#literal(1);
      return;
    }
    this.#keepFirst(variant);
    variant.optionStart = this.#pieces.length;
    variant.coded = false;
    this.#at++;
    variant.source = this.#at;
  }

  /** Of several alternatives the first stays. */
  #keepFirst(variant: Variant): void {
    if (variant.optionStart > variant.start) this.#cut(variant.optionStart);
  }

  #closeVariant(): void {
    const variant = this.#pop() as Variant;
    if (variant.hidden) this.#cut(variant.start);
    else this.#keepFirst(variant);
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
      this.#literal(1);
      return;
    }
    const closing = match[1] === '/';
    const attributes = match[3]!;
    if (match[4] === '') {
      if (name.length < 3 && name !== 'br') {
        this.#literal(1);
        return;
      }
      // Never closed by '>': the rest of its line is its attributes.
      const line = attributes.indexOf('\n');
      this.#at = line < 0 ? TAG.lastIndex : TAG.lastIndex - attributes.length + line;
      return;
    }
    this.#at = TAG.lastIndex;
    if (action === 'break') this.#push(' ');
    else if (action === 'block') this.#blockTag();
    else if (action === 'table') this.#htmlTable(closing);
    else if (action !== 'unwrap' && !closing && !attributes.trimEnd().endsWith('/')) {
      this.#element(name, action);
    }
  }

  #blockTag(): void {
    if (!this.#heading && this.#top()?.kind !== 'link') this.#break();
  }

  #htmlTable(closing: boolean): void {
    if (!closing) {
      this.#stack.push({ kind: 'html-table', start: this.#pieces.length });
      return;
    }
    this.#abandonInline();
    const kind = this.#top()?.kind;
    if (kind === 'html-table' || kind === 'table') this.#cut(this.#pop().start);
  }

  /** An element whose content is not wikitext. Without an end tag only its start is dropped. */
  #element(name: string, action: 'drop' | 'formula' | 'literal'): void {
    if (this.#endless.has(name)) return;
    const endTag = new RegExp(`</${name}\\s*>`, 'gi');
    endTag.lastIndex = this.#at;
    const end = endTag.exec(this.#source);
    if (!end) {
      this.#endless.add(name);
      return;
    }
    const content = this.#source.slice(this.#at, end.index);
    this.#at = endTag.lastIndex;
    if (action === 'literal') {
      // Whole links and quotes in nowiki are mostly an editor's accident: no markup in plain text.
      const text = content.replace(/\[\[|\]\]|\{\{+|\}\}+|'{3,}|<\/?[a-z]+[^<>]{0,60}>/gi, '');
      this.#push(decodeEntities(text.replaceAll("''", '"')));
      this.#lineStart = false;
    } else if (action === 'formula') {
      this.#formulaCount++;
      const number = this.#formulas.get(content) ?? this.#formulaCount;
      this.#formulas.set(content, number);
      this.#push(`formula_${number}`);
      this.#lineStart = false;
    }
  }

  // --- the end ---

  #finish(): Passage {
    let openTablePiece = Number.POSITIVE_INFINITY;
    while (this.#stack.length > 0) {
      const top = this.#top()!;
      if (top.kind === 'table' || top.kind === 'html-table') openTablePiece = top.start;
      this.#abandon();
    }
    this.#resolveQuotes();
    const offsets = new Map<number, number>();
    const wanted = this.#links.flatMap(({ start, end }) => [start, end]);
    let offset = 0;
    let w = 0;
    let openTable = Number.POSITIVE_INFINITY;
    for (let i = 0; i <= this.#pieces.length; i++) {
      while (w < wanted.length && wanted[w] === i) {
        offsets.set(i, offset);
        w++;
      }
      if (i === openTablePiece) openTable = offset;
      offset += this.#pieces[i]?.length ?? 0;
    }
    const links = this.#links.map(({ start, end, target }) => ({
      start: offsets.get(start)!,
      end: offsets.get(end)!,
      target,
    }));
    return { text: this.#pieces.join(''), links, openTable, steps: this.#steps };
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

/** Reads a page's wikitext. Never fails: any text is wikitext. */
export function readWikitext(source: string, resolver: LinkResolver): Passage {
  return new Reader(source, resolver).read();
}

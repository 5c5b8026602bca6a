// Reads a dump's XML by the rules, with a parser: its head and end, and the pages that the quick reader does
// not understand. Whatever is wrong is an error that names the file and the byte.
// Format: https://www.mediawiki.org/wiki/Help:Export#Export_format
import { type SaxesAttributePlain, SaxesParser, type SaxesTagPlain } from 'saxes';
import { excerpt, LeiaError } from '../../system/error.ts';
import { DOWNLOAD, type Draft, finishDraft, newDraft } from './page-draft.ts';
import { baseOf } from './page-source.ts';
import type { CaseRule, Namespace, Page, Siteinfo } from './siteinfo.ts';

function caseRule(value: string | undefined): CaseRule {
  return value === 'case-sensitive' ? 'case-sensitive' : 'first-letter';
}

/** Collects pages from XML events. Elements are told apart by their path, since names repeat. */
export class XmlPages {
  readonly pages: Page[] = [];
  /** Set once the head is complete. */
  siteinfo: Siteinfo | undefined;
  readonly #file: string;
  readonly #path: string[] = [];
  readonly #parser = new SaxesParser();
  readonly #namespaces: Map<number, Namespace>;
  #language = '';
  #siteName = '';
  #dbName = '';
  #base: string | undefined;
  #caseRule: CaseRule = 'first-letter';
  #namespace: Namespace | undefined;
  #draft: Draft | undefined;
  /** The XML being read, where in the whole it begins, and how much the parser had read before. */
  #chunk = '';
  #start = 0;
  #before = 0;
  /** Text of the element being read, if it is one of a page's fields. */
  #text: string | undefined;

  /** `namespaces` are given if the head, which names them, is not in what will be read. */
  constructor(file: string, namespaces?: ReadonlyMap<number, Namespace>) {
    this.#file = file;
    this.#namespaces = new Map(namespaces);
    this.#parser.on('opentag', (tag) => this.#open(tag));
    this.#parser.on('closetag', () => this.#close());
    this.#parser.on('text', (text) => {
      if (this.#text !== undefined) this.#text += text;
    });
    this.#parser.on('cdata', (text) => {
      if (this.#text !== undefined) this.#text += text;
    });
  }

  /** Reads on. `start`: byte of the whole XML where this piece begins. */
  write(xml: string, start: number): void {
    this.#chunk = xml;
    this.#start = start;
    this.#before = this.#parser.position;
    this.#guard(() => this.#parser.write(xml));
  }

  /** The end of the file: everything must be closed. */
  end(): void {
    if (this.#path.length > 0) {
      throw new LeiaError(
        'format',
        `${this.#file}: the XML ends inside <${this.#pathName()}> at ${this.#place()}, expected </mediawiki>; the file is incomplete, download it again`,
      );
    }
    this.#guard(() => this.#parser.close());
  }

  /** The head of the dump, complete or not, when the first page comes. Throws `format` if there is none. */
  endHead(): Siteinfo {
    if (this.#path.length === 0) {
      throw new LeiaError(
        'format',
        `${this.#file}: pages without the head of a dump, so this is a piece from the middle of one; give the whole file, or put all that stands before its first <page> in front of the piece and </mediawiki> behind it`,
      );
    }
    this.#head();
    return this.siteinfo!;
  }

  /** The open elements for a message; of many, only the outermost and the innermost ones. */
  #pathName(): string {
    const names = this.#path.map((name) => (name.length > 30 ? `${name.slice(0, 29)}…` : name));
    return (names.length > 6 ? [...names.slice(0, 3), '…', ...names.slice(-2)] : names).join('> <');
  }

  #place(): string {
    const done = this.#chunk.slice(0, this.#parser.position - this.#before);
    return `byte ${this.#start + Buffer.byteLength(done)} of the XML`;
  }

  #guard(parse: () => void): void {
    try {
      parse();
    } catch (cause) {
      if (cause instanceof LeiaError) throw cause;
      const reason = cause instanceof Error ? cause.message.replace(/^\d+:\d+: /, '') : cause;
      throw new LeiaError(
        'format',
        `${this.#file}: malformed XML at ${this.#place()}: ${excerpt(String(reason), 200)}`,
        { cause },
      );
    }
  }

  #open(tag: SaxesTagPlain): void {
    const attributes: Partial<Record<string, SaxesAttributePlain['value']>> = tag.attributes;
    const parent = this.#path.at(-1);
    this.#path.push(tag.name);
    const depth = this.#path.length;
    if (depth === 1) {
      if (tag.name !== 'mediawiki') this.#wrongRoot(tag.name);
      this.#language = attributes['xml:lang'] ?? '';
    } else if (depth === 2 && tag.name === 'page') {
      this.#draft = newDraft();
    } else if (parent === 'siteinfo') {
      this.#text = '';
    } else if (parent === 'namespaces' && tag.name === 'namespace') {
      const id = Number(attributes.key);
      this.#namespace = { id, name: '', caseRule: caseRule(attributes.case) };
      this.#text = '';
    } else if (this.#draft && parent === 'page') {
      if (tag.name === 'redirect') {
        this.#draft.hasRedirect = true;
        this.#draft.redirect = attributes.title;
      } else if (tag.name === 'title' || tag.name === 'ns' || tag.name === 'id') {
        this.#text = '';
      }
    } else if (this.#draft && parent === 'revision') {
      if (tag.name === 'model' || tag.name === 'id' || tag.name === 'timestamp') this.#text = '';
      if (tag.name === 'text') {
        this.#text = '';
        this.#draft.textBytes =
          attributes.deleted === undefined ? Number(attributes.bytes ?? 0) : 0;
      }
    }
  }

  #wrongRoot(name: string): never {
    const kind =
      name === 'feed' ? ' (an abstracts dump)' : /^html$/i.test(name) ? ' (a web page)' : '';
    throw new LeiaError(
      'format',
      `${this.#file}: the root element is <${name.slice(0, 30)}>${kind}, not <mediawiki>; ${DOWNLOAD}`,
    );
  }

  #close(): void {
    const name = this.#path.pop();
    const parent = this.#path.at(-1);
    const text = this.#text ?? '';
    this.#text = undefined;
    if (this.#path.length === 1 && name === 'siteinfo') this.#head();
    else if (this.#path.length === 1 && name === 'page') this.#page();
    else if (parent === 'siteinfo') this.#info(name, text);
    else if (this.#namespace && name === 'namespace') {
      this.#namespaces.set(this.#namespace.id, { ...this.#namespace, name: text });
      this.#namespace = undefined;
    } else if (this.#draft && parent === 'page') this.#field(this.#draft, name, text);
    else if (this.#draft && parent === 'revision') {
      if (name === 'model') this.#draft.model = text;
      if (name === 'id') this.#draft.revision = Number(text);
      if (name === 'timestamp') this.#draft.time = text;
      if (name === 'text') this.#draft.wikitext = Buffer.from(text);
    }
  }

  #info(name: string | undefined, text: string): void {
    if (name === 'sitename') this.#siteName = text;
    else if (name === 'dbname') this.#dbName = text;
    else if (name === 'base') this.#base = baseOf(text);
    else if (name === 'case') this.#caseRule = caseRule(text);
  }

  #field(draft: Draft, name: string | undefined, text: string): void {
    if (name === 'title') draft.title = text;
    else if (name === 'ns') draft.namespace = Number(text);
    else if (name === 'id') draft.id = Number(text);
  }

  #head(): void {
    this.siteinfo ??= {
      language: this.#language,
      siteName: this.#siteName,
      dbName: this.#dbName,
      ...(this.#base !== undefined && { base: this.#base }),
      caseRule: this.#caseRule,
      namespaces: this.#namespaces,
    };
  }

  #page(): void {
    const draft = this.#draft!;
    this.#draft = undefined;
    const page = finishDraft(draft, this.#namespaces, this.#file, () => this.#place());
    if (page) this.pages.push(page);
  }
}

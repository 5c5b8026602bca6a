// Reads a MediaWiki XML dump (`pages-articles*.xml`, plain, bzip2 or gzip) page by page, in memory that does
// not grow with the file. A dump that is cut off, damaged, or of another kind is an error that names
// the file and the place; nothing is skipped silently.
// Format: https://www.mediawiki.org/wiki/Help:Export#Export_format
import { basename } from 'node:path';
import { type SaxesAttributePlain, SaxesParser, type SaxesTagPlain } from 'saxes';
import { LeiaError } from '../core/error.ts';
import { decodeXml } from './dump-text.ts';
import { inputBytes } from './input-bytes.ts';
import { redirectTarget } from './redirect-text.ts';
import type { CaseRule, Namespace, Page, Siteinfo } from './siteinfo.ts';

export interface Dump {
  siteinfo: Siteinfo;
  /** All wikitext pages of all namespaces, in the order of the file. To be read once. */
  pages(): AsyncGenerator<Page, void, undefined>;
}

/** What is collected of the page being read. */
interface Draft {
  id: number | undefined;
  title: string;
  namespace: number | undefined;
  redirect: string | undefined;
  hasRedirect: boolean;
  model: string;
  text: string | undefined;
}

const DOWNLOAD = 'expected a dump named …-pages-articles.xml.bz2 from dumps.wikimedia.org';

function caseRule(value: string | undefined): CaseRule {
  return value === 'case-sensitive' ? 'case-sensitive' : 'first-letter';
}

/** Collects pages from XML events. Elements are told apart by their path, since names repeat. */
class PageBuilder {
  readonly pages: Page[] = [];
  pagesSeen = 0;
  /** Set once the head is complete. */
  siteinfo: Siteinfo | undefined;
  readonly #file: string;
  readonly #path: string[] = [];
  readonly #parser = new SaxesParser();
  readonly #namespaces = new Map<number, Namespace>();
  #language = '';
  #siteName = '';
  #dbName = '';
  #caseRule: CaseRule = 'first-letter';
  #namespace: Namespace | undefined;
  #draft: Draft | undefined;
  #textBytes = 0;
  /** Text of the element being read, if it is one that counts. */
  #text: string | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#parser.on('opentag', (tag) => this.#open(tag));
    this.#parser.on('closetag', () => this.#close());
    this.#parser.on('text', (text) => {
      if (this.#text !== undefined) this.#text += text;
    });
    this.#parser.on('cdata', (text) => {
      if (this.#text !== undefined) this.#text += text;
    });
  }

  write(xml: string): void {
    this.#guard(() => this.#parser.write(xml));
  }

  /** The end of the file: everything must be closed, and there must have been pages. */
  end(): void {
    if (this.#path.length > 0) {
      throw new LeiaError(
        'format',
        `${this.#file}: the XML ends inside <${this.#path.join('> <')}> at ${this.#place()}, expected </mediawiki>; the file is incomplete, download it again`,
      );
    }
    this.#guard(() => this.#parser.close());
    if (this.pagesSeen === 0) {
      throw new LeiaError('format', `${this.#file}: a MediaWiki export without pages; ${DOWNLOAD}`);
    }
  }

  #place(): string {
    return `line ${this.#parser.line}, column ${this.#parser.column}`;
  }

  #guard(parse: () => void): void {
    try {
      parse();
    } catch (cause) {
      if (cause instanceof LeiaError) throw cause;
      const reason = cause instanceof Error ? cause.message.replace(/^\d+:\d+: /, '') : cause;
      throw new LeiaError(
        'format',
        `${this.#file}: malformed XML at ${this.#place()}: ${String(reason).replace(/\s+/g, ' ')}`,
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
      this.#head();
      this.#draft = {
        id: undefined,
        title: '',
        namespace: undefined,
        redirect: undefined,
        hasRedirect: false,
        model: 'wikitext',
        text: undefined,
      };
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
      if (tag.name === 'model') this.#text = '';
      if (tag.name === 'text') {
        this.#text = '';
        this.#textBytes = attributes.deleted === undefined ? Number(attributes.bytes ?? 0) : 0;
      }
    }
  }

  #wrongRoot(name: string): never {
    const kind =
      name === 'feed' ? ' (an abstracts dump)' : /^html$/i.test(name) ? ' (a web page)' : '';
    throw new LeiaError(
      'format',
      `${this.#file}: the root element is <${name}>${kind}, not <mediawiki>; ${DOWNLOAD}`,
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
      if (name === 'text') {
        this.#draft.text = text;
        if (text === '' && this.#textBytes > 0) {
          throw new LeiaError(
            'format',
            `${this.#file}: the text of page '${this.#draft.title}' is missing (${this.#textBytes} bytes left out), this is a stub dump; ${DOWNLOAD}`,
          );
        }
      }
    }
  }

  #info(name: string | undefined, text: string): void {
    if (name === 'sitename') this.#siteName = text;
    else if (name === 'dbname') this.#dbName = text;
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
      caseRule: this.#caseRule,
      namespaces: this.#namespaces,
    };
  }

  #page(): void {
    const { id, title, namespace, redirect, hasRedirect, model, text } = this.#draft!;
    this.#draft = undefined;
    this.pagesSeen++;
    if (title === '' || id === undefined || !Number.isSafeInteger(id)) {
      throw new LeiaError(
        'format',
        `${this.#file}: page ${this.pagesSeen} (before ${this.#place()}) has no ${title === '' ? 'title' : 'id'}`,
      );
    }
    if (text === undefined) {
      throw new LeiaError('format', `${this.#file}: page '${title}' has no text; ${DOWNLOAD}`);
    }
    if (model !== 'wikitext') return;
    const page: Page = { id, title, namespace: namespace ?? this.#namespaceOf(title), model, text };
    // Dumps before 2012 mark redirects without their target, or not at all.
    const target = redirect ?? redirectTarget(text, hasRedirect);
    if (target !== undefined) page.redirect = target;
    this.pages.push(page);
  }

  /** Dumps before 2012 do not number the namespace. */
  #namespaceOf(title: string): number {
    const prefix = title.slice(0, Math.max(0, title.indexOf(':')));
    if (prefix === '') return 0;
    for (const { id, name } of this.#namespaces.values()) if (name === prefix) return id;
    return 0;
  }
}

/** Reads a dump from its bytes; `file` names it in errors. */
export async function readDump(bytes: AsyncIterable<Uint8Array>, file: string): Promise<Dump> {
  const builder = new PageBuilder(file);
  const chunks = decodeXml(bytes, file)[Symbol.asyncIterator]();
  let ended = false;
  const more = async (): Promise<void> => {
    const chunk = await chunks.next();
    if (!chunk.done) return builder.write(chunk.value);
    ended = true;
    builder.end();
  };
  while (!builder.siteinfo && !ended) await more();
  return {
    siteinfo: builder.siteinfo!,
    async *pages() {
      try {
        while (true) {
          yield* builder.pages.splice(0);
          if (ended) return;
          await more();
        }
      } finally {
        await chunks.return?.(undefined);
      }
    },
  };
}

/** Opens `…-pages-articles.xml`, plain, bzip2 (single or multistream) or gzip. Throws `io` or `format`. */
export function openDump(path: string): Promise<Dump> {
  return readDump(inputBytes(path), basename(path));
}

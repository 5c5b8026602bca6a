// The pages of a piece of a dump. Wikimedia writes them all in one shape, so they are read by looking for
// the next bracket, several times faster than by a parser of all XML; a piece with anything else in it
// goes to that parser, which reads it or says what is wrong.
import { LeiaError } from '../core/error.ts';
import { decodeUtf8 } from '../core/utf8.ts';
import { type Draft, finishDraft, newDraft } from './page-draft.ts';
import { XmlPages } from './page-xml.ts';
import type { Namespace, Page } from './siteinfo.ts';

/** Whole pages of a dump, in UTF-8. */
export interface PageBatch {
  bytes: Uint8Array;
  /** Where in the whole XML it begins. */
  start: number;
}

export interface PageSource {
  /** Names the dump in errors. */
  file: string;
  namespaces: ReadonlyMap<number, Namespace>;
}

/** The wikitext pages of a piece. Throws `format`. */
export function readPages({ bytes, start }: PageBatch, source: PageSource): Page[] {
  const text = decodeUtf8(bytes);
  if (text === undefined) {
    const end = start + bytes.length;
    throw new LeiaError(
      'format',
      `${source.file}: not valid utf-8 between byte ${start} and ${end} of the XML`,
    );
  }
  return readQuickly(text, start, source) ?? readByTheRules(text, start, source);
}

/** The same with the parser for all XML. */
export function readByTheRules(text: string, start: number, source: PageSource): Page[] {
  const reader = new XmlPages(source.file, source.namespaces);
  reader.write('<mediawiki>', start);
  reader.write(text, start);
  reader.write('</mediawiki>', start + Buffer.byteLength(text));
  reader.end();
  return reader.pages;
}

/** Not allowed in XML, or not written by Wikimedia: carriage returns. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNUSUAL = /[\0-\x08\x0b-\x1f\ufffe\uffff]/;
const START_TAG = /<([A-Za-z][A-Za-z0-9]*)((?: [A-Za-z:]+="[^"<>\n\t]*")*)( ?\/)?>/y;
const ATTRIBUTE = / ([A-Za-z:]+)="([^"]*)"/g;

/** The references that Wikimedia writes, by the sign after the ampersand. */
const REFERENCES = new Map<number, readonly [written: string, sign: string][]>();
for (const [written, sign] of [
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&amp;', '&'],
  ['&#039;', "'"],
  ['&apos;', "'"],
] as const) {
  const first = written.charCodeAt(1);
  REFERENCES.set(first, [...(REFERENCES.get(first) ?? []), [written, sign]]);
}

/** The text that XML stands for, or undefined if it has references other than the common ones. */
function plainText(text: string): string | undefined {
  let at = text.indexOf('&');
  if (at < 0) return text;
  // Joined at once: a string that grows by parts is a tree, to be copied before anything can be read in it.
  const parts: string[] = [];
  let from = 0;
  for (; at >= 0; at = text.indexOf('&', from)) {
    const reference = REFERENCES.get(text.charCodeAt(at + 1))?.find(([written]) =>
      text.startsWith(written, at),
    );
    if (reference === undefined) return undefined;
    parts.push(text.slice(from, at), reference[1]);
    from = at + reference[0].length;
  }
  parts.push(text.slice(from));
  return parts.join('');
}

/** The attributes of a tag, or undefined if one of them is unusual. */
function attributesOf(text: string): Map<string, string> | undefined {
  const attributes = new Map<string, string>();
  for (const [, name, written] of text.matchAll(ATTRIBUTE)) {
    const value = plainText(written!);
    if (value === undefined || attributes.has(name!)) return undefined;
    attributes.set(name!, value);
  }
  return attributes;
}

/** Undefined if the text is not of the usual shape. */
export function readQuickly(text: string, start: number, source: PageSource): Page[] | undefined {
  if (UNUSUAL.test(text)) return undefined;
  const pages: Page[] = [];
  const path: string[] = [];
  let draft: Draft | undefined;
  let at = 0;
  // Text of the innermost element, as written, if that element is one that counts.
  let counts = false;
  for (;;) {
    const open = text.indexOf('<', at);
    const between = text.slice(at, open < 0 ? text.length : open);
    const plain = counts || between.includes('&') ? plainText(between) : between;
    // Wikimedia writes every `>` of a text as a reference; `]]>` would be an error.
    if (plain === undefined || between.includes('>')) return undefined;
    if (open < 0) return path.length === 0 && plain.trim() === '' ? pages : undefined;

    if (text.charCodeAt(open + 1) === 0x2f) {
      const close = text.indexOf('>', open);
      const name = path.pop();
      if (close < 0 || name === undefined || text.slice(open + 2, close) !== name) return undefined;
      at = close + 1;
      if (counts) setField(draft!, path.at(-1), name, plain);
      counts = false;
      if (path.length === 0 && name === 'page') {
        const place = () =>
          `byte ${start + Buffer.byteLength(text.slice(0, close + 1))} of the XML`;
        const page = finishDraft(draft!, source.namespaces, source.file, place);
        if (page) pages.push(page);
        draft = undefined;
      }
      continue;
    }

    START_TAG.lastIndex = open;
    const tag = START_TAG.exec(text);
    if (tag === null || counts) return undefined;
    at = START_TAG.lastIndex;
    const name = tag[1]!;
    const parent = path.at(-1);
    const attributes = tag[2] === '' ? undefined : attributesOf(tag[2]!);
    if (tag[2] !== '' && attributes === undefined) return undefined;
    if (path.length === 0 && name === 'page') draft = newDraft();
    const depth = path.length;
    const ofPage = draft !== undefined && parent === 'page' && depth === 1;
    const ofRevision = draft !== undefined && parent === 'revision' && depth === 2;
    if (draft && ofPage && name === 'redirect') {
      draft.hasRedirect = true;
      draft.redirect = attributes?.get('title');
    }
    if (draft && ofRevision && name === 'text') {
      draft.textBytes = attributes?.has('deleted') ? 0 : Number(attributes?.get('bytes') ?? 0);
    }
    counts =
      (ofPage && (name === 'title' || name === 'ns' || name === 'id')) ||
      (ofRevision && (name === 'model' || name === 'text'));
    if (tag[3] === undefined) path.push(name);
    else {
      if (path.length === 0 && name === 'page') return undefined;
      if (counts) setField(draft!, parent, name, '');
      counts = false;
    }
  }
}

function setField(draft: Draft, parent: string | undefined, name: string, value: string): void {
  if (parent === 'revision') {
    if (name === 'model') draft.model = value;
    else draft.text = value;
  } else if (name === 'title') draft.title = value;
  else if (name === 'ns') draft.namespace = Number(value);
  else draft.id = Number(value);
}

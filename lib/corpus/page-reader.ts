// The pages of a piece of a dump. Wikimedia writes them all in one shape, so they are read by looking for
// the next bracket, several times faster than by a parser of all XML; a piece with anything else in it
// goes to that parser, which reads it or says what is wrong.
import { isUtf8 } from 'node:buffer';
import { addon } from '../core/addon.ts';
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
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!isUtf8(view)) {
    const end = start + bytes.length;
    throw new LeiaError(
      'format',
      `${source.file}: not valid utf-8 between byte ${start} and ${end} of the XML`,
    );
  }
  return readQuickly(view, start, source) ?? readByTheRules(view, start, source);
}

/** The same of valid UTF-8 with the parser for all XML. */
export function readByTheRules(xml: Buffer, start: number, source: PageSource): Page[] {
  const reader = new XmlPages(source.file, source.namespaces);
  reader.write('<mediawiki>', start);
  reader.write(xml.toString(), start);
  reader.write('</mediawiki>', start + xml.length);
  reader.end();
  return reader.pages;
}

const START_TAG = /<([A-Za-z][A-Za-z0-9]*)((?: [A-Za-z:]+="[^"<>\n\t]*")*)( ?\/)?>/y;
const ATTRIBUTE = / ([A-Za-z:]+)="([^"]*)"/g;

/** Memory for a page's text, the same for one page after the other. */
let room = new Uint8Array(0);
const leastRoom = 1 << 16;
const mostKept = 4 << 20;

/** The text that this part of XML stands for, or undefined if it has a `>`, or references other than the common ones. */
function plainText(xml: Buffer, start = 0, end = xml.length): string | undefined {
  if (room.length < end - start || room.length > mostKept) {
    room = new Uint8Array(Math.max(leastRoom, end - start));
  }
  const length = addon().xmlText(xml, start, end, room);
  return length < 0 ? undefined : decodeUtf8(room.subarray(0, length));
}

/** The attributes of a tag, or undefined if one of them is unusual. `text` has a character for each byte. */
function attributesOf(text: string): Map<string, string> | undefined {
  const attributes = new Map<string, string>();
  for (const [, name, written] of text.matchAll(ATTRIBUTE)) {
    const value = plainText(Buffer.from(written!, 'latin1'));
    if (value === undefined || attributes.has(name!)) return undefined;
    attributes.set(name!, value);
  }
  return attributes;
}

/** The pages in valid UTF-8; undefined if it is not of the usual shape. */
export function readQuickly(xml: Buffer, start: number, source: PageSource): Page[] | undefined {
  if (!addon().isUsualXml(xml)) return undefined;
  // A character for each byte: tags are ASCII, and what is between them is decoded where it counts.
  const text = xml.toString('latin1');
  const pages: Page[] = [];
  const path: string[] = [];
  let draft: Draft | undefined;
  let at = 0;
  // Text of the innermost element, as written, if that element is one that counts.
  let counts = false;
  for (;;) {
    const found = text.indexOf('<', at);
    const open = found < 0 ? text.length : found;
    const between = text.slice(at, open);
    const plain = counts || between.includes('&') ? plainText(xml, at, open) : between;
    // Wikimedia writes every `>` of a text as a reference; `]]>` would be an error.
    if (plain === undefined || between.includes('>')) return undefined;
    if (found < 0) return path.length === 0 && plain.trim() === '' ? pages : undefined;

    if (text.charCodeAt(open + 1) === 0x2f) {
      const close = text.indexOf('>', open);
      const name = path.pop();
      if (close < 0 || name === undefined || text.slice(open + 2, close) !== name) return undefined;
      at = close + 1;
      if (counts) setField(draft!, path.at(-1), name, plain);
      counts = false;
      if (path.length === 0 && name === 'page') {
        const place = () => `byte ${start + close + 1} of the XML`;
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

// Reads the pages of a piece of a dump. Wikimedia writes all pages in one shape, which native code reads. A piece with
// anything else in it goes to a parser for all XML, which reads it or says what is wrong.
import { isUtf8 } from 'node:buffer';
import { addon } from '../../core/addon.ts';
import { LeiaError } from '../../system/error.ts';
import type { DumpAddon } from './native.ts';
import { type Draft, finishDraft, WIKITEXT_MODEL } from './page-draft.ts';
import { XmlPages } from './page-xml.ts';
import type { Namespace, Page } from './siteinfo.ts';

/** Whole pages of a dump, in UTF-8. */
export interface PageBatch {
  bytes: Uint8Array<ArrayBuffer>;
  /** Where in the whole XML it begins. */
  start: number;
}

export interface PageSource {
  /** Names the dump in errors. */
  file: string;
  namespaces: ReadonlyMap<number, Namespace>;
}

/** The wikitext pages of a piece. Its bytes are overwritten. Throws `format`. */
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

/** The same with the parser for all XML, of valid UTF-8. */
export function readByTheRules(xml: Buffer, start: number, source: PageSource): Page[] {
  const reader = new XmlPages(source.file, source.namespaces);
  reader.write('<mediawiki>', start);
  reader.write(xml.toString(), start);
  reader.write('</mediawiki>', start + xml.length);
  reader.end();
  return reader.pages;
}

/** The numbers of a page that `scanPages` finds: its parts, each with its length, and what else is known. */
const TITLE = 0;
const NAMESPACE = 2;
const ID = 4;
const MODEL = 6;
const WIKITEXT = 8;
const REDIRECT_TITLE = 10;
const BYTES = 12;
const REVISION = 14;
const TIME = 16;
const HAS_REDIRECT = 18;
const DELETED = 19;
const END = 20;
const NUMBERS = 21;

/** The pages in valid UTF-8, which is overwritten; undefined, and nothing is changed, if the shape is not the usual. */
export function readQuickly(xml: Buffer, start: number, source: PageSource): Page[] | undefined {
  const numbers = addon<DumpAddon>().scanPages(xml);
  if (numbers === undefined) return undefined;
  const pages: Page[] = [];
  for (let at = 0; at < numbers.length; at += NUMBERS) {
    const place = () => `byte ${start + numbers[at + END]!} of the XML`;
    const draft = draftOf(xml, numbers.subarray(at, at + NUMBERS));
    const page = finishDraft(draft, source.namespaces, source.file, place);
    if (page) pages.push(page);
  }
  return pages;
}

function draftOf(xml: Buffer, numbers: Int32Array): Draft {
  const end = (part: number): number => numbers[part]! + numbers[part + 1]!;
  const isAbsent = (part: number): boolean => numbers[part + 1]! < 0;
  const text = (part: number): string | undefined =>
    isAbsent(part) ? undefined : xml.toString('utf8', numbers[part], end(part));
  const number = (part: number): number | undefined =>
    isAbsent(part) ? undefined : Number(xml.toString('latin1', numbers[part], end(part)));
  return {
    id: number(ID),
    title: text(TITLE) ?? '',
    namespace: number(NAMESPACE),
    redirect: text(REDIRECT_TITLE),
    hasRedirect: numbers[HAS_REDIRECT] === 1,
    model: text(MODEL) ?? WIKITEXT_MODEL,
    wikitext: isAbsent(WIKITEXT) ? undefined : xml.subarray(numbers[WIKITEXT], end(WIKITEXT)),
    revision: number(REVISION),
    time: text(TIME),
    textBytes: numbers[DELETED] === 1 ? 0 : (number(BYTES) ?? 0),
  };
}

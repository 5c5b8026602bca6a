// Question sets as they are published: JSON (an array, or one object a line), XML, tab-separated values, and Parquet on
// the Hugging Face Hub. All become records, plain objects of texts, numbers, lists and objects, each with the place where it stands in its file.
// The files are foreign bytes: whatever is wrong becomes one line that names file and line.
import { open } from 'node:fs/promises';
import { type SaxesAttributePlain, SaxesParser, type SaxesTagPlain } from 'saxes';
import { excerpt, LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import { parseJson } from '../../system/json.ts';
import { parquetRows } from './parquet.ts';

export type RecordFormat = 'json' | 'xml' | 'tsv' | 'parquet';

export interface SourceRecord {
  /** The question as it was read. */
  readonly doc: Readonly<Record<string, unknown>>;
  /** File and line, or file and number, for messages. */
  readonly where: string;
}

export interface ReadOptions {
  /** By the file's ending unless given. */
  readonly format?: RecordFormat | undefined;
  /** XML: the element that is a question. */
  readonly element?: string | undefined;
  /** TSV without a heading: the names of its columns. */
  readonly columns?: readonly string[] | undefined;
}

/** Question sets have a few megabytes. What is far beyond that is another file, and would not fit into a string. */
const largestFile = 256 * 2 ** 20;
/** Elements within elements; the sets have four levels. */
const deepestElement = 64;

/**
 * The records of a file, in its order.
 *
 * @throws LeiaError `io`; `format` (damaged, another format than expected, no record).
 */
export async function readRecords(
  path: string,
  options: ReadOptions = {},
): Promise<SourceRecord[]> {
  const format = options.format ?? formatOf(path);
  const bytes = await readBytes(path);
  const records = await parse(bytes, format, path, options);
  if (records.length === 0) throw new LeiaError('format', `${path} is empty, expected questions`);
  return records;
}

async function parse(
  bytes: Uint8Array,
  format: RecordFormat,
  path: string,
  { element, columns }: ReadOptions,
): Promise<SourceRecord[]> {
  if (format === 'parquet') return objectsIn(await parquetRows(bytes, path), path);
  const text = decode(bytes, path);
  if (format === 'xml') return parseXml(text, path, element);
  return format === 'tsv' ? parseTsv(text, path, columns) : parseJsonRecords(text, path);
}

function formatOf(path: string): RecordFormat {
  const ending = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase();
  if (ending === 'json' || ending === 'jsonl') return 'json';
  if (ending === 'xml' || ending === 'tsv' || ending === 'parquet') return ending;
  throw new LeiaError(
    'format',
    `${path}: expected a file that ends in .jsonl, .json, .xml, .tsv or .parquet, or a format in the task's data`,
  );
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > largestFile) {
      throw new LeiaError(
        'format',
        `${path} has ${size} bytes, expected a question set of at most ${largestFile}`,
      );
    }
    return await file.readFile();
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/** The text of UTF-8 bytes, without a byte-order mark. */
function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LeiaError('format', `${path} is not UTF-8 text`, { cause });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJsonRecords(text: string, path: string): SourceRecord[] {
  if (!text.trimStart().startsWith('[')) return parseJsonLines(text, path);
  return objectsIn(parseJson(text, path) as unknown[], path);
}

function objectsIn(list: readonly unknown[], path: string): SourceRecord[] {
  return list.map((doc, i) => {
    const where = `${path}: question ${i + 1}`;
    if (isObject(doc)) return { doc, where };
    throw new LeiaError('format', `${where} is no JSON object`);
  });
}

function parseJsonLines(text: string, path: string): SourceRecord[] {
  const records: SourceRecord[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const where = `${path}:${i + 1}`;
    const doc = parseJson(line, where);
    if (!isObject(doc)) throw new LeiaError('format', `${where} is no JSON object`);
    records.push({ doc, where });
  }
  return records;
}

/** Quotes mean nothing in these files, and a value contains neither tab nor line break. */
function parseTsv(text: string, path: string, columns?: readonly string[]): SourceRecord[] {
  const lines = text.split(/\r?\n/).map((line, i) => ({ line, where: `${path}:${i + 1}` }));
  const rows = lines.filter(({ line }) => line.trim() !== '');
  const heading = columns === undefined ? rows.shift() : undefined;
  const names = columns ?? heading?.line.split('\t') ?? [];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new LeiaError('format', `${path}: two columns are named '${excerpt(twice)}'`);
  }
  return rows.map(({ line, where }) => {
    const values = line.split('\t');
    if (values.length !== names.length) {
      throw new LeiaError(
        'format',
        `${where} has ${values.length} columns, expected ${names.length}: ${excerpt(names.join(', '))}`,
      );
    }
    return { doc: Object.fromEntries(names.map((name, i) => [name, values[i]])), where };
  });
}

type Attributes = Readonly<Record<string, string | SaxesAttributePlain>>;
type Element = { readonly name: string; readonly children: Record<string, unknown>; text: string };

/**
 * Every `element` of a document, an object of its children and, after `@`, its attributes. A child is its text, or an
 * object of its own children; children of one name are a list. Entities of a document's own are refused, so none can grow.
 */
function parseXml(text: string, path: string, element: string | undefined): SourceRecord[] {
  if (element === undefined) {
    throw new LeiaError('format', `${path}: an XML file needs data.element in its task`);
  }
  const records: SourceRecord[] = [];
  const open: Element[] = [];
  const refuse = (reason: string): never => {
    throw new LeiaError('format', `${path}:${parser.line}: ${excerpt(reason, 160)}`);
  };
  const parser = new SaxesParser();
  parser.on('error', ({ message }) => refuse(message.replace(/^\d+:\d+: /, '')));
  parser.on('doctype', () => refuse('a document type is declared, expected plain elements'));
  parser.on('opentag', ({ name, attributes }: SaxesTagPlain) => {
    if (open.length >= deepestElement) refuse(`elements are nested ${deepestElement} deep`);
    open.push({ name, children: name === element ? attributesOf(attributes) : empty(), text: '' });
  });
  const addText = (part: string) => {
    const parent = open.at(-1);
    if (parent !== undefined) parent.text += part;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => {
    const { name, children, text: own } = open.pop() as Element;
    const value = Object.keys(children).length === 0 ? own.trim() : children;
    if (name !== element) return addChild(open.at(-1)?.children, name, value);
    if (!isObject(value)) return refuse(`<${element}> has no content`);
    records.push({ doc: value, where: `${path}:${parser.line}` });
  });
  parser.write(text).close();
  return records;
}

/** Without a prototype, so that an element may have any name. */
function empty(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function attributesOf(attributes: Attributes): Record<string, unknown> {
  const children = empty();
  for (const [name, value] of Object.entries(attributes)) children[`@${name}`] = String(value);
  return children;
}

function addChild(children: Record<string, unknown> | undefined, name: string, value: unknown) {
  if (children === undefined) return;
  const there = children[name];
  if (Array.isArray(there)) there.push(value);
  else children[name] = there === undefined ? value : [there, value];
}

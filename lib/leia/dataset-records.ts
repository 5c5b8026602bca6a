// Articles as the files of a dataset hold them (see dataset-format.ts), encoded and decoded. The threads that
// make datasets load this file, so it imports nothing that would take megabytes in each of them.
import { addon } from '../core/addon.ts';
import { LeiaError } from '../system/error.ts';
import type { TokenEntity, TokenizedArticle } from './entity.ts';

export interface PassageAddon {
  /**
   * The bytes of `${JSON.stringify({ title, …more, text, anchors })}\n`; `more` is JSON without the braces. Four numbers a link: start, end, and the lengths
   * of target and name; instead of that of the name -1 for null, -2 for none. `strings`: all of these, joined.
   */
  passageLine(
    title: string,
    more: string,
    text: string,
    links: Int32Array,
    strings: string,
  ): Uint8Array;
}

/** Where a text comes from, for attribution; what is not known is left out. */
export interface PassageSource {
  /** Number of the page. */
  id?: number | undefined;
  /** Number of the page's version. */
  revision?: number | undefined;
  /** When the version was written, ISO 8601 in UTC. */
  time?: string | undefined;
  /** The page's address. */
  url?: string | undefined;
}

/** The same as members of an object in JSON, without its braces. */
export function membersOf({ id, revision, time, url }: PassageSource): string {
  return JSON.stringify({ id, revision, time, url }).slice(1, -1);
}

/** What an article's tokens were made of. Offsets are code points. */
export interface Passage extends PassageSource {
  title: string;
  text: string;
  /** Links, by the key that they have in the files. */
  anchors: PassageLink[];
}

/** A link of a passage, with its English name. */
export interface PassageLink {
  start: number;
  end: number;
  /** Title of the page that the link leads to. */
  target: string;
  /** That page's name in English; null if there is none or it is no entity's. */
  name: string | null;
}

/** The record of an article, as the file holds it. */
export function encodeArticle({ inputIds, entities }: TokenizedArticle): Int32Array {
  const names = entities.reduce((sum, { nameIds }) => sum + nameIds.length, 0);
  const record = new Int32Array(2 + inputIds.length + 3 * entities.length + names);
  record[0] = inputIds.length;
  record[1] = entities.length;
  record.set(inputIds, 2);
  let at = 2 + inputIds.length;
  for (const { start, end, nameIds } of entities) {
    record.set([start, end, nameIds.length], at);
    at += 3;
  }
  for (const { nameIds } of entities) {
    record.set(nameIds, at);
    at += nameIds.length;
  }
  return record;
}

/** Articles as the files of a shard hold them. */
export interface EncodedArticles {
  /** Records, one behind the other. */
  records: Int32Array;
  /** Lines of passages, one behind the other. */
  lines: Uint8Array;
  /** By article, where its record ends (in int32s) and its line (in bytes). */
  ends: Uint32Array;
  tokens: number;
  entities: number;
}

/** The line of a passage, `passages-….jsonl`. A link's name may be left out: then the line has none. */
export function encodePassage(
  title: string,
  text: string,
  links: readonly (Omit<PassageLink, 'name'> & Partial<PassageLink>)[],
  source: PassageSource = {},
): Uint8Array {
  const numbers = new Int32Array(4 * links.length);
  const strings: string[] = [];
  let at = 0;
  for (const { start, end, target, name } of links) {
    numbers[at++] = start;
    numbers[at++] = end;
    numbers[at++] = target.length;
    strings.push(target);
    if (typeof name === 'string') strings.push(name);
    numbers[at++] = name === undefined ? -2 : name === null ? -1 : name.length;
  }
  return addon<PassageAddon>().passageLine(
    title,
    membersOf(source),
    text,
    numbers,
    strings.join(''),
  );
}

/**
 * Encodes articles.
 *
 * @throws LeiaError `format` if an id is outside the vocabulary or entities overlap.
 */
export function encodeArticles(
  articles: readonly (Passage & TokenizedArticle)[],
  vocabSize: number,
): EncodedArticles {
  const ends = new Uint32Array(2 * articles.length);
  const records: Int32Array[] = [];
  const lines: Uint8Array[] = [];
  let [recordLength, lineLength, tokens, entities] = [0, 0, 0, 0];
  for (const [i, article] of articles.entries()) {
    const { title, text, anchors } = article;
    const record = encodeArticle(article);
    decodeArticle(record, vocabSize, `article "${title}"`);
    const line = encodePassage(title, text, anchors, article);
    records.push(record);
    lines.push(line);
    recordLength += record.length;
    lineLength += line.length;
    tokens += article.inputIds.length;
    entities += article.entities.length;
    ends.set([recordLength, lineLength], 2 * i);
  }
  const joined = new Int32Array(recordLength);
  const text = new Uint8Array(lineLength);
  for (const [i, record] of records.entries()) {
    joined.set(record, ends[2 * i]! - record.length);
    text.set(lines[i]!, ends[2 * i + 1]! - lines[i]!.length);
  }
  return { records: joined, lines: text, ends, tokens, entities };
}

/** Some of several articles, by their places in order. */
export function pickArticles(
  { records, lines, ends }: EncodedArticles,
  places: readonly number[],
): EncodedArticles {
  const picked = new Uint32Array(2 * places.length);
  const [recordParts, lineParts]: [Int32Array[], Uint8Array[]] = [[], []];
  let [recordLength, lineLength, tokens, entities] = [0, 0, 0, 0];
  for (const [i, place] of places.entries()) {
    const [record, line] = place === 0 ? [0, 0] : ends.subarray(2 * place - 2, 2 * place);
    const [recordEnd, lineEnd] = ends.subarray(2 * place, 2 * place + 2);
    recordParts.push(records.subarray(record, recordEnd));
    lineParts.push(lines.subarray(line, lineEnd));
    recordLength += recordEnd! - record!;
    lineLength += lineEnd! - line!;
    tokens += records[record!]!;
    entities += records[record! + 1]!;
    picked.set([recordLength, lineLength], 2 * i);
  }
  const result = new Int32Array(recordLength);
  for (const [i, part] of recordParts.entries()) result.set(part, picked[2 * i]! - part.length);
  return { records: result, lines: Buffer.concat(lineParts), ends: picked, tokens, entities };
}

/**
 * The article of a record. The result's arrays are views of it.
 *
 * @throws LeiaError `format` if the counts do not add up, an id is outside the vocabulary, or entities
 *   overlap or reach beyond the tokens; `where` names file and article.
 */
export function decodeArticle(
  record: Int32Array,
  vocabSize: number,
  where: string,
): TokenizedArticle {
  const damaged = (what: string): never => {
    throw new LeiaError('format', `${where}: ${what}; the file is damaged, prepare the data again`);
  };
  const [tokens = -1, count = -1] = record;
  const table = 2 + tokens;
  let at = table + 3 * count;
  if (tokens < 1 || count < 0 || at > record.length) damaged('the counts do not fit the record');
  const entities: TokenEntity[] = [];
  let previousEnd = 1; // BOS is part of no entity.
  for (let i = 0; i < count; i++) {
    const row = table + 3 * i;
    const start = record[row] as number;
    const end = record[row + 1] as number;
    const length = record[row + 2] as number;
    if (start < previousEnd || end <= start || end > tokens) {
      damaged(`entity ${i} has tokens [${start}, ${end}) of ${tokens}`);
    }
    if (length < 0 || at + length > record.length) damaged(`the name of entity ${i} is cut off`);
    entities.push({ start, end, nameIds: record.subarray(at, at + length) });
    at += length;
    previousEnd = end;
  }
  if (at !== record.length) damaged('the counts do not fit the record');
  const inputIds = record.subarray(2, table);
  for (const ids of [inputIds, record.subarray(table + 3 * count)]) {
    for (const id of ids) {
      if (id < 0 || id >= vocabSize) damaged(`token id ${id} is outside 0..${vocabSize - 1}`);
    }
  }
  return { inputIds, entities };
}

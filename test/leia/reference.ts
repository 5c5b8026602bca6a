/**
 * What the authors' own code made of a real dump (see test/fixtures/leia-reference/ORIGIN.md), read for
 * comparison.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const folder = join(import.meta.dirname, '../fixtures/leia-reference');

export interface ReferenceArticle {
  title: string;
  text: string;
  anchors: { start: number; end: number; title: string; wikidata_id: string | null }[];
}

export interface ReferenceTokens {
  title: string;
  input_ids: number[];
  entity_start_positions: number[];
  entity_end_positions: number[];
  alternative_entity_input_ids: number[][];
}

export interface ReferenceAugmented {
  index: number;
  draws: number[];
  inserted: boolean[];
  left: number[];
  right: number[];
  replace: number[];
  none: number[];
}

export interface ReferenceRow {
  strategy: 'right' | 'replace';
  row: number;
  input_ids: number[];
  labels: number[];
  labels_without_entity_names: number[];
}

export function readReference(name: 'articles'): ReferenceArticle[];
export function readReference(name: 'dataset'): ReferenceTokens[];
export function readReference(name: 'augmented'): ReferenceAugmented[];
export function readReference(name: 'packed'): ReferenceRow[];
export function readReference(name: string): unknown[] {
  return read(`${name}.jsonl.gz`)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/**
 * Item -> English title, as the original builds it: a title of several items belongs to the last, of
 * several titles of one item the last counts.
 */
export function readEnglishTitles(): Map<string, string> {
  const itemOf = new Map<string, string>();
  for (const line of read('english-wikidata-ids.tsv.gz').trimEnd().split('\n')) {
    const [title, item] = line.split('\t') as [string, string];
    itemOf.set(title, item);
  }
  return new Map([...itemOf].map(([title, item]) => [item, title]));
}

function read(name: string): string {
  return gunzipSync(readFileSync(join(folder, name))).toString('utf8');
}

// From a file's records to questions: the fields a task names are taken out and checked, so that whatever a question
// lacks shows before the model runs, as one line that says where.
import { excerpt, LeiaError } from '../../system/error.ts';
import type { TaskDefinition } from './definition.ts';
import type { SourceRecord } from './readers.ts';

/** A field's value: one text, a list where its path has `*` or there are several paths, undefined if it lacks. */
export type FieldValue = string | readonly string[] | undefined;

export interface Item {
  /** Its number in the file, from 0. */
  readonly index: number;
  readonly id: string;
  /** As it was read. */
  readonly doc: Readonly<Record<string, unknown>>;
  /** File and line, for messages. */
  readonly where: string;
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** Multiple choice; empty otherwise. */
  readonly choices: readonly string[];
  /** The number of the right choice; -1 for a generation task. */
  readonly answer: number;
  /** Generation: the right answer as one text; '' for multiple choice. */
  readonly target: string;
}

/**
 * The questions of some records.
 *
 * @throws LeiaError `format` naming the place: a field that is missing or no text, an answer that is no choice, two
 *   questions with one id.
 */
export function itemsOf(task: TaskDefinition, records: readonly SourceRecord[]): Item[] {
  const items = records.map((record, index) => itemOf(task, record, index));
  const seen = new Map<string, Item>();
  for (const item of items) {
    const other = seen.get(item.id);
    if (other !== undefined) {
      refuse(item, `the id '${excerpt(item.id)}' was there before, at ${other.where}`);
    }
    seen.set(item.id, item);
  }
  return items;
}

function itemOf(task: TaskDefinition, record: SourceRecord, index: number): Item {
  const { doc, where } = record;
  const entries = Object.entries(task.fields).map(([name, paths]) => {
    return [name, firstOf(fieldValue(record, name, paths), task.firstChoices)] as const;
  });
  const fields: Record<string, FieldValue> = Object.fromEntries(entries);
  const lacking = entries
    .filter(([name, value]) => isMissing(value) && name !== 'id' && !task.optional.includes(name))
    .map(([name]) => `${name} (${[task.fields[name]].flat().join(', ')})`);
  if (lacking.length > 0) refuse(record, `there is no ${lacking.join(', no ')}`);
  const id = typeof fields.id === 'string' ? fields.id : String(index);
  const item = { index, id, doc, where, fields, choices: [], answer: -1, target: '' };
  if (task.choice === undefined) {
    return { ...item, target: [fields.answers ?? []].flat().join(task.joinAnswers) };
  }
  const choices = [fields.choices ?? []].flat();
  if (choices.length < 2) refuse(record, `there is ${choices.length} choice, expected 2 or more`);
  return { ...item, choices, answer: answerOf(task, record, fields, choices) };
}

/** A list's first entries, all unless `count` is given: what stands beside choices has one entry for each. */
function firstOf(value: FieldValue, count: number | undefined): FieldValue {
  return Array.isArray(value) ? value.slice(0, count) : value;
}

function isMissing(value: FieldValue): boolean {
  return value === undefined || value.length === 0;
}

/** @throws LeiaError `format` for an object, or for an empty text in a list. */
function fieldValue(
  record: SourceRecord,
  name: string,
  paths: string | readonly string[],
): FieldValue {
  const all = [paths].flat().map((path) => ({ path, values: select(record.doc, path) }));
  const texts = all.flatMap(({ path, values }) => {
    return values.map((value) => {
      if (typeof value === 'string') return value;
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      return refuse(record, `${name} (${path}) is ${describe(value)}, expected a text`);
    });
  });
  const isList = Array.isArray(paths) || all.some(({ path }) => path.includes('*'));
  if (!isList) return texts[0];
  const lacking = all.find(({ values }) => values.length === 0);
  if (lacking !== undefined && texts.length > 0) {
    refuse(record, `there is no ${name} (${lacking.path})`);
  }
  if (texts.some((text) => text === '')) refuse(record, `one of ${name} is empty`);
  return texts;
}

function describe(value: unknown): string {
  return Array.isArray(value) ? 'a list' : 'an object';
}

/** The values at a path. A value where a list is expected is a list of one; null counts as nothing. */
export function select(doc: unknown, path: string): unknown[] {
  let values = [doc];
  for (const key of path.split('.')) {
    values = values.flatMap((value) => {
      if (key === '*') return Array.isArray(value) ? value : [value];
      const isPlain = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
      return isPlain ? [(value as Record<string, unknown>)[key]] : [];
    });
  }
  return values.filter((value) => value !== undefined && value !== null);
}

function answerOf(
  task: TaskDefinition,
  record: SourceRecord,
  fields: Readonly<Record<string, FieldValue>>,
  choices: readonly string[],
): number {
  const { index, label, text } = task.answer ?? {};
  const given = (path: string | undefined): string | undefined => {
    const [value] = path === undefined ? [] : select(record.doc, path);
    return value === undefined ? undefined : String(value);
  };
  const [byIndex, byLabel, byText] = [given(index), given(label), given(text)];
  const labels = [fields.labels ?? []].flat();
  if (byIndex !== undefined) {
    const expected = `an integer from 0 to ${choices.length - 1}`;
    return checkAnswer(
      record,
      byIndex,
      /^\d+$/.test(byIndex) ? Number(byIndex) : -1,
      choices,
      expected,
    );
  }
  if (byLabel !== undefined) {
    const expected = `one of ${labels.join(', ')}`;
    return checkAnswer(record, byLabel, labels.indexOf(byLabel), choices, expected);
  }
  if (byText !== undefined) {
    const expected = `one of ${choices.join(', ')}`;
    return checkAnswer(record, byText, choices.indexOf(byText), choices, expected);
  }
  const paths = [index, label, text].filter((path) => path !== undefined);
  return refuse(record, `there is no answer (${paths.join(' or ')}); is this the set's test part?`);
}

function checkAnswer(
  record: SourceRecord,
  given: string,
  answer: number,
  choices: readonly string[],
  expected: string,
): number {
  if (answer >= 0 && answer < choices.length) return answer;
  return refuse(
    record,
    `the answer '${excerpt(given)}' is no choice, expected ${excerpt(expected)}`,
  );
}

function refuse({ where }: { readonly where: string }, what: string): never {
  throw new LeiaError('format', `${where}: ${what}`);
}

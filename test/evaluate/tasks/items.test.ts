import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expand, parseTask, type TaskDefinition } from '../../../lib/evaluate/tasks/definition.ts';
import { itemsOf, select } from '../../../lib/evaluate/tasks/items.ts';
import { expectError } from '../../llama/fixtures.ts';
import { builtin, sets } from './support.ts';

function taskOf(changes: object): TaskDefinition {
  const task = {
    task: 't',
    data: { files: 'x.jsonl' },
    fields: { id: 'id', question: 'q', choices: 'c.*.text', labels: 'c.*.label' },
    answer: { label: 'key' },
    prompt: '{question}',
    choice: '{choice}',
  };
  return expand(parseTask({ ...task, ...changes }), false)[0]!;
}

const choices = [
  { label: 'A', text: 'yes' },
  { label: 'B', text: 'no' },
];
const good = { id: 'one', q: 'really?', c: choices, key: 'B' };

const records = (...docs: object[]) =>
  docs.map((doc, i) => ({ doc: doc as Record<string, unknown>, where: `x.jsonl:${i + 1}` }));

test('takes fields, choices and the answer', () => {
  const [item] = itemsOf(taskOf({}), records(good));
  expect(item).toMatchObject({ index: 0, id: 'one', choices: ['yes', 'no'], answer: 1 });
  expect(item!.fields.question).toBe('really?');
});

const wrong: [name: string, doc: object, text: string][] = [
  ['a field is missing', { ...good, q: undefined }, 'x.jsonl:2: there is no question (q)'],
  ['a field is null', { ...good, q: null }, 'there is no question (q)'],
  ['a field is empty', { ...good, q: '' }, 'there is no question (q)'],
  ['several are missing', { key: 'A' }, 'no choices (c.*.text), no labels (c.*.label)'],
  ['a field is an object', { ...good, q: { a: 1 } }, 'question (q) is an object, expected a text'],
  ['a field is a list', { ...good, q: ['a'] }, 'question (q) is a list, expected a text'],
  [
    'a choice is empty',
    { ...good, c: [choices[0], { label: 'B', text: '' }] },
    'one of choices is empty',
  ],
  ['there is one choice', { ...good, c: [choices[0]], key: 'A' }, 'expected 2 or more'],
  [
    'the answer is no choice',
    { ...good, key: 'C' },
    "the answer 'C' is no choice, expected one of A, B",
  ],
  ['there is no answer', { ...good, key: undefined }, 'there is no answer (key)'],
  ['an id comes twice', { ...good, id: 'first' }, "the id 'first' was there before, at x.jsonl:1"],
];

test.each(wrong)('says in one line that %s', async (_, doc, text) => {
  const first = { ...good, id: 'first' };
  await expectError(() => itemsOf(taskOf({}), records(first, doc)), 'format', text);
});

test('an answer can be a number or a text', async () => {
  const byIndex = taskOf({ answer: { index: 'key', text: 'right' } });
  const answer = (doc: object) => itemsOf(byIndex, records(doc))[0]!.answer;
  expect(answer({ ...good, key: 1 })).toBe(1);
  expect(answer({ ...good, key: '0' })).toBe(0);
  expect(answer({ ...good, key: undefined, right: 'no' })).toBe(1);
  for (const key of [2, -1, 0.5, 'B', true]) {
    await expectError(() => answer({ ...good, key }), 'format', 'expected an integer from 0 to 1');
  }
  const unknown = { ...good, key: undefined, right: 'maybe' };
  await expectError(() => answer(unknown), 'format', 'expected one of yes, no');
});

test('paths go through lists, and a value counts as a list of one', () => {
  expect(select({ a: { b: [{ c: 1 }, { c: 2 }, {}] } }, 'a.b.*.c')).toEqual([1, 2]);
  expect(select({ a: { b: { c: 1 } } }, 'a.b.*.c')).toEqual([1]);
  expect(select({ a: 'text' }, 'a.length')).toEqual([]);
  expect(select({}, 'constructor.name')).toEqual([]);
  expect(select({ a: null }, 'a')).toEqual([]);
});

test('of the first choices alone, what stands beside them is taken too', async () => {
  const fields = { choices: 'c.*', passages: 'p.*' };
  const task = taskOf({ fields, answer: { text: 'key' }, prompt: '{passages}', firstChoices: 2 });
  const doc = { c: ['a', 'b', 'c'], p: ['of a', 'of b', 'of c'], key: 'b' };
  const [item] = itemsOf(task, records(doc));
  expect(item).toMatchObject({ choices: ['a', 'b'], answer: 1 });
  expect(item!.fields.passages).toEqual(['of a', 'of b']);
  const beyond = records({ ...doc, key: 'c' });
  await expectError(
    () => itemsOf(task, beyond),
    'format',
    "'c' is no choice, expected one of a, b",
  );
});

test('a question with several answers has them as one text', () => {
  const task = taskOf({
    ...{ choice: undefined, answer: undefined, generate: { maxTokens: 5 } },
    fields: { question: 'q', answers: 'a.*' },
  });
  const targets = itemsOf(task, records({ q: 'x', a: ['b', 'c'] }, { q: 'y', a: 'd' }));
  expect(targets.map(({ id, target }) => [id, target])).toEqual([
    ['0', 'b,c'],
    ['1', 'd'],
  ]);
});

test('the test part of X-CSQA is refused, as it has no answers', async () => {
  const file = join(sets, 'X-CSQA', 'jap', 'test.jsonl');
  await expectError(
    () => builtin('xcsqa_ja', { data: file, numFewShot: 0 }),
    'format',
    'test part',
  );
});

test('JAQKET without candidates is refused, and without passages is asked without them', async () => {
  const file = join(sets, 'jaqket', 'aio_02_dev.tsv');
  await expectError(
    () => builtin('jaqket', { data: file, numFewShot: 0 }),
    'format',
    'no choices (answer_candidates.*)',
  );
  const task = await builtin('jaqket');
  expect(task.items.map(({ fields }) => fields.passages?.length)).toEqual([5, 0, 5]);
});

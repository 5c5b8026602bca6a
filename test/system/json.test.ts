// What is wrong with JSON from outside, in one line that a person can act on.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { LeiaError } from '../../lib/system/error.ts';
import { parseChecked } from '../../lib/system/json.ts';

const schema = z.strictObject({ list: z.array(z.strictObject({ count: z.int() })) });
const right = '{"list": [{"count": 1}, {"count": 2}]}';

function refusal(text: string): LeiaError {
  try {
    parseChecked(schema, text, 'data.json', 'a list of counts');
  } catch (error) {
    expect(error).toBeInstanceOf(LeiaError);
    return error as LeiaError;
  }
  throw new Error(`${text} was taken`);
}

test('what is right is given back', () => {
  expect(parseChecked(schema, right, 'data.json')).toEqual({ list: [{ count: 1 }, { count: 2 }] });
});

test.each([
  ['', /^data\.json is not JSON: .+; expected a list of counts$/],
  ['{"list": [{"count": 2.5}]}', /^data\.json: list\.0\.count: .+; expected a list of counts$/],
  ['{"list": [{}]}', /^data\.json: list\.0\.count is missing, expected number; expected a list/],
  ['{}', /^data\.json: list is missing, expected array; expected a list of counts$/],
  ['[]', /^data\.json: the whole: .+; expected a list of counts$/],
  ['{"list": [], "other": 1}', /^data\.json: the whole: .*other.*; expected a list of counts$/],
])('%j is one line that names the place', (text, message) => {
  const error = refusal(text);
  expect(error.code).toBe('format');
  expect(error.message).toMatch(message);
});

test('every beginning of it is an error', () => {
  for (let length = 0; length < right.length; length++) {
    expect(refusal(right.slice(0, length)).code).toBe('format');
  }
});

test('foreign text is shortened and controls no terminal', () => {
  const hostile = [
    `{"list": [], ${JSON.stringify('\u001b[2J\n'.repeat(1000))}: 1}`,
    `\u001b[2J\n${'x'.repeat(100_000)}`,
  ];
  for (const text of hostile) {
    const { message } = refusal(text);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(message.length).toBeLessThan(400);
  }
});

test('nobody writes these lines once more', () => {
  const root = resolve(import.meta.dirname, '../../lib');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
  const others = files.filter(
    (name) =>
      name.endsWith('.ts') && name !== 'system/json.ts' && / is not JSON: /.test(read(name)),
  );
  function read(name: string): string {
    return readFileSync(join(root, name), 'utf8');
  }
  expect(others).toEqual([]);
});

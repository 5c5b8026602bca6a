import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ReadOptions, readRecords } from '../../../lib/evaluate/tasks/readers.ts';
import { LeiaError } from '../../../lib/system/error.ts';
import { expectError, temporaryFolder } from '../../llama/fixtures.ts';
import { sets } from './support.ts';

async function read(name: string, content: string | Uint8Array, options?: ReadOptions) {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return await readRecords(path, options);
}

async function docs(name: string, content: string | Uint8Array, options?: ReadOptions) {
  return (await read(name, content, options)).map(({ doc }) => JSON.parse(JSON.stringify(doc)));
}

test('JSON Lines, whatever ends a line, with and without a byte-order mark', async () => {
  const expected = [{ a: 1 }, { a: '二' }];
  for (const text of [
    '{"a":1}\n{"a":"二"}',
    '{"a":1}\r\n\r\n{"a":"二"}\r\n',
    '\ufeff{"a":1}\n{"a":"二"}\n',
  ]) {
    expect(await docs('x.jsonl', text)).toEqual(expected);
    expect(await docs('x.json', text)).toEqual(expected);
  }
  expect(await docs('x.json', ' [{"a":1},\n {"a":"二"}]')).toEqual(expected);
  const [, second] = await read('x.jsonl', '{"a":1}\n\n{"a":2}');
  expect(second!.where).toMatch(/x\.jsonl:3$/);
});

test('tab-separated values, where quotes mean nothing', async () => {
  const text = 'id\ttext\r\n1\t"a\r\n2\tb "c" d\r\n';
  expect(await docs('x.tsv', text)).toEqual([
    { id: '1', text: '"a' },
    { id: '2', text: 'b "c" d' },
  ]);
  expect(await docs('x.tsv', 'o\tyes\no\t\n', { columns: ['k', 'v'] })).toEqual([
    { k: 'o', v: 'yes' },
    { k: 'o', v: '' },
  ]);
});

test('XML: children by name, several as a list, attributes after @', async () => {
  const text =
    '<?xml version="1.0"?><qs><q id="7"><text>a &amp; b &#x4e8c;</text><answers><answer>1</answer><answer><![CDATA[<2>]]></answer></answers><A.3/></q><q id="8"><text>c</text><__proto__>d</__proto__></q></qs>';
  const [first, second] = await read('x.xml', text, { element: 'q' });
  expect(first!.doc).toEqual({
    '@id': '7',
    text: 'a & b 二',
    answers: { answer: ['1', '<2>'] },
    'A.3': '',
  });
  expect(Object.keys(second!.doc)).toEqual(['@id', 'text', '__proto__']);
  expect(({} as Record<string, unknown>).d).toBeUndefined();
});

const bomb = `<?xml version="1.0"?><!DOCTYPE q [<!ENTITY a "${'x'.repeat(100)}">${Array.from(
  { length: 20 },
  (_, i) => `<!ENTITY a${i} "${'&a;'.repeat(10)}">`,
).join('')}]><qs><q><t>&a19;</t></q></qs>`;

const damaged: [name: string, file: string, content: string | Uint8Array, text: string][] = [
  ['an empty file', 'x.jsonl', '', 'is empty'],
  ['blank lines only', 'x.jsonl', '\n \r\n', 'is empty'],
  ['an empty array', 'x.json', '[]', 'is empty'],
  ['a heading only', 'x.tsv', 'a\tb\n', 'is empty'],
  ['XML without the element', 'x.xml', '<qs><p>1</p></qs>', 'is empty'],
  ['a truncated line', 'x.jsonl', '{"a":1}\n{"a":', 'x.jsonl:2 is not JSON'],
  ['a truncated array', 'x.json', '[{"a":1},', 'is not JSON'],
  ['a number', 'x.jsonl', '{"a":1}\n7', 'x.jsonl:2 is no JSON object'],
  ['a list in an array', 'x.json', '[{"a":1}, []]', 'question 2 is no JSON object'],
  ['null in an array', 'x.json', '[null]', 'question 1 is no JSON object'],
  ['other bytes than UTF-8', 'x.jsonl', Uint8Array.of(0x7b, 0xff, 0xfe), 'is not UTF-8'],
  ['UTF-16', 'x.tsv', Buffer.from('\ufeffa\tb\n', 'utf16le'), 'is not UTF-8'],
  ['a column too many', 'x.tsv', 'a\tb\n1\t2\n1\t2\t3', 'x.tsv:3 has 3 columns, expected 2'],
  ['a column too few', 'x.tsv', 'a\tb\n1', 'x.tsv:2 has 1 columns, expected 2'],
  ['two columns of one name', 'x.tsv', 'a\ta\n1\t2', "two columns are named 'a'"],
  ['an unclosed element', 'x.xml', '<qs><q><t>1</t>', 'unclosed tag'],
  ['a wrong end', 'x.xml', '<qs><q><t>1</q></t></qs>', 'x.xml:1'],
  ['an unknown entity', 'x.xml', '<qs><q><t>&bad;</t></q></qs>', 'undefined entity'],
  ['entities that grow', 'x.xml', bomb, 'a document type is declared'],
  ['deep elements', 'x.xml', '<q>'.repeat(1e5), 'nested 64 deep'],
  ['a question without content', 'x.xml', '<qs><q>text</q></qs>', 'has no content'],
  ['text after the end', 'x.xml', '<qs><q><t>1</t></q></qs>x', 'x.xml:1'],
  ['deep JSON', 'x.jsonl', `{"a":${'['.repeat(1e5)}`, 'is not JSON'],
  ['another ending', 'x.csv', 'a,b', 'ends in .jsonl, .json, .xml, .tsv or .parquet'],
  ['a cut Parquet file', 'x.parquet', 'PAR1', 'is no Parquet file'],
];

test.each(damaged)('refuses %s in one line', async (_, file, content, text) => {
  await expectError(() => read(file, content, { element: 'q' }), 'format', text);
});

test('a file that is not there, a folder, and XML without an element', async () => {
  await expectError(() => readRecords('/nowhere/x.jsonl'), 'io', 'no such file');
  const folder = await temporaryFolder();
  await expectError(() => readRecords(folder, { format: 'json' }), 'io', folder);
  await expectError(() => read('x.xml', '<a/>'), 'format', 'needs data.element');
});

test('control characters and long values of a file do not reach a message', async () => {
  const line = `{"a": ${'\u001b[31m'.repeat(1000)}}`;
  const error = await read('x.jsonl', line).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(LeiaError);
  expect((error as LeiaError).message).not.toContain('\u001b');
  expect((error as LeiaError).message.length).toBeLessThan(600);
});

test('a line of ten million characters is read', async () => {
  const [doc] = await docs('x.jsonl', JSON.stringify({ a: 'x'.repeat(1e7) }));
  expect(doc.a).toHaveLength(1e7);
});

const files: [path: string, options: ReadOptions][] = [
  ['X-CSQA/jap/dev.jsonl', {}],
  ['jemhopqa/dev_ver1.1.json', {}],
  ['niilc/NIILC-ECQA2015_test.xml', { element: 'question' }],
  ['jaqket/aio_02_dev.tsv', {}],
  ['X-CODAH-ja/validation-00000-of-00001.parquet', {}],
];

test.each(files)('%s, damaged anywhere, is read or refused', async (path, options) => {
  const content = await readFile(join(sets, path));
  const folder = await temporaryFolder();
  const file = join(folder, path.split('/').at(-1)!);
  const damage = fc.record({
    at: fc.nat(content.length - 1),
    byte: fc.nat(255),
    length: fc.nat(content.length),
    cuts: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, byte, length, cuts }) => {
      const bytes = Uint8Array.from(content);
      bytes[at] = byte;
      await writeFile(file, cuts ? bytes.subarray(0, length) : bytes);
      try {
        expect((await readRecords(file, options)).length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(LeiaError);
        expect((error as LeiaError).code).toBe('format');
        expect((error as LeiaError).message).not.toContain('\n');
      }
    }),
    { numRuns: 60 },
  );
});

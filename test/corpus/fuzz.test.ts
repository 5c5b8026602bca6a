// A few seconds of what `npm run fuzz` does for minutes, always the same cases; and what it has found.
import { expect, test } from 'vitest';
import { readDump } from '../../lib/corpus/dump/dump.ts';
import { Dice, mutateText } from '../../scripts/fuzz/mutate.ts';
import { readers } from '../../scripts/fuzz/readers.ts';
import { extract, marked, wiki } from './wikitext/wiki.ts';

const cases = 60;

test.each(Object.keys(readers))(`${cases} cases of %s`, async (name) => {
  const reader = await readers[name]!();
  for (let number = 0; number < cases; number++) {
    const input = reader.make(new Dice(1, number));
    try {
      await reader.check(input);
    } catch (error) {
      throw new Error(`npm run fuzz -- ${name} --seed 1 --case ${number}`, { cause: error });
    }
  }
});

test('a case is decided by seed and number', () => {
  const make = (seed: number, number: number): string =>
    mutateText(new Dice(seed, number), ['some text', 'other words'], ['<', '>']);
  expect(make(3, 7)).toBe(make(3, 7));
  const different = new Set(Array.from({ length: 50 }, (_, i) => make(3, i)));
  expect(different.size).toBeGreaterThan(40);
});

test('the checks see what is wrong', async () => {
  const { check } = await readers.xml!();
  await check(Buffer.from('<mediawiki><page></page></mediawiki>'));
  const { check: checkTable } = await readers.titles!();
  await checkTable(Buffer.from('no tab'));
  // An error that is none of ours is a failure.
  await expect(checkTable(null as unknown as Uint8Array)).rejects.toThrow(TypeError);
});

test('found: characters of more than one unit before and in links', () => {
  expect(marked(extract('𝄞 [[s|b]] \ufffd[[c]]'))).toBe('𝄞 <S:b> \ufffd<C:c>');
  expect(marked(extract('\ufffd [[s|😀]]'))).toBe('\ufffd <S:😀>');
});

test('found: many apostrophes in the target of a link', () => {
  const text = `[[${"'".repeat(200_000)}x]] b`;
  expect(extract(text, {}, wiki('zh')).anchors).toEqual([]);
});

test('found: other blanks around a broken heading', () => {
  expect(marked(extract('===\fa===\u3000h\n==\u3000[[b]] ==\nc'))).toBe('a.\nh\n<B:b>.\nc');
});

test('found: many ends of pages after a comment', async () => {
  const { check } = await readers.xml!();
  await check(Buffer.from(`<mediawiki><!-- --><page>${'</page>'.repeat(100_000)}</mediawiki>`));
});

test('found: numbers below zero', async () => {
  const siteinfo = '<siteinfo><namespaces></namespaces></siteinfo>';
  const read = async (id: number, revision: number) => {
    const page = `<page><title>A</title><id>${id}</id><revision><id>${revision}</id><text>a</text></revision></page>`;
    const xml = `<mediawiki xml:lang="pt">${siteinfo}${page}</mediawiki>`;
    const bytes = (async function* () {
      yield Buffer.from(xml);
    })();
    const pages = [];
    for await (const one of (await readDump(bytes, 'input')).pages()) pages.push(one);
    return pages.map((one) => [one.id, one.revision]);
  };
  expect(await read(1, 5)).toEqual([[1, 5]]);
  expect(await read(1, -5)).toEqual([[1, undefined]]);
  await expect(read(-1, 5)).rejects.toThrow('has no id');
});

test('found: a line break in the title that an error names', async () => {
  const { check } = await readers.xml!();
  const siteinfo = '<siteinfo><namespaces></namespaces></siteinfo>';
  const page = '<page><title>A&#10;\u009bB</title><id>1</id></page>';
  await check(Buffer.from(`<mediawiki xml:lang="pt">${siteinfo}${page}</mediawiki>`));
});

test('found: a property of a page whose number is none', async () => {
  const { check } = await readers['page-props']!();
  for (const page of ['1e999', '-1', '0', '1.5', '9007199254740993', 'NULL', "'1'"]) {
    await check(
      Buffer.from(`INSERT INTO \`page_props\` VALUES (${page},'disambiguation','',NULL);\n`),
    );
  }
});

// The compact tables of titles against Maps of strings, and redirects against following them one by one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StringTable, StringTableBuilder } from '../../../lib/corpus/names/string-table.ts';
import { TitleIndex, TitleIndexBuilder } from '../../../lib/corpus/names/title-index.ts';
import { followRedirects } from '../../../scripts/follow-redirects.ts';

const text = fc.string({ unit: fc.constantFrom(...'aé東𝄞 :#Z'), maxLength: 6 });

test('strings keep their numbers, whatever they are', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(text, fc.string({ unit: 'binary' }))), (strings) => {
      const builder = new StringTableBuilder();
      const numbers = new Map(strings.map((one) => [one, builder.intern(one)]));
      expect(builder.size).toBe(numbers.size);
      const table = new StringTable(structuredClone(builder.share()));
      for (const [one, number] of numbers) {
        expect(builder.intern(one)).toBe(number);
        expect(table.find(one)).toBe(number);
        expect(table.get(number)).toBe(one);
        expect(table.find(`${one}?`)).toBe(numbers.get(`${one}?`) ?? -1);
      }
    }),
    { numRuns: 120 },
  );
});

test('many strings, over all blocks', () => {
  const builder = new StringTableBuilder();
  const title = (i: number) => `Página número ${i} ${'x'.repeat(i % 50)}`;
  const count = 150_000;
  for (let i = 0; i < count; i++) builder.intern(title(i));
  const { blocks } = builder.share();
  expect(blocks.length).toBeGreaterThan(1);
  const table = new StringTable(builder.share());
  for (let i = 0; i < count; i += 7) {
    expect(table.find(title(i))).toBe(i);
    expect(table.get(i)).toBe(title(i));
  }
  expect(table.find(title(count))).toBe(-1);
  // Longer than any title: not kept, and nothing breaks.
  expect(builder.intern('x'.repeat(70_000))).toBe(-1);
  expect(table.find('x'.repeat(70_000))).toBe(-1);
});

describe('where links lead', () => {
  const letter = fc.constantFrom(...'ABCDEFGH');

  test('is what following redirects one by one gives', () => {
    const pairs = fc.array(fc.tuple(letter, letter), { maxLength: 12 });
    const named = fc.array(fc.tuple(letter, text), { maxLength: 6 });
    fc.assert(
      fc.property(pairs, named, named, (redirects, byTitle, byPage) => {
        const builder = new TitleIndexBuilder();
        const names = new Map<string, string>();
        for (const [from, to] of redirects) builder.redirect(from, to);
        for (const [i, [title]] of byPage.entries()) builder.page(2 ** (i * 8), title);
        for (const [title, name] of byTitle) {
          builder.names.set(title, name);
          names.set(title, name);
        }
        for (const [i, [title, name]] of byPage.entries()) {
          builder.pageNames.set(2 ** (i * 8), name);
          names.set(title, name);
        }
        builder.pageNames.set(3, 'no such page');
        builder.pageNames.set(-1, 'no such page');
        const table = new Map(redirects);
        expect(builder.redirects).toBe(table.size);
        expect(builder.names.size).toBe(names.size);
        const index = new TitleIndex(structuredClone(builder.share()));
        for (const title of 'ABCDEFGHI') {
          const end = followRedirects(title, table);
          expect(index.resolve(title)).toEqual({ title: end, name: names.get(end) });
        }
      }),
      { numRuns: 120 },
    );
  });

  test('long chains take no time to speak of', () => {
    const builder = new TitleIndexBuilder();
    for (let i = 0; i < 100_000; i++) builder.redirect(`P${i}`, `P${i + 1}`);
    const index = new TitleIndex(builder.share());
    expect(index.resolve('P0').title).toBe('P100000');
    builder.redirect('P100000', 'P50000');
    expect(new TitleIndex(builder.share()).resolve('P0').title).toBe('P0');
  });
});

// A passage's line is the JSON that JavaScript would write, byte for byte, whatever its strings hold.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addon } from '../../lib/core/addon.ts';
import {
  encodePassage,
  type PassageAddon,
  type PassageLink,
} from '../../lib/leia/dataset-records.ts';

type Source = Parameters<typeof encodePassage>[3];
const written = (title: string, text: string, anchors: PassageLink[], source?: Source): string =>
  Buffer.from(encodePassage(title, text, anchors, source)).toString();
const expected = (title: string, text: string, anchors: PassageLink[], source?: Source): string =>
  `${JSON.stringify({ title, ...source, text, anchors })}\n`;

test('every unit of UTF-16, alone and among others', () => {
  for (let first = 0; first < 0x10000; first += 64) {
    const units = Array.from({ length: 64 }, (_, i) => String.fromCharCode(first + i));
    const text = `${units.join('a')}\u{1f600}${units.join('')}`;
    expect(written('', text, [])).toBe(expected('', text, []));
  }
});

test('pairs and halves of surrogates', () => {
  const text = '\u{10000}\u{10ffff}\ud800\ud800\udc00\udc00\ud83d"\udfff';
  expect(written(text, text, [])).toBe(expected(text, text, []));
});

test('strings of all kinds, and links with a name, null and none', () => {
  const string = fc.string({ unit: 'binary', maxLength: 20 });
  const number = fc.oneof(fc.nat(), fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1));
  const link = fc.record(
    { start: number, end: number, target: string, name: fc.option(string) },
    { requiredKeys: ['start', 'end', 'target'] },
  ) as fc.Arbitrary<PassageLink>;
  const source = fc.record(
    { id: fc.nat(), revision: fc.nat(), time: string, url: fc.webUrl() },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(string, string, fc.array(link), source, (title, text, anchors, from) => {
      expect(written(title, text, anchors, from)).toBe(expected(title, text, anchors, from));
    }),
  );
});

test('long texts, one after the other', () => {
  for (const length of [1e6, 10, 6e6, 100]) {
    const text = 'α "β"\n東'.repeat(length / 8);
    expect(written('a', text, []) === expected('a', text, [])).toBe(true);
  }
});

describe('wrong arguments are refused', () => {
  const { passageLine } = addon<PassageAddon>();
  const call = passageLine as (...args: unknown[]) => unknown;
  test.each([
    [[1, '', '', new Int32Array(0), ''], 'the title'],
    [['', 1, '', new Int32Array(0), ''], 'the further members'],
    [['', '', undefined, new Int32Array(0), ''], 'the text'],
    [['', '', '', [1, 2, 3, 4], ''], 'an Int32Array'],
    [['', '', '', new Int32Array(0), null], 'the strings'],
    [['', '', '', Int32Array.of(0, 1, 2, -2), 'a'], 'the lengths'],
    [['', '', '', Int32Array.of(0, 1, -1, -2), 'a'], 'the lengths'],
    [['', '', '', Int32Array.of(0, 1, 1, 1), 'a'], 'the lengths'],
    [['', '', '', Int32Array.of(0, 1, 1, -3), 'a'], 'the lengths'],
  ])('%j', (args, message) => {
    expect(() => call(...args)).toThrow(message);
  });
});

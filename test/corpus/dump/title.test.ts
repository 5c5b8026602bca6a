// What page a link names: every way to write a title gives the title that the wiki stores.
import { describe, expect, test } from 'vitest';
import { capitalise, normaliseTitle } from '../../../lib/corpus/dump/title.ts';

const first = { caseRule: 'first-letter', language: 'de' } as const;

describe('one title', () => {
  test.each([
    'Freie Stadt',
    'freie Stadt',
    'Freie_Stadt',
    '_Freie__ _Stadt_',
    '  Freie\tStadt ',
    'Freie\u00a0Stadt',
    'Freie\u3000Stadt',
    'Freie&nbsp;Stadt',
    'Freie&#32;Stadt',
    'Freie%20Stadt',
    'freie%5FStadt',
    ':Freie Stadt',
    '\u200eFreie Stadt\u200f',
    '\u202bFreie Stadt\u202c',
  ])('%j', (title) => expect(normaliseTitle(title, first)).toBe('Freie Stadt'));
});

test.each([
  ['AT&amp;T', 'AT&T'],
  ['AT&T', 'AT&T'],
  ['K&ouml;ln', 'Köln'],
  ['K%C3%B6ln', 'Köln'],
  ['Ko\u0308ln', 'Köln'],
  ['100%', '100%'],
  ['50%25', '50%'],
  ['%zz', '%zz'],
  ['%ff', '%ff'],
  ['C%2B%2B', 'C++'],
  ['a#b_c', 'A#b c'],
  ['.net', '.net'],
  ['éa', 'Éa'],
  ['ßa', 'ßa'],
  ['ŉa', 'ŉa'],
  ['яблоко', 'Яблоко'],
  ['ელვა', 'ელვა'],
  ['ա', 'Ա'],
  ['αβγ', 'Αβγ'],
  ['مصر', 'مصر'],
  ['𐐨x', '𐐀x'],
  ['😀', '😀'],
  ['ⅷ', 'Ⅷ'],
  ['', ''],
  [':', ''],
  ['_', ''],
])('%j is %j', (title, expected) => expect(normaliseTitle(title, first)).toBe(expected));

test('a wiki where the first letter counts', () => {
  const wiki = { caseRule: 'case-sensitive', language: 'de' } as const;
  expect(normaliseTitle('berlin_mitte', wiki)).toBe('berlin mitte');
  expect(normaliseTitle('Berlin', wiki)).toBe('Berlin');
});

test.each([
  ['tr', 'İstanbul'],
  ['az', 'İstanbul'],
  ['de', 'Istanbul'],
])('the small i in %s', (language, expected) => {
  expect(capitalise('istanbul', language)).toBe(expected);
});

test('normalising twice changes nothing', () => {
  for (const title of ['a_b', '%41', 'é', '_a', 'ß', 'ი', 'a&amp;b', '\u200ea']) {
    const once = normaliseTitle(title, first);
    expect(normaliseTitle(once, first)).toBe(once);
  }
});

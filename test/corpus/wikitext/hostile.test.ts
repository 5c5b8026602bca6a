// Whatever stands in a page, it becomes an article whose links are ranges of its text; and a page made to be
// slow is read in one pass, too.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinkResolver } from '../../../lib/corpus/wikitext/links.ts';
import { readWikitext } from '../../../lib/corpus/wikitext/reader.ts';
import { extract, wiki } from './wiki.ts';

const TOKENS = [
  ...[
    '[[',
    ']]',
    '[',
    ']',
    '{{',
    '}}',
    '{',
    '}',
    '{|',
    '|}',
    '|-',
    '|',
    '!',
    '\n',
    '\n\n',
    ' ',
    '\t',
  ],
  ...[
    "''",
    "'''",
    "'''''",
    "'",
    '<!--',
    '-->',
    '<ref>',
    '</ref>',
    '<ref name="a" />',
    '<br>',
    '<b',
  ],
  ...[
    '<nowiki>',
    '</nowiki>',
    '<math>',
    '</math>',
    '<table>',
    '</table>',
    '<gallery>',
    '</gallery>',
  ],
  ...[
    '-{',
    '}-',
    'zh-hans:',
    ';',
    ':',
    '==',
    '===',
    '*',
    '#',
    '----',
    '__TOC__',
    '__',
    '&nbsp;',
    '&#0;',
  ],
  ...[
    '&',
    '<',
    '>',
    'http://x.org',
    '[http://',
    'Datei:',
    'Kategorie:',
    'en:',
    '.jpg',
    '#a',
    'a',
    'B',
  ],
  ...['東', '😀', '\u0301', '\u200d', '\ud800', '\u0000', '%C3%A9', '_', '#REDIRECT'],
];
const token = fc.oneof(fc.constantFrom(...TOKENS), fc.string({ unit: 'grapheme', maxLength: 5 }));

test('anchors are ranges of the text, in order, apart, and without blanks at their ends', () => {
  const source = fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join(''));
  fc.assert(
    fc.property(source, fc.constantFrom('keep', 'drop'), (text, lists) => {
      const article = extract(text, { lists });
      const points = Array.from(article.text);
      let previous = 0;
      for (const { start, end, target } of article.anchors) {
        expect(start).toBeGreaterThanOrEqual(previous);
        expect(end).toBeGreaterThan(start);
        previous = end;
        const surface = points.slice(start, end).join('');
        expect(surface).toBe(surface.trim());
        expect(surface).not.toContain('\n');
        expect(target).not.toBe('');
        expect(target).not.toContain('#');
      }
      expect(previous).toBeLessThanOrEqual(points.length);
    }),
    { numRuns: 3000 },
  );
});

test.each(TOKENS)('300,000 characters of %j', (text) => {
  const source = text.repeat(Math.ceil(3e5 / text.length));
  expect(readWikitext(source, new LinkResolver(wiki('zh'))).steps).toBeLessThanOrEqual(
    source.length,
  );
  extract(source, {}, wiki('zh'));
});

test.each([
  '[[a|',
  '{{a|[[b]]',
  '{{{',
  "''[[a]] '''",
  '<ref>{{',
  '[http://x ',
  '\n{|\n|',
  '-{zh-hans:',
  '<b [[',
  '[[Datei:x|',
  '<nowiki>a</nowiki>',
  '<math>a</math>',
  '\n==a',
  '\n*:;',
])('many of %j, and what may end them', (text) => {
  const times = 50_000;
  const ends = '}}]]</ref>|}}-'.repeat(times / 10);
  const resolver = new LinkResolver(wiki('zh'));
  const source = text.repeat(times) + ends;
  expect(readWikitext(source, resolver).steps).toBeLessThanOrEqual(source.length + 1);
  extract(source, {}, wiki('zh'));
});

// Whatever stands in a page, it becomes an article whose links are ranges of its text; and a page made to be
// slow is read in one pass, too.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArticleExtractor } from '../../../lib/corpus/wikitext/extract.ts';
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
/** Variants are read whatever the wiki; its namespaces are those of the tokens. */
const chinese = new ArticleExtractor(wiki('zh'));

const token = fc.oneof(fc.constantFrom(...TOKENS), fc.string({ unit: 'grapheme', maxLength: 5 }));

test('links are ranges of the text, in order, apart, and without blanks at their ends', () => {
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
  const source = Buffer.from(text.repeat(Math.ceil(3e5 / text.length)));
  expect(chinese.steps(source)).toBeLessThanOrEqual(source.length);
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
  const source = Buffer.from(text.repeat(times) + ends);
  expect(chinese.steps(source)).toBeLessThanOrEqual(source.length);
});

// Each in time that grows with its length; were it its square, the test would not end within its limit.
const fill = (text: string, length = 400_000): string =>
  text.repeat(Math.ceil(length / text.length));
const PAGES: readonly [string, string][] = [
  ['megabytes of opening braces', fill('{', 4e6)],
  ['braces nested and closed', `${fill('{{a|', 2e6)}${fill('}}', 1e6)} b`],
  ['parameters nested and closed', `${fill('{{{', 1e6)}${fill('}}}', 1e6)}`],
  ['100,000 links', fill('[[a|b]] ', 8e5)],
  ['50,000 links with two blanks between', fill('[[a|b]]  ')],
  ['100,000 links in one link', `[[a|${fill('[[b|c]]', 7e5)}]]`],
  ['links nested', `${fill('[[a|')}${fill(']]', 2e5)}`],
  ['a comment that is not closed', `a<!--${fill('<!-- - ')}`],
  ['comments', fill('<!-- a -->')],
  ['comments begun in comments', `${fill('<!--')}-->`],
  ['nested quotes in one line', fill("''a '''b ")],
  ['quotes of every length', fill("a''b'''c'''''d''''e''''''f ")],
  ['tables nested', `${fill('\n{|\n|')}${fill('\n|}', 1e5)}`],
  ['tables of the other kind nested', `${fill('<table><tr><td>')}${fill('</table>', 2e5)}`],
  ['references nested', `${fill('<ref>')}${fill('</ref>')}`],
  ['references that are not closed', fill('<ref>a[[b]] ')],
  ['addresses in targets, links in addresses', `${fill('[[a [http://x ', 4e6)}${fill(']', 2e6)}`],
  ['the same of sections', `${fill('[[#a [//x ', 4e6)}${fill(']', 2e6)}`],
  ['a long argument', `{{a|${fill('b [[c]] = ')}}}d`],
  ['an image with a long caption', `[[Datei:a.jpg|mini|${fill('b [[c]] ')}]]d`],
  ['a long heading', `== ${fill('a [[b]] ')} ==\nc`],
  ['headings', fill('== a ==\n')],
  ['a long target', `[[${fill('a_b ')}|c]]`],
  ['a target of blanks and brackets', `[[${fill(' ( ')}|]]`],
  ['variants nested', `${fill('-{zh-cn:a;')}${fill('}-', 1e5)}`],
  ['entities', fill('&amp;&#x26;&b')],
  ['blanks', `a${fill(' ')}b`],
];

test.each(PAGES)(
  '%s',
  (_, source) => {
    expect(chinese.steps(Buffer.from(source))).toBeLessThanOrEqual(source.length);
  },
  60_000,
);

test('what is too odd for an editor is told', () => {
  expect(extract('{{'.repeat(400)).oddity).toBeUndefined();
  expect(extract('{{ '.repeat(600)).oddity).toBe(
    "page 'Page': 600 templates, tables or links are never closed",
  );
  expect(extract('a '.repeat(2 ** 20 + 1)).oddity).toBe(
    "page 'Page': it is 2.1 million bytes long",
  );
});

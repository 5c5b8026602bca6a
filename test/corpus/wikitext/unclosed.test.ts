// Wikitext with signs missing: no word of the page may be lost because something is not closed, and nothing may be
// taken for text that is none.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArticleExtractor } from '../../../lib/corpus/wikitext/extract.ts';
import { read, wiki } from './wiki.ts';

/** Signs that open, close or separate something; each may stand where its partner is missing. */
const SIGNS = [
  ...[
    '[[',
    ']]',
    '[',
    ']',
    '[[A|',
    '[[A',
    '[http://x.org',
    '[http://x.org ',
    '[[Datei:B.jpg|mini|',
  ],
  ...['{{', '}}', '{', '}', '{{{', '}}}', '{{x|', '{|', '|}', '|', '||', '|-', '!', '!!', '='],
  ...[
    "''",
    "'''",
    "'''''",
    "'",
    '-{',
    '}-',
    '-{zh-hans:',
    ';',
    ':',
    '*',
    '#',
    '==',
    '__',
    '__TOC__',
  ],
  ...['<', '>', '</', '<b', '<b>', '</b>', '<ref', '<ref>', '</ref>', '<ref name="a"/>', '<br>'],
  ...[
    '<nowiki>',
    '</nowiki>',
    '<math>',
    '</math>',
    '<gallery>',
    '</gallery>',
    '<table>',
    '</table>',
  ],
  ...['<html>', '</html>', '<style>', '<script>', '<title>', '<sup>', '</sup>', '<div>', '</div>'],
  ...['<blockquote>', '<pre>', '<syntaxhighlight>', '<includeonly>', '&', '&amp;', '&#', '-->'],
];

/** What may be around a sign; `inside` tells whether the page shows that. */
const AROUND: readonly { name: string; open: string; close: string; inside: boolean }[] = [
  { name: 'plain text', open: '', close: '', inside: true },
  { name: 'italics', open: "''", close: "''", inside: true },
  { name: 'a list', open: '\n* ', close: '', inside: true },
  { name: 'a heading', open: '\n== ', close: ' ==\n', inside: true },
  { name: 'a link', open: '[[Ziel|', close: ']]', inside: true },
  { name: 'a target', open: '[[', close: '|Ziel]]', inside: false },
  { name: 'an external link', open: '[http://x.org ', close: ']', inside: true },
  { name: 'an image', open: '[[Datei:X.jpg|mini|', close: ']]', inside: false },
  {
    name: 'an image in paragraphs',
    open: '[[Datei:X.jpg|mini|Ein\n\n',
    close: ']]',
    inside: false,
  },
  { name: 'a template', open: '{{x|', close: '}}', inside: false },
  { name: 'a block', open: '<div>', close: '</div>', inside: true },
  { name: 'an element', open: '<b>', close: '</b>', inside: true },
  { name: 'a reference', open: '<ref>', close: '</ref>', inside: false },
  { name: 'nowiki', open: '<nowiki>', close: '</nowiki>', inside: true },
];

/** What takes words away on the wiki, too: attributes of a table, an address, a caption. */
function isRight(sign: string, before: string, after: string): boolean {
  if (sign === '{|') return before.endsWith('\n') && !after.startsWith('\n');
  return sign === '[http://x.org' && after === '';
}

const extractor = new ArticleExtractor(wiki());

test.each(AROUND)('in $name no sign takes words of the page away', ({ open, close, inside }) => {
  const failures: string[] = [];
  for (const sign of SIGNS) {
    for (const [before, after] of [
      ['', ''],
      [' ', ' '],
      ['\n', ''],
      ['', '\n'],
      ['\n', '\n'],
    ]) {
      if (isRight(sign, before!, after!)) continue;
      const source = `eins ${open}zwei${before}${sign}${after}drei${close} vier fünf\n\nsechs [[sieben]].\n`;
      // A caption ends with the link's brackets.
      const kept = inside && !(sign.startsWith('[[Datei:') && close === ']]');
      const words = ['eins', ...(kept ? ['zwei', 'drei'] : []), 'vier', 'fünf', 'sechs', 'sieben'];
      const { text } = extractor.extract({ id: 1, title: 'Page', wikitext: Buffer.from(source) });
      const missing = words.filter((word) => !text.includes(word));
      if (missing.length > 0) failures.push(`${JSON.stringify(source)} -> ${JSON.stringify(text)}`);
    }
  }
  expect(failures).toEqual([]);
});

describe('what a reader sees', () => {
  test.each([
    ['a [[B|b] c [[D]] e | f [[G]].\n\nh', 'a b] c <D:D> e | f <G:G>.\nh'],
    ['a [[B\n|b]] c [[D]] and e.\n\nf', 'a <B:b> c <D:D> and e.\nf'],
    ['a [[B\nc|b]] d', 'a <B c:b> d'],
    ['a [[B\nC]] d', 'a <B C:B C> d'],
    ['a [[B\n* C]] d', 'a B\nC d'],
    ['a [[B\n|-\n| C]] d', 'a B'],
    ['a [[Datei:B.jpg|mini|c [[D] e]] f\n\ng', 'a c D] e f\ng'],
    ['a [[Datei:B.jpg|mini|alt=x y|c [[D]] e | f\n\ng', 'a c <D:D> e | f\ng'],
    ['a [[Datei:B.jpg|mini|c\n\nd [[E]]\n\nf]] g', 'a g'],
    ['a [[Datei:B.jpg|mini|c d\n\ne\n== F ==\ng]] h', 'a c d\ne\nF.\ng h'],
    ['a [[Datei:B.jpg|mini\n\nb', 'a\nb'],
    ['a [[Datei:B.jpg|mini|hochkant=1.2\nb c', 'a\nb c'],
    [
      'a {{Code|x=<html>|y=z}} b.\n\n<style> c </style> <script>d</script> <html>',
      'a b.\n<style> c </style> <script>d</script> <html>',
    ],
    ['a <ref b c', 'a b c'],
    ['a <ref name="x y" group=z b c\nd', 'a b c\nd'],
    ['a\n\n| b', 'a\n| b'],
    ['{|\n| a\n|}\n\n| b', '| b'],
    ['{{begin}}\n|-\n| a\n| b\n|} c', 'c'],
    ['{{x\n| a = b\n| c\nd', 'x\nd'],
    ['| a || b\n| c\n\nd', 'd'],
  ])('%j', (source, expected) => expect(read(source)).toBe(expected));

  test.each([
    ['と。[http://x.org 外部]と([http://x.org b]) c[http://x.org d].', 'と。外部と(b) cd.'],
    ['a [http://x.org  b] [http://x.org\tc]', 'a b c'],
    [
      '<nowiki>* a</nowiki>\n<nowiki>| b</nowiki>\n<nowiki>== c ==</nowiki>\n&#42; d',
      '* a\n| b\n== c ==\n* d',
    ],
    ["''<nowiki>''</nowiki>a''", '"\'\'a"'],
    ['[[a|b|c]] [[a|]] [[b (c)|]]', '<A:b|c> <A:a> <B (c):b>'],
    [
      '&amp;nbsp; &amp;lt;br&amp;gt; &lt;br&gt; <nowiki>&amp;nbsp;</nowiki>',
      '&nbsp; &lt;br&gt; <br> &nbsp;',
    ],
  ])('and no more %j', (source, expected) => expect(read(source)).toBe(expected));
});

test('the method decodes references twice', () => {
  const source = 'a&amp;nbsp;b &amp;lt; <nowiki>&amp;nbsp;</nowiki> [[C&amp;amp;D]]';
  expect(read(source, { references: 'twice' })).toBe('a\u00a0b < \u00a0 <C&D:C&D>');
});

describe('superscripts and subscripts', () => {
  test.each([
    ['10<sup>6</sup>', '10⁶', '10^6', '106'],
    ['10<sup>−12</sup>', '10⁻¹²', '10^−12', '10−12'],
    ['10<sup>&minus;3</sup> H<sub>2</sub>O', '10⁻³ H₂O', '10^−3 H_2O', '10−3 H2O'],
    ['Na<sup>+</sup>, SO<sub>4</sub><sup>2-</sup>', 'Na⁺, SO₄²⁻', 'Na^+, SO_4^2-', 'Na+, SO42-'],
    ['x<SUP style="a">(2)</SUP >', 'x⁽²⁾', 'x^(2)', 'x(2)'],
    ['9<sup>th</sup> M<sup>lle</sup>', '9th Mlle', '9th Mlle', '9th Mlle'],
    ["a<sup>''b''</sup> c<sup>[[2]]</sup>", 'a"b" c<2:2>', 'a"b" c<2:2>', 'a"b" c<2:2>'],
    ['a<sup></sup>b<sup>()</sup> <sup>2</sub>', 'ab() 2', 'ab() 2', 'ab() 2'],
    ['a<sup>2', 'a2', 'a2', 'a2'],
  ])('%s', (source, unicode, signs, plain) => {
    expect(read(source)).toBe(unicode);
    expect(read(source, { scripts: 'signs' })).toBe(signs);
    expect(read(source, { scripts: 'plain' })).toBe(plain);
  });
});

/** The text of a line without bold and italics, by the rules of MediaWiki, one after the other (Parser::doQuotes). */
function withoutQuotes(line: string): string {
  // It looks at bytes.
  const parts = Buffer.from(line)
    .toString('latin1')
    .split(/('{2,})/);
  const runs = Array.from({ length: parts.length >> 1 }, (_, i) => 2 * i + 1);
  const size = (i: number): number => parts[i]!.length;
  for (const i of runs) {
    const more = size(i) === 4 ? 1 : Math.max(size(i) - 5, 0);
    parts[i - 1] += "'".repeat(more);
    parts[i] = parts[i]!.slice(more);
  }
  const odd = (...sizes: number[]): boolean =>
    runs.filter((i) => sizes.includes(size(i))).length % 2 === 1;
  if (odd(2, 5) && odd(3, 5)) {
    const bold = runs.filter((i) => size(i) === 3);
    const afterBlank = (i: number): boolean => parts[i - 1]!.endsWith(' ');
    const afterOne = (i: number): boolean => !afterBlank(i) && parts[i - 1]!.at(-2) === ' ';
    const chosen = bold.find(afterOne) ?? bold.find((i) => !afterBlank(i)) ?? bold[0];
    if (chosen !== undefined) parts[chosen - 1] += "'";
  }
  const text = parts.filter((_, i) => i % 2 === 0).join('');
  return Buffer.from(text, 'latin1').toString();
}

test('apostrophes beside bold and italics are those of the wiki', () => {
  const part = fc.constantFrom("''", "'''", "''''", "'''''", "''''''", "'", ' ', 'a', 'bc', 'é');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const line = `x${parts.join('')}x`;
      const { text } = extractor.extract({ id: 1, title: 'Page', wikitext: Buffer.from(line) });
      expect(text.replaceAll('"', '').replace(/ +/g, ' ')).toBe(
        withoutQuotes(line).replace(/ +/g, ' '),
      );
    }),
    { numRuns: 3000 },
  );
});

// What `leia extract --keep` adds to running text: headings, captions, tables, formulas. Without it nothing changes.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDump } from '../../../lib/corpus/dump/dump.ts';
import { ArticleExtractor, type Kept, keepable } from '../../../lib/corpus/wikitext/extract.ts';
import { extract, read } from './wiki.ts';

const keeping = (keep: Kept) => (text: string) => read(text, { keep: [keep] }).split('\n');
const fixtures = resolve(import.meta.dirname, '../../fixtures');

describe('headings', () => {
  const lines = keeping('headings');
  test('stand as their level says, with links, and also where there is no text', () => {
    const page = 'Intro.\n== A ==\n===B===\ntext\n== [[C|see]] C ==\n====== D ======\n= E =';
    expect(lines(page)).toEqual([
      'Intro.',
      '## A',
      '### B',
      'text',
      '## <C:see> C',
      '###### D',
      '# E',
    ]);
    expect(read(page).split('\n')).toEqual(['Intro.', 'A.', 'B.', 'text']);
  });

  test('a heading with text behind it is one too; one without words is none', () => {
    expect(lines('==A== b\n==C==d\n== ==\n=x')).toEqual(['## A', 'b', '## C', 'd', '=x']);
  });
});

describe('captions', () => {
  const lines = keeping('captions');
  test('stand behind the paragraph of their image', () => {
    const page =
      'One [[Datei:a.jpg|mini|200px|links|The [[cat]] on a mat]] two.\nThree\n[[Datei:b.jpg|thumb|alt=x y|Of "b"]]Four [[d]].';
    expect(lines(page)).toEqual([
      'One two.',
      'The <Cat:cat> on a mat',
      'Three',
      'Four <D:d>.',
      'Of "b"',
    ]);
    expect(read(page)).toBe('One two.\nThree\nFour <D:d>.');
  });

  test('only where the wiki shows them', () => {
    expect(lines('A [[Datei:a.svg|20px|Flag of A]] b [[Datei:c.jpg|thumb]] c')).toEqual(['A b c']);
    expect(lines('[[Kategorie:A|some key]] b')).toEqual(['b']);
  });

  test('parameters may stand behind them, and images within them are left out', () => {
    const page =
      '[[Datei:a.jpg|A caption|mini|rechts]]b\n[[Datei:a.jpg|mini|c [[Datei:d.jpg|mini|x y]] e]]f';
    expect(lines(page)).toEqual(['b', 'A caption', 'f', 'c e']);
  });

  test('of several paragraphs, and in the label of a link', () => {
    expect(lines('[[Datei:a.jpg|mini|One [[a]]\n\ntwo [[b]]]]x')).toEqual([
      'x',
      'One <A:a>',
      'two <B:b>',
    ]);
    expect(lines('[[P|see [[Datei:a.jpg|mini|a b]] c]] d')).toEqual(['<P:see c> d', 'a b']);
  });
});

describe('tables', () => {
  const lines = keeping('tables');
  test('a row is a line, its cells have tabs between them', () => {
    const page = `Before {{x}}
{| class="wikitable" style="width: 5em"
|+ style="x" | Cities of [[Latgale]]
! scope="col" | Name !! Value
|- style="a"
| style="b" | [[Rēzekne|R.]] || 5 ! 6
|-
| two
lines
| ''x'' [[c|d|e]]
* item
|-
|
| behind an empty cell
|-
|   ||
|}
After.`;
    expect(lines(page)).toEqual([
      'Before',
      'Cities of <Latgale:Latgale>',
      'Name\tValue',
      '<Rēzekne:R.>\t5 ! 6',
      'two lines\t"x" <C:d|e> * item',
      '\tbehind an empty cell',
      'After.',
    ]);
    expect(read(page)).toBe('Before\nAfter.');
  });

  test('those within a cell are text of the cell', () => {
    const page = '{|\n| a\n|\n{| class="x"\n|-\n| i || j\n|-\n! k\n|}\nrest\n| b\n|-\n| c\n|}\nd';
    expect(lines(page)).toEqual(['a\ti j k rest\tb', 'c', 'd']);
  });

  test('of HTML, with or without end tags', () => {
    const page =
      'A<table class="x"><caption>C</caption><tr><th>n</th><td>m</td></tr><tr><td>[[o]] p<td>q\nr</table>B';
    expect(lines(page)).toEqual(['A', 'C', 'n\tm', '<O:o> p\tq r', 'B']);
  });

  test('templates in cells: those that are known show, others leave the cell empty', () => {
    const page =
      '{|\n| {{unknown|a|\nb=c}} || {{nowrap|x y}}\n|-\n| {{flag|A}} {{unknown}} || 1{{!}}2\n|}';
    expect(lines(page)).toEqual(['\tx y', 'A\t1|2']);
  });

  test('signs of tables that are text', () => {
    expect(lines('{|\n| <nowiki>a||b</nowiki> || c! d !! e\n|}')).toEqual(['a||b\tc! d !! e']);
    expect(lines('{|\n| [[a]] | b || c\n|}')).toEqual(['<A:a> | b\tc']);
    expect(lines('{|\n| == a == || b\n|}')).toEqual(['== a ==\tb']);
    expect(lines("{|\n| ''x'' | b || ''c''\n|}")).toEqual(['b\t"c"']);
  });

  test('one that never ends is left out as ever, and the text around it stays', () => {
    const page = 'a\n{|\n| b\n|-\n| c || d\nText [[e]]\n\nMore';
    expect(lines(page)).toEqual(read(page).split('\n'));
    expect(lines(page)).toEqual(['a', 'Text <E:e>', 'More']);
    expect(lines('<table><tr><td>a\n\nb')).toEqual(['a', 'b']);
    expect(lines('x\n{|\n| a {{b\n|}\ny')).toContain('x');
  });
});

test('formulas are LaTeX in one line', () => {
  const lines = keeping('formulas');
  const page =
    'a <math display="block">\\frac{a}{b} +\n  c</math> b <ce>H2O</ce> <math></math><chem>A</chem>';
  expect(lines(page)).toEqual(['a $\\frac{a}{b} + c$ b $\\ce{H2O}$ $\\ce{A}$']);
  expect(read('<math>a</math> <math>b</math> <math>a</math>')).toBe(
    'formula_1 formula_2 formula_1',
  );
});

test('what is kept together stands in its order', () => {
  const page =
    '== H ==\n[[Datei:a.jpg|mini|of <math>x</math> here]]\n{|\n| [[Datei:b.jpg|mini|in a cell]] c || d\n|}';
  expect(read(page, { keep: keepable })).toBe('## H\nof $x$ here\nc\td\nin a cell');
});

test.each([
  ['tables never closed', (n: number) => '{|\n| a || b\n'.repeat(n)],
  ['tables in tables', (n: number) => '{|\n| a || b\n'.repeat(n) + '\n|}'.repeat(n)],
  ['tables of HTML in tables', (n: number) => '<table><tr><td>a'.repeat(n) + '</table>'.repeat(n)],
  ['images in captions', (n: number) => '[[Datei:a|mini|b c '.repeat(n) + ']]'.repeat(n)],
  ['captions never closed', (n: number) => '[[Datei:a|mini|b c '.repeat(n)],
  ['rows and cells', (n: number) => `{|${'\n|-\n| [[a]] || b\n! c !! d'.repeat(n)}\n|}`],
  ['headings', (n: number) => '\n==a==\n=b=[[c]]=='.repeat(n)],
])('%s: the time grows with the length', (_, make) => {
  const wikitext = Buffer.from(make(5_000));
  const { text, anchors } = extract(wikitext.toString(), { keep: keepable });
  const { length } = Array.from(text);
  let before = 0;
  for (const { start, end } of anchors) {
    expect(start >= before && end > start && end <= length).toBe(true);
    before = end;
  }
});

describe('on real pages', () => {
  test('text that is there without it stays, in its order', async () => {
    const dump = await openDump(resolve(fixtures, 'dumps/ltgwiki-2017-pages-articles.xml.bz2'));
    const plain = new ArticleExtractor(dump.siteinfo);
    const keep = new ArticleExtractor(dump.siteinfo, { keep: ['captions', 'tables', 'formulas'] });
    let [rows, more, pages] = [0, 0, 0];
    for await (const page of dump.pages()) {
      if (page.namespace !== 0 || page.redirect !== undefined || ++pages > 300) continue;
      const without = plain.extract(page);
      const kept = keep.extract(page);
      const lines = kept.text.split('\n');
      rows += lines.filter((line) => line.includes('\t')).length;
      more += kept.anchors.length - without.anchors.length;
      let at = 0;
      for (const line of without.text
        .split('\n')
        .filter((line) => line !== '' && !/formula_\d/.test(line))) {
        const found = lines.indexOf(line, at);
        expect(found, `${page.title}: ${line}`).toBeGreaterThanOrEqual(0);
        at = found + 1;
      }
    }
    expect(rows).toBeGreaterThan(100);
    expect(more).toBeGreaterThan(100);
  });

  test('nothing changes without it', () => {
    const page = readFileSync(resolve(fixtures, 'dumps/ORIGIN.md'), 'utf8');
    expect(extract(page, { keep: [] })).toEqual(extract(page));
  });
});

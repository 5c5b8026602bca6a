// Every construct of wikitext by hand-made examples: what the reader of the page would see is the text.
import { describe, expect, test } from 'vitest';
import { ArticleExtractor } from '../../../lib/corpus/wikitext/extract.ts';
import { extract, marked, read, wiki } from './wiki.ts';

describe('links', () => {
  test.each([
    ['[[Berlin]]', '<Berlin:Berlin>'],
    ['[[berlin]]', '<Berlin:berlin>'],
    ['[[Freie_Stadt|frei]]', '<Freie Stadt:frei>'],
    ['[[ Berlin | die Stadt ]] x', '<Berlin:die Stadt> x'],
    ['[[Bus]]se fahren', '<Bus:Busse> fahren'],
    ['[[Bus]]<nowiki/>se', '<Bus:Bus>se'],
    ['[[Bus]]Halt', '<Bus:Bus>Halt'],
    ['[[日本]]の[[東京]]', '<日本:日本>の<東京:東京>'],
    ['[[वन]]ों में', '<वन:वनों> में'],
    ['in [[:Berlin]] [[: paris|:p]]', 'in <Berlin:Berlin> <Paris::p>'],
    [
      '[[caf%C3%A9]]s 5%: [[50%]] [[a%0Ab]] [[a%FF]]',
      '<Café:cafés> 5%: <50%:50%> <A b:a%0Ab> <A%FF:a%FF>',
    ],
    ['[[AT&amp;T]]', '<AT&T:AT&T>'],
    ['[[Caf%C3%A9|Kaffee]]', '<Café:Kaffee>'],
    ['[[Star Trek: Voyager]]', '<Star Trek: Voyager:Star Trek: Voyager>'],
    ["[[Faust|''Faust'']]", '<Faust:"Faust">'],
    ["''[[Faust]]''", '"<Faust:Faust>"'],
    ['[[Recht (Jura)|]]', '<Recht (Jura):Recht>'],
    ['[[Boston, Massachusetts|]]', '<Boston, Massachusetts:Boston>'],
    ['[[a|b|c]]', '<A:b|c>'],
    ['[[IPA|[andora]]]', '<IPA:[andora]>'],
    ['[[a|x [[b]] y]]', 'x <B:b> y'],
    ['[[Commodore 64|{{nowrap|C 64}}]]', '<Commodore 64:C 64>'],
    ['[[Commodore 64|{{unbekannt|C 64}}]]', '<Commodore 64:Commodore 64>'],
    ['[[[Berlin]]] [[[Berlin|B]]', '[<Berlin:Berlin>] [<Berlin:B>'],
    ['[[[[Berlin]]]]', '<Berlin:Berlin>'],
    ['[[𝄞]] und [[𐍈|𐍈𐍉]]', '<𝄞:𝄞> und <𐍈:𐍈𐍉>'],
  ])('%s', (source, expected) => expect(read(source)).toBe(expected));

  test.each([
    ['[[#Abschnitt|unten]]', 'unten'],
    ['[[Berlin#Lage|Lage]]', 'Lage'],
    ['[[Benutzer:X|X]]', 'X'],
    ['[[user:X|X]]', 'X'],
    ['[[Portal:Berlin]]', 'Berlin'],
    ['[[wikt:Haus|Haus]]', 'Haus'],
    ['[[:fr:Paris|Paris (fr)]]', 'Paris (fr)'],
    ['[[:Kategorie:Stadt|Städte]]', 'Städte'],
    ['[[:Datei:X.jpg|Bild]]', 'Bild'],
    ['[[{{PAGENAME}}|hier]]', 'hier'],
    ['[[]] a', 'a'],
    ['[[|a]]', 'a'],
    ['[[a<x>|c]]', 'c'],
  ])('%s is text but no anchor', (source, expected) => expect(read(source)).toBe(expected));

  test.each([
    '[[Kategorie:Stadt]]',
    '[[category:Stadt|B]]',
    '[[Catégorie:Ville]]',
    '[[en:Berlin]]',
    '[[zh-min-nan:Berlin]]',
    '[[Datei:B.jpg|mini|Ein [[Tor]] in [[Berlin|B.]] von {{x|[[y]]}}]]',
    '[[image:B.jpg]]',
    '[[Imagen:B.jpg|thumb|[http://x.org Tor]]]',
    '[[ファイル:B.svg|150px|right]]',
    '[[Datei:B.jpg|mini|zwei\nZeilen]]',
  ])('%s is not shown', (source) => expect(read(`a ${source} b`)).toBe('a b'));

  test.each([
    ['[http://x.org Titel] b', 'Titel b'],
    ['a [http://x.org] b', 'a b'],
    ['[//x.org Titel]', 'Titel'],
    ['[mailto:a@b.c Post]', 'Post'],
    ['[[http://x.org Titel]] b', 'Titel b'],
    ['[http://x.org von [[Berlin]] aus]', 'von <Berlin:Berlin> aus'],
    ['http://x.org/a', 'http://x.org/a'],
    ['[sic] [1]', '[sic] [1]'],
  ])('external %s', (source, expected) => expect(read(source)).toBe(expected));

  test.each([
    ['a [[b\nc [[d]]', 'a b\nc <D:d>'],
    ['a [[b [[c]] d', 'a b <C:c> d'],
    ['a b]] c', 'a b c'],
    ['a [[b|c\n\nd [[e]]', 'a c\nd <E:e>'],
    ['a [http://x b\nc', 'a b\nc'],
    ['x [[Datei:A.jpg|mini|ohne Ende\n\nText [[b]]', 'x ohne Ende\nText <B:b>'],
    ['x [[Datei:A.jpg|mini|200px\n\nText [[b]]', 'x\nText <B:b>'],
  ])('broken %j', (source, expected) => expect(read(source)).toBe(expected));
});

describe('what is dropped', () => {
  test.each([
    ['a {{x|{{y|[[z]]}}|{{{1|}}}}} b', 'a b'],
    ['τ = {{}, {1, 2}} in {{a},{b, [[c]]}}', 'τ = {{}, {1, 2}} in {{a},{b, <C:c>}}'],
    ['a {{x|[[u]]\n|b=\n{|\n|c\n|}\n}} d', 'a d'],
    ['a <!-- {{ [[b]] --> c', 'a c'],
    ['a <!-- offen', 'a'],
    ['a<ref>b [[c]]</ref> d', 'a d'],
    ['a<ref name="x" /> d<ref name=y/>', 'a d'],
    ['a<REF name="x">b</Ref > d', 'a d'],
    ['a<references><ref>b</ref></references>', 'a'],
    ['a<gallery>\nB.jpg|[[c]]\n</gallery>d', 'ad'],
    ['a <syntaxhighlight lang="c">b[[0]]</syntaxhighlight> d', 'a d'],
    ['a\n{| class="x"\n! b\n|-\n| c || [[d]]\n{|\n| e\n|}\n|}\nf', 'a\nf'],
    ['a\n:{|\n| b\n|}\nf', 'a\nf'],
    ['a <table><tr><td>b<table>c</table></td></tr></table> d', 'a d'],
    ['a\n{|\n| b\n\n{{x}}\nc [[d]]\n! e', 'a\nc <D:d>'],
    ['__NOTOC__a__目次__b__KEIN_INHALTSVERZEICHNIS__', 'ab'],
    ['def __init__(self)', 'def __init__(self)'],
    ['a<timeline>b</timeline><templatestyles src="c"/>', 'a'],
    ['a {{offen | b\nc [[d]]', 'a offen | b\nc <D:d>'],
    ['a }} b', 'a b'],
    ['<span style="x">a</span><br>b<br/>c<div>d</div>', 'a b c\nd'],
    ['a<center>b</center>c', 'a\nb\nc'],
    ['a < b und c > d <stdio.h>', 'a < b und c > d <stdio.h>'],
    ['a<includeonly>b</includeonly><noinclude>c</noinclude>', 'ac'],
    ['a <ref>offen', 'a offen'],
  ])('%j', (source, expected) => expect(read(source)).toBe(expected));

  test('formulas are numbered by their content', () => {
    expect(read('<math>a</math> <math>b</math> <math display="block">a</math> <ce>c</ce>')).toBe(
      'formula_1 formula_2 formula_1 formula_4',
    );
  });

  test('nowiki is text without markup', () => {
    expect(read('<nowiki>a &amp; *b</nowiki> [<nowiki/>[c]]')).toBe('a & *b [[c');
    expect(read('<nowiki>[[a]]</nowiki>b')).toBe('[[a]]b');
    expect(
      read(
        "<nowiki>[[ -f x ]]</nowiki>, <nowiki>a[[1]] {{x}} ''i''</nowiki> <nowiki><b></nowiki>.",
      ),
    ).toBe("[[ -f x ]], a[[1]] {{x}} ''i'' <b>.");
  });
});

describe('characters and quotes', () => {
  test.each([
    [
      'a&nbsp;b &lt;c&gt; &#65;&#x42;&eacute; &unknown; &amp;nbsp; &amp;#65; &amp;lt; AT&T',
      'a\u00a0b <c> ABé &unknown; &nbsp; &#65; &lt; AT&T',
    ],
    ["'''a''' ''b'' '''''c''''' d", 'a "b" c d'],
    ["'''''a''' b''", '"a b"'],
    ["'''''a'' b'''", '"a" b'],
    ["l'''amour'' x", 'l\'"amour" x'],
    ["''a\nb", 'a\nb'],
    ["''\"a\"'' \"''b''\"", '"a" "b"'],
    ["it's 5' 6", "it's 5' 6"],
    ["''''a''''", "'a'"],
  ])('%j', (source, expected) => expect(read(source)).toBe(expected));
});

describe('language variants', () => {
  test.each([
    ['-{zh-hans:计算机; zh-hant:電腦;}-很', '计算机很'],
    ['-{A|zh-cn:甲;zh-tw:乙}-', '甲'],
    ['-{T|zh-cn:甲;zh-tw:乙}-a-{H|zh-cn:丙;zh-tw:丁}-', 'a'],
    ['-{不变; 文}-', '不变; 文'],
    ['-{zh-hans;zh-hant|甲}-', '甲'],
    ['[[甲|-{zh-hans:乙; zh-hant:丙}-]]', '<甲:乙>'],
    ['-{[[甲]]}-', '<甲:甲>'],
    ['-{zh-hans:[[甲]]; zh-hant:[[乙]]}-', '<甲:甲>'],
    ['a -{b', 'a -{b'],
    ['a -{{b}} c', 'a - c'],
    ['-{zh-cn:{{x}}甲}-', '甲'],
  ])('%s', (source, expected) => {
    expect(marked(extract(source, {}, wiki('zh')))).toBe(expected);
  });
});

describe('lines', () => {
  test.each([
    ['== A ==\nb\n=== C? ===\n* d\n== E ==\n=== F ===\n== G ==\n: h', 'A.\nb\nC?\nd\nG.\nh'],
    ['==[[a]]== <!-- x -->\nb', '<A:a>.\nb'],
    ['==A== b\n', 'A.\nb'],
    ['* a\n** [[b]]\n#c\n; d : e\n:: f', 'a\n<B:b>\nc\nd : e\nf'],
    ['*{{x}}, a', 'a'],
    [' a  b \t c ', 'a b c'],
    ['a\n----\nb\n-----c', 'a\nb\nc'],
    ['a\n.\n()\n|b\nc', 'a\n|b\nc'],
    ['概要。\n== 歴史！ ==\nx', '概要。\n歴史！\nx'],
    ['<p>a</p><ul><li>b</li><li>c</li></ul>', 'a\nb\nc'],
  ])('%j', (source, expected) => expect(read(source)).toBe(expected));

  test('lists can be left out, as WikiExtractor does', () => {
    const source = '== A ==\n* [[a]]\n== B ==\nb\n# c\n: d';
    expect(read(source, { lists: 'drop' })).toBe('B.\nb\nd');
  });
});

describe('markup at any distance from the beginning of a page, whose bytes are looked at together', () => {
  const extractor = new ArticleExtractor(wiki());
  const readPage = (text: string): string =>
    marked(extractor.extract({ id: 1, title: 'Page', wikitext: Buffer.from(text) }));

  test.each([
    ['[[Berlin]]', '<Berlin:Berlin>'],
    ['[http://x.org Tor]', 'Tor'],
    ['&lt;', '<'],
    ["''x''", '"x"'],
    ["'x' - _x_ ＿x＿ \\", "'x' - _x_ ＿x＿ \\"],
    ['__TOC__x', 'x'],
    ['＿＿目次＿＿x', 'x'],
    ['＿＿＿', '＿＿＿'],
    ['-{x}-', 'x'],
    ['-{zh-hans:x; zh-hant:y}-', 'x'],
    ['<b>x</b>', 'x'],
    ['x{{v|y}}', 'x'],
    ['x\ny', 'x\ny'],
    ['（ｿ｝ー｜', '（ｿ｝ー｜'],
  ])('%s', (source, expected) => {
    for (let distance = 0; distance < 140; distance++) {
      const before = `w${'x'.repeat(distance)} `;
      for (const after of ['', ' y', ` ${'y'.repeat(70)}`]) {
        expect(readPage(before + source + after)).toBe((before + expected + after).trim());
      }
    }
  });
});

// What templates show: worked examples, what they leave when nothing is known of them, and links to other editions.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Siteinfo } from '../../../lib/corpus/dump/siteinfo.ts';
import { ArticleExtractor, type ExtractOptions } from '../../../lib/corpus/wikitext/extract.ts';
import { TEMPLATE_TABLE } from '../../../lib/corpus/wikitext/template-table.ts';
import { extract, marked, read, wiki } from './wiki.ts';

/** A wiki of each language, since an extractor is made once for each. */
const wikis = new Map<string, Siteinfo>();
function wikiIn(language: string): Siteinfo {
  const site = wikis.get(language) ?? wiki(language);
  wikis.set(language, site);
  return site;
}

const readIn = (language: string, source: string): string =>
  marked(extract(source, {}, wikiIn(language)));

describe('what the page shows, by hand', () => {
  test.each([
    // The edition, the wikitext, what a reader sees there; the page it stands in.
    ['en', '({{lang|grc|ἀναρχία}}, {{transl|grc|anarchia}})', '(ἀναρχία, anarchia)', 'Anarchism'],
    ['en', 'over {{convert|1300|mi|km}} long', 'over 1,300 miles (2,100 km) long', 'Alabama'],
    ['en', '{{Nihongo|[[bayonet]]|銃剣|jūken}}', '<Bayonet:bayonet> (銃剣, jūken)', 'Aikido'],
    ['en', '{{lang-sq|Shqipëria}}', 'Albanian: Shqipëria', 'Albania'],
    ['en', '{{small|(April 21, 1832)}}', '(April 21, 1832)', 'Abraham Lincoln'],
    ['en', 'mass {{val|1.00794|(7)}}', 'mass 1.00794(7)', 'Atomic mass'],
    [
      'en',
      '{{as of|2014|lc=y}} and {{As of|2015|3}}',
      'as of 2014 and As of March 2015',
      'Andorra',
    ],
    ['en', '{{chem|C|6|H|12|O|6}}', 'C₆H₁₂O₆', 'Alkane'],
    ['en', '{{angbr|a}} is {{IPA|/a/}}', '⟨a⟩ is /a/', 'A'],
    ['en', '{{respell|ASS|kee}}', 'ASS-kee', 'ASCII'],
    [
      'en',
      '{{hlist|[[Biology]]|[[Zoology]]}}',
      '<Biology:Biology> · <Zoology:Zoology>',
      'Anthropology',
    ],
    ['en', '{{flag|Tennessee}}', 'Tennessee', 'Alabama'],
    ['en', '{{dts|1777|12|16}}', '16 December 1777', 'American Revolutionary War'],
    [
      'en',
      '{{convert|10|km}} {{convert|5|km|mi}}',
      '10 kilometres (6.2 mi) 5 kilometres (3.1 mi)',
      'Template:Convert',
    ],
    [
      'en',
      '{{convert|100|km|mi}} {{convert|1|mi}}',
      '100 kilometres (62 mi) 1 mile (1.6 km)',
      'Template:Convert',
    ],
    [
      'en',
      '{{convert|20|C}} {{convert|-40|F|C}}',
      '20 °C (68 °F) −40 °F (−40 °C)',
      'Template:Convert',
    ],
    [
      'en',
      '{{convert|1|to|5|m|ft|abbr=on}} {{cvt|3|kg}}',
      '1 to 5 m (3.3 to 16.4 ft) 3 kg (6.6 lb)',
      'Template:Convert',
    ],
    [
      'en',
      'a {{convert|10|m|ft|adj=on|sp=us}} wall',
      'a 10-meter (33 ft) wall',
      'Template:Convert',
    ],
    [
      'en',
      "C{{sub|''n''}} {{chem|C|''n''|H|2}} {{frac|''a''|'''b'''}} {{sub|a'b}}",
      "Cn CnH₂ a⁄b a'b",
      'Alkane',
    ],
    // Languages that the engine does not know have no English words.
    [
      'sgs',
      '{{convert|5|km}} {{langx|en|a}} {{as of|2010}}',
      '5 km (3.1 mi) a',
      'Šabluons:Convert',
    ],
    ['fa', 'نامه{{zwnj}}ها 5{{thinsp}}km', 'نامه\u200cها 5\u2009km', 'الگو:Zwnj'],
    ['en', '{{frac|1|2}} {{frac|3|1|2}} {{sup|6}}', '1⁄2 3 1⁄2 ⁶', 'Template:Fraction'],
    ['el', '{{lang-en|Geology}}', 'αγγλικά: Geology', 'Γεωλογία'],
    ['el', '{{lang|grc|σοῦ}} {{IPA|[af]}}', 'σοῦ [af]', 'Αρχαία ελληνική γλώσσα'],
    ['ja', '{{lang|en|The horse}} {{IPA|ɬ}}', 'The horse ɬ', '言語'],
    ['ja', '{{LangWithName|is|アイスランド語|Ísland}}', 'アイスランド語: Ísland', 'アイスランド'],
    [
      'ja',
      '{{Lang-en|ampersand}}、{{Lang-en-short|geography}}',
      '英語: ampersand、英: geography',
      'アンパサンド',
    ],
    ['ja', '{{生年月日と年齢|1632|11|24|no}}', '1632年11月24日', 'バールーフ・デ・スピノザ'],
    ['mr', '{{convert|234|m|ft|abbr=on}}', '234 m (768 ft)', 'भारत'],
    ['vi', 'Thụy Điển ({{lang-sv|Sverige}})', 'Thụy Điển (tiếng Thụy Điển: Sverige)', 'Thụy Điển'],
    ['fr', 'au {{s|XIX|e}}, {{unité|12|km}}', 'au XIXe siècle, 12 km', 'Paris'],
    ['fr', 'le {{date|14|juillet|1789}}', 'le 14 juillet 1789', 'Prise de la Bastille'],
    ['fr', '{{citation|mot}} {{japonais|Tokyo|東京}}', '« mot » Tokyo (東京)', 'Tokyo'],
    ['ru', 'Берлин ({{lang-de|Berlin}})', 'Берлин (нем. Berlin)', 'Берлин'],
    ['fr', '{{M.|Thiers}} et {{Mme|Roland}}', 'M. Thiers et Mme Roland', 'Modèle:M.'],
    ['de', '{{"|Wort}} {{Zitat|Text=Satz|Autor=X}}', '„Wort“ „Satz“ – X', 'Vorlage:Zitat'],
    ['de', '{{formatNum:1234567.5}}', '1.234.567,5', 'Vorlage:FormatNum'],
    ['en', '{{formatnum:1234567.5}} {{formatnum:1,234|R}}', '1,234,567.5 1234', 'Help:Magic words'],
    ['ar', '({{lang-de|Berlin}})', '(بالألمانية: Berlin)', 'برلين'],
    [
      'ar',
      'برلين {{لغة-أل|Berlin}}، {{ألمانية|Spree}}',
      'برلين (بالألمانية: Berlin)، (بالألمانية: Spree)',
      'برلين',
    ],
    ['ar', 'ا{{بحاجة لمصدر|وتكتب}}', 'اوتكتب', 'اللغة الإنجليزية'],
    [
      'ja',
      '「{{要出典範囲|解明される目途|date=2021年5月}}」{{要出典|date=2015年6月}}。',
      '「解明される目途」。',
      '日本語',
    ],
    [
      'ja',
      '[[平仮名|{{ruby-ja|平仮名|ひらがな}}]]の「{{JIS2004フォント|か゚行}}」{{pt|capa}}',
      '<平仮名:平仮名（ひらがな）>の「か゚行」capa',
      '日本語',
    ],
    [
      'ja',
      "英語 {{IPA-en|ˈiːdʒɨpʃ''ə''n|}}、{{IPA-nl|øːˈroːpaː|lang}}",
      '英語 [ˈiːdʒɨpʃən]、[øːˈroːpaː]',
      'エジプト',
    ],
    [
      'es',
      'de unos 45{{esd}}km, {{IPA-de|[bɛɐ̯ˈliːn]|pron|De-Berlin.ogg}}',
      'de unos 45\u00a0km, [bɛɐ̯ˈliːn]',
      'Berlín',
    ],
    [
      'el',
      'εκλάπησαν {{πηγή|εκατομμύρια}} καλάσνικοφ{{Πηγή|σχόλιο = 17/04/2015}}.',
      'εκλάπησαν εκατομμύρια καλάσνικοφ.',
      'Αλβανία',
    ],
    [
      'el',
      '{{μονάδα|50000}} τόνων, {{ΔΦΑ|/i/}}, {{okina}}o e',
      '50.000 τόνων, /i/, ʻo e',
      'Αλβανία',
    ],
    [
      'mr',
      '{{रुपया}}९,१९, ६.४१८५ {{e|२३}} {{e|24}} [[{{AutoLink|a|b}}]]',
      '₹९,१९, ६.४१८५ ×10२३ ×10²⁴ <B:b>',
      'भारत',
    ],
    [
      'ltg',
      '({{Vol-en|plants}}, {{Vol-lv|augi}}), {{lang-en|caracal}}',
      '(plants, augi), caracal',
      'Auguoji',
    ],
    ['ltg', '{{llang|de|Pflanzen}}', 'Pflanzen', 'Auguoji'],
    [
      'en',
      "Eagle{{'s}} {{USS|Hornet|CV-12|6}}, A {{eqm}} B{{snds}}c, ({{IPA-all|a|lang}})",
      "Eagle's USS Hornet, A ⇌ B\u00a0– c, ([a])",
      'Apollo 11',
    ],
    [
      'de',
      'Moskau ({{RuS|Москва|Moskwa}}), {{enS|Berlin}}',
      'Moskau (russisch Москва Moskwa), englisch Berlin',
      'Moskau',
    ],
    [
      'fr',
      'au {{XIXe siècle}}, {{-Ve siècle}}, XIX{{e}}, {{1er}}, {{heure|12|30}}',
      'au XIXe siècle, Ve siècle av. J.-C., XIXe, 1er, 12 h 30',
      'Paris',
    ],
    [
      'ru',
      '{{OldStyleDate|7 сентября|1812|26 августа}}, {{s|XX век}}',
      '26 августа (7 сентября) 1812, XX век',
      'Бородинское сражение',
    ],
    [
      'zh',
      '爱因斯坦{{bd|1879年|3月14日|1955年|4月18日|catIdx=A}}',
      '爱因斯坦（1879年3月14日－1955年4月18日）',
      '阿尔伯特·爱因斯坦',
    ],
    ['th', '{{วันเกิด|1987|4|30}}', '30 เมษายน 2530', 'ประเทศไทย'],
    ['vi', '{{ngày sinh|1987|4|30}}', '30 tháng 4, 1987', 'Hà Nội'],
  ])('%s: %s', (language, source, shown) => expect(readIn(language, source)).toBe(shown));
});

describe('arguments', () => {
  test.each([
    ['{{lang|fr|text=mot}} {{lang|fr|2=mot}} {{lang |fr| mot }}x', 'mot mot mot x'],
    ['{{Lang|fr|mot}} {{LANG|fr|mot}} {{ lang\n| fr\n| mot\n}}', 'mot mot mot'],
    ['{{nowrap|[[a|b=c]] d}} {{nowrap|1=a = b}} {{nowrap|a = b}}x', '<A:b=c> d a = b x'],
    ["''{{lang|fr|a ''b'' c}}'' {{nowrap|'''d''' ''e''}}", '"a "b" c" d "e"'],
    ['{{nowrap|a<ref>b|c</ref> {{x|d}}{{nowrap|e}}}}', 'a e'],
    ['{{lang|fr|{{nowrap|{{small|[[a]]}} b}}|c}}', '<A:a> b'],
    ['[[a|{{nowrap|b}}]] [[{{lang|en|c}}]] [[{{x}}|d]]', '<A:b> <C:c> d'],
    ['{{quote|a [[b]]|c}}', 'a <B:b> — c'],
    ['{{abbr|N/A}} {{abbr}} {{abbr|}} {{{abbr|x}}}', 'N/A'],
    ['a{{·}}b{{spaced ndash}}c{{nbsp}}{{!}}', 'a\u00a0· b\u00a0– c\u00a0|'],
    ['{{lang|fr|a {{lang|fr|b', 'lang|fr|a lang|fr|b'],
    ['{{nowrap|a\n\nb}}', 'a\nb'],
    ['{{nowrap|\n{|\n| a\n|}\nb}}', 'b'],
  ])('%s', (source, expected) => expect(readIn('en', source)).toBe(expected));

  test('what is nested too deep is dropped, in time that grows with its length', () => {
    const nested = (depth: number): string => `${'{{small|'.repeat(depth)}a${'}}'.repeat(depth)}`;
    expect(read(nested(20))).toBe('a');
    expect(read(nested(50))).toBe('');
    const many = Buffer.from(
      nested(100_000) + '{{lang|a|'.repeat(50_000) + 'b|'.repeat(100_000) + '}}'.repeat(50_000),
    );
    expect(new ArticleExtractor(wiki()).steps(many)).toBeLessThanOrEqual(many.length);
    const long = `{{small|${"[[a]] ''b'' ".repeat(30_000)}}} `.repeat(2);
    expect(extract(long).anchors).toHaveLength(60_000);
    for (const name of ['chem', 'respell', 'ipac-en']) {
      const parts = `{{${name}${'|b'.repeat(200_000)}}}`;
      expect(readIn('en', parts).match(/b/g)).toHaveLength(200_000);
    }
  });

  test('arguments in a row are read by their numbers, up to one that is missing', () => {
    expect(readIn('en', '{{chem|3=C|A|2=B|5=E}} {{chem|a|2=b|2=|02=c|2=d}}')).toBe('ABC ad');
    expect(readIn('en', 'a {{chem|2=B|0=A|-1=C}}b')).toBe('a b');
  });

  test('dropped as the paper does it, no template leaves a trace', () => {
    const source = "a ({{x}}, {{lang|fr|b}}) \"{{y}}\" ''{{z}}'', c {{ill|D|en|E}} 10<sup>6</sup>";
    expect(read(source, { templates: 'drop' })).toBe('a (, ) "" "", c 106');
  });
});

describe('what dropped templates leave is closed up', () => {
  const inlining = new ArticleExtractor(wiki());
  const dropping = new ArticleExtractor(wiki(), { templates: 'drop' });

  test.each([
    ['Vương quốc ({{x}}, {{y}}), là', 'Vương quốc, là'],
    ['a ({{x}}; born 1950) b', 'a (born 1950) b'],
    ['a (1950, {{x}}) b', 'a (1950) b'],
    ['a (b, {{x}}, c) d', 'a (b, c) d'],
    ['At {{x}}, it ends {{x}}.', 'At, it ends.'],
    ['a "{{x}}" b “{{x}}” c „{{x}}“ d «{{x}}» e »{{x}}« f ‘{{x}}’', 'a b c d e f'],
    ["a ''{{x}}'' b", 'a b'],
    ['"a" {{x}} "b"', '"a" "b"'],
    [
      '東京（{{x}}、{{y}}）は「{{z}}」『{{z}}』【{{z}}】〈{{z}}〉《{{z}}》〔{{z}}〕［{{z}}］国',
      '東京は国',
    ],
    ['القاهرة ({{x}}، {{y}})، مدينة', 'القاهرة، مدينة'],
    ['[{{x}}] {{{x}}} ⟨{{x}}⟩ ⁅{{x}}⁆ ༼{{x}}༽ ᚛{{x}}᚜ a', 'a'],
    ['a ([{{x}}] – {{y}}) b', 'a b'],
    ['a ({{x}}', 'a ('],
    ['a {{x}} b', 'a b'],
    ['a ([[Datei:a.svg|16px|☿]]) b (c: [[Datei:a.svg]]), d ([http://a.b])', 'a b (c), d'],
    ['f() ({{x}}) "" ()', 'f() "" ()'],
    ['(a) {{x}} (b)', '(a) (b)'],
    ['{{x}}, a', 'a'],
    ['[[a]] ({{x}}) [[b|({{x}})]] [[c|d ({{x}})]]', '<A:a> <C:d>'],
    ['a ({{x}}[[b]]{{x}}) [[c]]', 'a (<B:b>) <C:c>'],
    ['== a ({{x}}) ==\nb', 'a.\nb'],
  ])('%s', (source, expected) => expect(read(source)).toBe(expected));

  test('whatever stands around, links stay ranges of the same words', () => {
    const part = fc.constantFrom(
      '{{x}}',
      '(',
      ')',
      '「',
      '」',
      '"',
      ',',
      '、',
      ' ',
      ';',
      'a',
      '[[b c]]',
      '[[d|(]]',
      '[[e|,]]',
      '.',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 25 }), (parts) => {
        const page = { id: 1, title: 'Page', wikitext: Buffer.from(parts.join('')) };
        const { text, anchors } = inlining.extract(page);
        const words = (whole: string): string => whole.replace(/[^\p{L}]/gu, '');
        const dropped = dropping.extract(page);
        expect(words(text)).toBe(words(dropped.text));
        const named = anchors.filter(({ target }) => target === 'B c');
        expect(named.length).toBe(parts.filter((one) => one === '[[b c]]').length);
        for (const { start, end } of named) expect(text.slice(start, end)).toMatch(/^b ca*$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('a line of nothing else takes time that grows with its length', () => {
    for (const source of ['({{x}}, ', '{{x}}) ', '"{{x}}"', '({{x}}', ', {{x}}', '[[a|({{x}})]]']) {
      expect(extract(source.repeat(60_000)).text.length).toBeLessThanOrEqual(
        source.length * 60_000,
      );
    }
  });
});

describe('links to pages of other editions', () => {
  const linksIn = (language: string, source: string) =>
    extract(source, {}, wikiIn(language)).anchors.map(({ target, english }) => [target, english]);

  test.each([
    ['ja', '{{仮リンク|アダム・ビード|en|Adam Bede}}', 'アダム・ビード', 'Adam Bede'],
    ['ja', '{{仮リンク|a (b)|de|C|en|D (e)|label=a}}', 'A (b)', 'D (e)'],
    ['ja', '{{ill2|動物の言語|en|Animal language}}', '動物の言語', 'Animal language'],
    ['ja', '{{仮リンク|a|de|C}}', 'A', undefined],
    ['en', '{{ill|a|de|b|lt=c}}', 'A', undefined],
    ['zh', '{{link-en|甲|Alpha|乙}}', '甲', 'Alpha'],
    ['zh', '{{tsl|en|Alpha|甲|乙}}', '甲', 'Alpha'],
    ['fr', '{{Lien|langue=en|trad=Alpha|fr=Bêta|texte=gamma}}', 'Bêta', 'Alpha'],
    ['fr', '{{Lien|trad=Alpha|fr=Bêta}}', 'Bêta', 'Alpha'],
    ['fr', '{{Lien|langue=de|trad=Alpha|fr=Bêta}}', 'Bêta', undefined],
    ['ru', '{{iw|А|б||Alpha}} ', 'А', 'Alpha'],
    ['ru', '{{нп5|А|б|de|Alpha}}', 'А', undefined],
    ['ko', '{{임시링크|가|en|Alpha|v=나}}', '가', 'Alpha'],
  ])('%s: %s', (language, source, target, english) => {
    expect(linksIn(language, source)).toEqual([[target, english]]);
  });

  test('their labels', () => {
    expect(readIn('ja', "{{仮リンク|a|en|B|label=''c''}}")).toBe('<A:"c">');
    expect(readIn('fr', '{{Lien|fr=A|trad=B|texte=c}}')).toBe('<A:c>');
    expect(
      readIn('ja', '{{仮リンク|Category:a|en|B}} {{仮リンク||en|B}} {{仮リンク|[[a]]|en|B}}'),
    ).toBe('Category:a <A:a>');
  });

  test('off with the links of the wiki alone, where the label stays text', () => {
    const source = '{{仮リンク|a|en|B}} [[c]]';
    expect(marked(extract(source, { links: 'wiki' }, wiki('ja')))).toBe('a <C:c>');
  });

  test('are in the lines of extract, all of which have one form', () => {
    const anchorsOf = (options: ExtractOptions): object[] => {
      const extractor = new ArticleExtractor(wiki('ja'), options);
      const wikitext = Buffer.from('{{仮リンク|a|en|"B" é}} [[c]]');
      extractor.writeLine({ title: 'T', wikitext });
      return JSON.parse(Buffer.from(extractor.takeLines(new Uint8Array(0))).toString()).anchors;
    };
    expect(anchorsOf({})).toEqual([
      { start: 0, end: 1, target: 'A', english: '"B" é' },
      { start: 2, end: 3, target: 'C', english: '' },
    ]);
    expect(anchorsOf({ links: 'wiki' })).toEqual([{ start: 2, end: 3, target: 'C' }]);
    expect(anchorsOf({ templates: 'drop' })).toEqual([{ start: 0, end: 1, target: 'C' }]);
  });
});

describe('what is computed agrees with the engine', () => {
  test('numbers are grouped as the language does it', () => {
    for (const language of ['en', 'de', 'es', 'pl', 'pt', 'fr', 'ja', 'mr', 'hi', 'ru', 'de-CH']) {
      for (let length = 1; length <= 15; length++) {
        const whole = '123456789012345'.slice(0, length);
        const own = BigInt(whole).toLocaleString(language, { numberingSystem: 'latn' });
        expect(readIn(language, `{{formatnum:${whole}}}`), `${language} ${whole}`).toBe(own);
      }
    }
    expect(readIn('de', '{{formatnum:007.50}} {{formatnum:000}}')).toBe('7,50 0');
  });

  test('dates are written as the language does it', () => {
    const form = { timeZone: 'UTC', year: 'numeric', month: 'long' } as const;
    for (const language of ['en-GB', 'ja', 'mr', 'fr', 'ca', 'ru', 'vi', 'th', 'ar', 'eu', 'hu']) {
      const [edition] = language.split('-') as [string];
      for (const [year, month, day] of [
        [2023, 1, 1],
        [1987, 4, 30],
        [1600, 10, 9],
      ] as const) {
        const date = new Date(Date.UTC(year, month - 1, day));
        const own = (more: Intl.DateTimeFormatOptions): string =>
          date.toLocaleDateString(language, { ...form, ...more });
        expect(readIn(edition, `{{dts|${year}|${month}|${day}}}`)).toBe(own({ day: 'numeric' }));
        expect(readIn(edition, `{{dts|${year}|${month}}}`)).toBe(own({}));
      }
    }
    // The calendar of a country is none of Wikipedia's.
    expect(readIn('fa', '{{dts|1987|4}}')).toContain('۱۹۸۷');
    expect(readIn('en', '{{dts|1987}} {{dts|1987|x}} {{dts|0|4}} {{dts|12345}}a')).toBe('1987 a');
  });

  test('measures are rounded as numbers are', () => {
    const quantity = fc.record({
      value: fc.oneof(
        fc.integer({ min: 0, max: 99_999 }),
        fc.integer({ min: 0, max: 9_999_999 }).map((n) => n / 64),
        fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
      ),
      digits: fc.integer({ min: 0, max: 8 }),
    });
    fc.assert(
      fc.property(fc.array(quantity, { minLength: 20, maxLength: 20 }), (quantities) => {
        const plain = quantities.filter(({ value }) => !String(value).includes('e'));
        const line = plain.map(({ value, digits }) => `{{cvt|${value}|m|m|${digits}}}`).join('\n');
        const found = Array.from(line === '' ? [] : readIn('en', line).matchAll(/\((.*) m\)/g));
        expect(found.map(([, number]) => number!.replaceAll(',', ''))).toEqual(
          plain.map(({ value, digits }) => value.toFixed(digits)),
        );
      }),
      { numRuns: 50 },
    );
    expect(readIn('en', '{{cvt|9.5|m|m|0}} {{cvt|999.96875|m|m|4}} {{cvt|8.5|m|m|0}}')).toBe(
      '9.5 m (10 m) 999.96875 m (999.9688 m) 8.5 m (9 m)',
    );
    // No conversion is in powers of ten, and no number of digits is too large.
    expect(readIn('en', '{{cvt|999999999999999|sqmi|m2}}')).toContain('(2,589,988,110,33');
    expect(readIn('en', '{{cvt|5|m|m|-400}} {{cvt|5|m|m|400}}')).toBe(
      `5 m (0 m) 5 m (5.${'0'.repeat(20)} m)`,
    );
  });
});

test('the table is sound: every line has editions, names that can be met, and balanced signs', () => {
  const lines = TEMPLATE_TABLE.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines.length).toBeGreaterThan(60);
  for (const line of lines) {
    const [editions, names, shown] = line.split(' | ').map((part) => part.trim());
    expect(editions, line).toMatch(/^(?:\*|[a-z]{2,3})$/);
    for (const name of names!.split(', ')) {
      expect(name.replace(/[A-Z]/g, ''), line).toBe(name);
      expect(Buffer.byteLength(name), line).toBeLessThanOrEqual(60);
    }
    expect(shown!.split(/[{[]/).length, line).toBe(shown!.split(/[}\]]/).length);
  }
});

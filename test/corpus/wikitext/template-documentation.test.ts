// What templates show, against the examples of their own documentation: each group names the page that has them. Stored
// copies of these pages were read, on other wikis in part, as the comment says. Italics, tooltips and links to help pages
// are not text.
import { describe, expect, test } from 'vitest';
import { extract, marked, wiki } from './wiki.ts';

type Examples = readonly [wikitext: string, shown: string][];

const check = (language: string, examples: Examples): void => {
  const site = wiki(language);
  test.each(examples)('%s', (source, shown) => {
    expect(marked(extract(source, {}, site))).toBe(shown);
  });
};

// https://en.wikipedia.org/wiki/Template:Convert/doc, in the copies in nia.wikipedia.org and Nemotron-CC-Math.
describe('Template:Convert', () => {
  check('en', [
    ['{{convert|2|km|mi}}', '2 kilometres (1.2 mi)'],
    ['{{convert|7|mi|km}}', '7 miles (11 km)'],
    ['{{convert|2.5|km|mi}}', '2.5 kilometres (1.6 mi)'],
    ['{{convert|5.5|mi|km}}', '5.5 miles (8.9 km)'],
    ['{{convert|5,500.5|mi|km}}', '5,500.5 miles (8,852.2 km)'],
    ['{{convert|2,500.5|km|mi}}', '2,500.5 kilometres (1,553.7 mi)'],
    ['{{convert|1|lb|kg}}', '1 pound (0.45 kg)'],
    ['{{convert|1|lb|kg|abbr=on}}', '1 lb (0.45 kg)'],
    ['{{convert|1|lb|kg|abbr=off}}', '1 pound (0.45 kilograms)'],
    ['{{convert|1|lb|kg|abbr=in}}', '1 lb (0.45 kilograms)'],
    ['{{cvt|1|lb|kg}}', '1 lb (0.45 kg)'],
    ['{{convert|10|mi|km}} to go', '10 miles (16 km) to go'],
    ['A {{convert|10|mi|km|adj=on}} distance', 'A 10-mile (16 km) distance'],
    ['{{convert|123|ft|m|-1}}', '123 feet (40 m)'],
    ['{{convert|123|ft|m|0}}', '123 feet (37 m)'],
    ['{{convert|123|ft|m|1}}', '123 feet (37.5 m)'],
    ['{{convert|550|ft|m|0}}', '550 feet (168 m)'],
    ['{{convert|550|ft|m}}', '550 feet (170 m)'],
    ['{{convert|500|ft|m|0}}', '500 feet (152 m)'],
    ['{{convert|500|ft|m}}', '500 feet (150 m)'],
    ['{{convert|1200|ft|m}}', '1,200 feet (370 m)'],
    ['{{convert|1200|ft|m|sigfig=4}}', '1,200 feet (365.8 m)'],
    ['{{convert|1200|ft|m|sigfig=3}}', '1,200 feet (366 m)'],
    ['{{convert|1200|ft|m|sigfig=2}}', '1,200 feet (370 m)'],
    ['{{convert|1200|ft|m|sigfig=1}}', '1,200 feet (400 m)'],
    ['{{convert|10|m|ft}}', '10 metres (33 ft)'],
    ['{{convert|10|m|ft|round=5}}', '10 metres (35 ft)'],
    ['{{convert|5|ft|6|in|m}}', '5 feet 6 inches (1.68 m)'],
    ['{{convert|6|ft|2|in|cm|abbr=on}}', '6 ft 2 in (188 cm)'],
    ['a {{convert|5|ft|6|in|adj=on}} wall', 'a 5-foot-6-inch (1.68 m) wall'],
    ['{{convert|6|lb|4|oz|kg}}', '6 pounds 4 ounces (2.8 kg)'],
    ['{{convert|3|mi|20|ch}}', '3 miles 20 ch'],
    ['{{convert|1+1/2|mi|km}}', '1 1⁄2 miles (2.4 km)'],
    ['{{convert|5|ft|6+1/2|in|cm|abbr=on}}', '5 ft 6 1⁄2 in (168.9 cm)'],
    ['{{convert|70|°F}} {{convert|30|psi|abbr=on}}', '70 °F (21 °C) 30 psi (210 kPa)'],
    ['{{convert|5|-|7|PS}} {{convert|5|km|1}}', '5–7 PS 5 kilometres'],
    ['a {{convert|12|e6acre}} {{convert|1/0|km}} b', 'a b'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Nihongo and Template:Nihongo3, the first in en.wikibooks.org; what the pattern of
// Nihongo krt is, lld.wikipedia.org says.
describe('Template:Nihongo', () => {
  check('en', [
    ['{{Nihongo|Tokyo Tower|東京タワー|Tōkyō tawā}}', 'Tokyo Tower (東京タワー, Tōkyō tawā)'],
    ['{{Nihongo||東京タワー|Tōkyō tawā}}', 'Tōkyō tawā (東京タワー)'],
    ['{{Nihongo3|English|漢字|rōmaji}}', 'rōmaji (漢字, English)'],
    ['{{Nihongo krt|English|漢字|rōmaji}}', '漢字 (rōmaji, English)'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:As_of/doc, in cvillepedia.org, whose days stand as with df=US.
describe('Template:As of', () => {
  check('en', [
    ['{{As of|2008}}', 'As of 2008'],
    ['{{As of|2008|7}}', 'As of July 2008'],
    ['{{As of|2008|7|5|df=US}}', 'As of July 5, 2008'],
    ['{{As of|2008|7|5|df=US|lc=on}}', 'as of July 5, 2008'],
    ['{{As of|2008|4|1|alt=as of the 2009 election}}', 'as of the 2009 election'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Circa, in wiki.ourworldoftext.com.
describe('Template:Circa', () => {
  check('en', [
    ['{{circa|1325}}', 'c. 1325'],
    ['{{circa}} 1325 BCE', 'c. 1325 BCE'],
    ['{{circa|1000|1050}}', 'c. 1000 – c. 1050'],
    ['{{circa|1000–1050}}', 'c. 1000–1050'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Langx and Template:Lang-ru.
describe('Template:Langx', () => {
  check('en', [
    ['{{langx|ru|язык}}', 'Russian: язык'],
    ['{{langx|ru|язык|yazyk|language}}', "Russian: язык, romanized: yazyk, lit. 'language'"],
    ['{{langx|ru|язык|translit=yazyk|label=none}}', 'язык, romanized: yazyk'],
    ['{{lang-ru|язык|yazyk|language}}', "Russian: язык, romanized: yazyk, lit. 'language'"],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Chem and Template:Chem2.
describe('charges', () => {
  check('en', [
    ['{{chem|SO|4|2-}} {{chem|Fe|3+}} {{chem|H|3|O|+}}', 'SO₄²⁻ Fe³⁺ H₃O⁺'],
    ['{{chem2|SO4(2-)}} {{chem2|Na+}} {{chem2|[Fe(CN)6](4-)}}', 'SO₄²⁻ Na⁺ [Fe(CN)₆]⁴⁻'],
    ['{{chem2|2H2 + O2 -> 2H2O}} {{chem2|Ca(OH)2}}', '2H₂ + O₂ -> 2H₂O Ca(OH)₂'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Sort and Template:Ntsh, whose number is for sorting alone.
describe('sorting', () => {
  check('en', [
    ['{{sort|Smith, John|John Smith}} {{sort|A}} {{nts|1234}}{{ntsh|1234}}', 'John Smith A 1,234'],
    ['{{hlist|1|2|3|4|5|6|7|8|9|10|11}}', '1 · 2 · 3 · 4 · 5 · 6 · 7 · 8 · 9 · 10 · 11'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Music.
describe('Template:Music', () => {
  check('en', [['B{{music|flat}}, F{{music|#}}{{music|time|4|4}}', 'B♭, F♯']]);
});

// https://en.wikipedia.org/wiki/Template:Val, in wiktenauer.com; digits are set apart by style alone, not by signs, so their
// commas are left out here.
describe('Template:Val', () => {
  check('en', [
    ['{{val|123456.78901}}', '123456.78901'],
    ['{{val|1234|56}}', '1234±56'],
    ['{{val|1234|(56)}}', '1234(56)'],
    ['{{val|1234|+56|-78}}', '1234+56−78'],
    ['{{val|9.8|u=km}}', '9.8 km'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Frac, in wiktenauer.com.
describe('Template:Frac', () => {
  check('en', [
    ['{{frac|7|2|3}}', '7 2⁄3'],
    ['{{frac|2|3}}', '2⁄3'],
    ['{{frac|3}}', '1⁄3'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Respell and Template:IPAc-en, in ooda.wiki, sl.wikipedia.org, ms.wikipedia.org and
// wikiclassic.com.
describe('pronunciation', () => {
  check('en', [
    ['{{respell|prə|NUN|see|AY|shən}}', 'prə-NUN-see-AY-shən'],
    ['{{respell|WUUS|tər|shər}}', 'WUUS-tər-shər'],
    ['{{respell|AL|gə-ridh-m}}', 'AL-gə-ridh-m'],
    ['{{respell|-zits}}', '-zits'],
    ['{{respell|MASS|ə|CHOO_|sits}}', 'MASS-əCHOO sits'],
    ['{{IPAc-en|ˈ|w|ʊ|s|t|ər|ʃ|ər}}', '/ˈwʊstərʃər/'],
    ['{{IPAc-en|ˌ|m|æ|s|ə|ˈ|tʃ|uː|s|ɪ|t|s}}', '/ˌmæsəˈtʃuːsɪts/'],
    ['{{IPAc-en|-|z|ɪ|t|s}}', '/-zɪts/'],
    ['{{IPAc-en|uk|æ|l}} {{IPAc-en|uslang|b}}', 'UK: /æl/ American English: /b/'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Lang/doc, in micronations.wiki; https://en.wikipedia.org/wiki/Template:Ill, whose
// mark of the other edition, [fr], is left out: it is no word of the text.
describe('languages', () => {
  check('en', [
    ['She said: "{{lang|fr|Je suis française.}}"', 'She said: "Je suis française."'],
    ['{{ill|Hooglede town hall|nl}}', '<Hooglede town hall:Hooglede town hall>'],
    ['{{ill|Trève|fr|lt=trèves}}', '<Trève:trèves>'],
  ]);
});

// https://en.wikipedia.org/wiki/Template:Coord/doc, in twcarchive.com; without directions, in es.complupedia.wikia.com.
describe('Template:Coord', () => {
  check('en', [
    ['at {{Coord|57|18|22|N|4|27|32|W|display=inline}}.', 'at 57°18′22″N 4°27′32″W.'],
    ['at {{Coord|44.1124|N|87.9130|W}}', 'at 44.1124°N 87.9130°W'],
    ['at {{coord|10.2|-20.3|type:city|name=a}}', 'at 10.2°N 20.3°W'],
    [
      'a {{coord|12|34|N|45|33|W|display=title}} {{coord|x|y}} {{coord|12|34|N|45|33}} {{coord}}b',
      'a b',
    ],
  ]);
});

// https://fr.wikipedia.org/wiki/Modèle:Unité, whose blanks may not be broken.
describe('Modèle:Unité', () => {
  check('fr', [
    ['{{unité|30|km}}', '30 km'],
    [
      '{{unité|30000|habitants}} {{nombre|250000|déportés}}',
      '30\u202f000 habitants 250\u202f000 déportés',
    ],
    ['{{unité|12|km|2}} {{unité|5|e=8}} {{unité|un|km}}', '12 km² 5×10⁸ un km'],
  ]);
});

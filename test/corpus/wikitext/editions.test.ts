// What differs between the editions of Wikipedia: names of namespaces, letters that continue a link, direction,
// scripts without spaces, characters beyond 16 bits, switches, language variants.
import { describe, expect, test } from 'vitest';
import { extract, marked, wiki } from './wiki.ts';

type Names = [number, string][];

const read = (language: string, source: string, names?: Names): string =>
  marked(extract(source, {}, names ? wiki(language, names) : wiki(language)));

describe('the link goes on in the letters after it', () => {
  test.each([
    ['en', '[[bus]]es, [[naive]]té, [[USA]]F', '<Bus:buses>, <Naive:naiveté>, <USA:USA>F'],
    ['fr', "[[mot]]s, l'[[eau]]", "<Mot:mots>, l'<Eau:eau>"],
    ['ru', '[[Москва|Москв]]ой, [[Москва]]-река', '<Москва:Москвой>, <Москва:Москва>-река'],
    ['el', '[[Αθήνα]]ς', '<Αθήνα:Αθήνας>'],
    ['hy', '[[Հայաստան]]ի', '<Հայաստան:Հայաստանի>'],
    ['ka', '[[საქართველო]]ს', '<საქართველო:საქართველოს>'],
    ['he', '[[ישראל]]ים', '<ישראל:ישראלים>'],
    ['ar', 'و[[مصر]]ية', 'و<مصر:مصرية>'],
    ['fa', '[[ایران]]\u200cها', '<ایران:ایران\u200cها>'],
    ['hi', '[[भारत]]ीय', '<भारत:भारतीय>'],
    ['bn', '[[ভারত]]ের', '<ভারত:ভারতের>'],
    ['ta', '[[இந்தியா]]வின்', '<இந்தியா:இந்தியாவின்>'],
    ['tr', "[[istanbul]]'un", "<İstanbul:istanbul>'un"],
    ['vi', '[[Hà Nội]]', '<Hà Nội:Hà Nội>'],
  ])('%s %s', (language, source, expected) => expect(read(language, source)).toBe(expected));

  test.each([
    ['ja', '[[日本]]の[[首都]]ー', '<日本:日本>の<首都:首都>ー'],
    ['zh', '[[中国]]人', '<中国:中国>人'],
    ['ko', '[[한국]]의', '<한국:한국>의'],
    ['th', '[[ไทย]]เป็น', '<ไทย:ไทย>เป็น'],
    ['lo', '[[ລາວ]]ເປັນ', '<ລາວ:ລາວ>ເປັນ'],
    ['km', '[[កម្ពុជា]]ជា', '<កម្ពុជា:កម្ពុជា>ជា'],
    ['my', '[[မြန်မာ]]သည်', '<မြန်မာ:မြန်မာ>သည်'],
    ['bo', '[[བོད]]ཀྱི', '<བོད:བོད>ཀྱི'],
  ])('but not in %s, which is written without spaces', (language, source, expected) => {
    expect(read(language, source)).toBe(expected);
  });
});

describe('what is left out between a clause and the next leaves a blank', () => {
  test.each([
    ['en', 'ends.<ref>x</ref>Next<ref name=a/>, ends:<ref name=a/>next', 'ends. Next, ends: next'],
    [
      'en',
      "ends.{{sfn|a}}{{sfn|b}}'''Next''' ''it.''<ref>x</ref>[[So]]",
      'ends. Next "it." <So:So>',
    ],
    ['en', '(ends).[[File:a.jpg|thumb|b]]Next,[[Category:C]]\nline', '(ends). Next,\nline'],
    ['el', 'τέλος.<ref>x</ref>Αρχή', 'τέλος. Αρχή'],
    ['hi', 'अंत।<ref>x</ref>नया', 'अंत। नया'],
    ['ar', 'نهاية،<ref>x</ref>بداية', 'نهاية، بداية'],
    // Not within words and numbers, nor where the script has no blanks.
    ['en', '1,<ref>x</ref>000 a<ref>x</ref>b [[A.<!-- x -->B]]', '1,000 ab <A.B:A.B>'],
    ['ja', '終わり。<ref>x</ref>次 A.<ref>x</ref>次', '終わり。次 A.次'],
  ])('%s: %s', (language, source, expected) => {
    expect(marked(extract(source, {}, wiki(language)))).toBe(expected);
  });

  test('but not with templates dropped as in the paper', () => {
    const { text } = extract('ends.<ref>x</ref>Next', { templates: 'drop' });
    expect(text).toBe('ends.Next');
  });
});

describe('namespaces by their names in the wiki', () => {
  test.each<[string, Names, string]>([
    [
      'ar',
      [
        [6, 'ملف'],
        [14, 'تصنيف'],
      ],
      'a [[ملف:س.jpg|تصغير|[[ب]]]][[تصنيف:ت]]',
    ],
    [
      'he',
      [
        [6, 'קובץ'],
        [14, 'קטגוריה'],
      ],
      'a [[קובץ:A.png|ממוזער|[[ב]]]][[קטגוריה:ג]]',
    ],
    [
      'fa',
      [
        [6, 'پرونده'],
        [14, 'رده'],
      ],
      'a [[پرونده:A.png|بندانگشتی]][[رده:ب]]',
    ],
    [
      'ru',
      [
        [6, 'Файл'],
        [14, 'Категория'],
      ],
      'a [[Файл:а.jpg|мини|[[б]]]][[категория:в]]',
    ],
    [
      'ja',
      [
        [6, 'ファイル'],
        [14, 'Category'],
      ],
      'a [[ファイル:あ.jpg|thumb]][[画像:い.png]][[Category:う]]',
    ],
    [
      'th',
      [
        [6, 'ไฟล์'],
        [14, 'หมวดหมู่'],
      ],
      'a [[ไฟล์:ก.jpg|thumb]][[หมวดหมู่:ข]]',
    ],
    [
      'vi',
      [
        [6, 'Tập tin'],
        [14, 'Thể loại'],
      ],
      'a [[Tập_tin:A.jpg|nhỏ]][[thể loại:B]]',
    ],
    [
      'tr',
      [
        [6, 'Dosya'],
        [14, 'Kategori'],
      ],
      'a [[Dosya:A.jpg|küçükresim]][[Kategori:B]]',
    ],
    [
      'fi',
      [
        [6, 'Tiedosto'],
        [14, 'Luokka'],
      ],
      'a [[Tiedosto:A]][[Kuva:B.jpg|pienoiskuva]][[Luokka:C]]',
    ],
    [
      'de',
      [
        [6, 'Datei'],
        [14, 'Kategorie'],
      ],
      'a [[Bild:A.jpg|mini]][[image:B]][[ KATEGORIE : C ]]',
    ],
  ])('%s: images and categories', (language, names, source) => {
    expect(read(language, source, names)).toBe('a');
  });

  test.each<[string, Names, string, string]>([
    [
      'ru',
      [
        [2, 'Участник'],
        [100, 'Портал'],
      ],
      '[[Участник:А|б]] [[Портал:В]]',
      'б В',
    ],
    [
      'es',
      [
        [1, 'Discusión'],
        [104, 'Anexo'],
      ],
      '[[discusión:A|b]] [[Anexo:C|d]]',
      'b d',
    ],
    [
      'zh',
      [
        [118, 'Draft'],
        [4, 'Wikipedia'],
      ],
      '[[Draft:甲|乙]] [[wikipedia:丙|丁]]',
      '乙 丁',
    ],
    [
      'en',
      [],
      '[[Star Trek: Voyager]] [[2001: A|b]]',
      '<Star Trek: Voyager:Star Trek: Voyager> <2001: A:b>',
    ],
    ['fr', [], '[[Tintin : le film]]', '<Tintin : le film:Tintin : le film>'],
  ])('%s: others, and titles with a colon', (language, names, source, expected) => {
    expect(read(language, source, names)).toBe(expected);
  });

  test('a shown link to an image or category is text', () => {
    expect(
      read('ru', '[[:Файл:А.jpg|б]] [[:Категория:В]]', [
        [6, 'Файл'],
        [14, 'Категория'],
      ]),
    ).toBe('б В');
  });
});

describe('characters', () => {
  test.each([
    ['𝒳 [[𝒳𝒴|𝒵]] 𝒲', '𝒳 <𝒳𝒴:𝒵> 𝒲'],
    ['👨‍👩‍👧 [[👨‍👩‍👧]] x', '👨‍👩‍👧 <👨‍👩‍👧:👨‍👩‍👧> x'],
    ['[[𞤆𞤵𞤤𞤢𞤪]]𞤫', '<𞤆𞤵𞤤𞤢𞤪:𞤆𞤵𞤤𞤢𞤪𞤫>'],
    ['e\u0301 [[e\u0301]]a', 'e\u0301 <É:e\u0301a>'],
    ['[[क्षेत्र|क्ष]] त्र', '<क्षेत्र:क्ष> त्र'],
    ['\u200f[[א]]\u200f, [[ב|\u202bג\u202c]]', '\u200f<א:א>\u200f, <ב:\u202bג\u202c>'],
    ['[[\u200eA]] [[B\u200f|c]]', '<A:\u200eA> <B:c>'],
    ['&#x1D4B3; [[&#119987;]]', '𝒳 <𝒳:𝒳>'],
  ])('%s', (source, expected) => expect(read('en', source)).toBe(expected));
});

test.each([
  ['__NOTOC__a', 'a'],
  ['__БЕЗСАДРЖАЈА__a', 'a'],
  ['__목차숨김__a', 'a'],
  ['__لا_فهرس__a', 'a'],
  ['__目次__a＿＿目次強制＿＿b', 'ab'],
  ['＿a＿＿b', '＿a＿＿b'],
])('switch %s', (source, expected) => expect(read('ja', source)).toBe(expected));

describe('language variants', () => {
  test.each([
    ['zh', '-{zh-hans:计算机;zh-hant:電腦}-', '计算机'],
    ['zh', '[[-{zh-hans:计算机;zh-hant:電腦}-]]', '<计算机:计算机>'],
    ['zh', '[[電腦|-{zh-hans:计算机;zh-hant:電腦}-]]', '<電腦:计算机>'],
    ['zh', '-{zh-cn:[[甲|乙]];zh-tw:[[丙]]}-丁', '<甲:乙>丁'],
    ['zh', '-{H|zh-cn:甲;zh-tw:乙}--{T|丙}-丁', '丁'],
    ['zh', '-{R|甲}- -{zh;zh-hans;zh-hant|乙}- -{}-', '甲 乙'],
    ['zh', '-{zh-hans:甲; zh-hant:-{乙}-}-', '甲'],
    ['sr', '-{Latin [[text]]}- -{sr-ec:ћ;sr-el:ć}-', 'Latin <Text:text> ћ'],
    ['kk', '-{kk-cyrl:қ;kk-latn:q}-', 'қ'],
    ['en', 'a-{b', 'a-{b'],
  ])('%s %s', (language, source, expected) => expect(read(language, source)).toBe(expected));
});

test.each([
  '[[../]]',
  '[[../a|b]]',
  '[[a/../b|b]]',
  '[[./a|b]]',
  '[[a/.|b]]',
  '[[a~~~b|b]]',
  `[[${'a'.repeat(5000)}|b]]`,
])('%s names no page', (source) => {
  expect(extract(source).anchors).toEqual([]);
});
test('dots elsewhere do', () => {
  expect(read('en', '[[...|a]] [[a.b/c|d]] [[.net|e]]')).toBe('<...:a> <A.b/c:d> <.net:e>');
});

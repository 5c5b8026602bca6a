// The native reader of wikitext by itself: what it is told of characters, what it answers, and what it refuses.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addon } from '../../../lib/core/addon.ts';
import type { DumpAddon } from '../../../lib/corpus/dump/native.ts';
import { characterProperties } from '../../../lib/corpus/wikitext/characters.ts';
import { ArticleExtractor } from '../../../lib/corpus/wikitext/extract.ts';
import { languageForms } from '../../../lib/corpus/wikitext/language-forms.ts';
import { LinkResolver } from '../../../lib/corpus/wikitext/links.ts';
import type {
  LinkTarget,
  NativeReadingOptions,
  WikitextAddon,
} from '../../../lib/corpus/wikitext/native.ts';
import { extract, inLines, marked, wiki } from './wiki.ts';

const { NativeWikitextReader } = addon<WikitextAddon>();
type Resolve = (target: string) => LinkTarget;
const options: NativeReadingOptions = {
  ...{ keepLists: true, decodeTwice: false, scripts: 'plain' as const },
  ...{ templates: [], templateLinks: true, brackets: [], thumbnails: [] },
  language: languageForms({ language: 'en' }),
  ...{ keepHeadings: false, keepCaptions: false, keepTables: false, keepFormulas: false },
};

const reader = (resolve: Resolve) =>
  new NativeWikitextReader(characterProperties(), new Uint32Array(0), options, resolve);

describe('characters', () => {
  const properties = characterProperties();
  test.each([
    ['blanks', 1, /^\s$/u],
    ['words', 2, /^[\p{L}\p{N}]$/u],
    ['names of switches', 8, /^[\p{L}\p{M}\p{N}\p{Cf}'’-]$/u],
    ['Han and Kana', 16, /^[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]$/u],
  ])('%s, of all of Unicode', (_, bit, pattern) => {
    const wrong: string[] = [];
    for (let point = 0; point < 0x110000; point++) {
      if (point >= 0xd800 && point < 0xe000) continue;
      const has = (properties[point]! & bit) !== 0;
      if (has !== pattern.test(String.fromCodePoint(point))) wrong.push(point.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  test('what is taken for a title as it stands is in Unicode NFC', () => {
    const plain = Array.from(properties.keys()).filter((point) => {
      return (properties[point]! & 32) === 0 && (point < 0xd800 || point >= 0xe000);
    });
    expect(plain.length).toBeGreaterThan(50_000);
    const before = Array.from('eΩवがᄀ가ا\u05d0\u0e01\u1025');
    for (const point of plain) {
      const sign = String.fromCodePoint(point);
      const text = before.map((letter) => letter + sign).join('\n');
      if (text.normalize('NFC') !== text) expect.fail(`U+${point.toString(16)} is not stable`);
    }
    const sign = fc.nat(plain.length - 1).map((i) => String.fromCodePoint(plain[i]!));
    const moves = (text: string): boolean => (properties[text.codePointAt(0)!]! & 64) !== 0;
    fc.assert(
      fc.property(fc.array(fc.oneof(sign, fc.constantFrom('\u094d', '\u064b', 'क'))), (signs) => {
        const text = signs
          .filter((one, i) => i === 0 || !moves(one) || !moves(signs[i - 1]!))
          .join('');
        expect(text.normalize('NFC')).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('targets', () => {
  const asked = (source: string): string[] => {
    const targets: string[] = [];
    reader((target) => {
      targets.push(target);
      return 'h';
    }).article(Buffer.from(source));
    return targets;
  };

  test('only what may not be a title as it stands is asked for', () => {
    expect(asked('[[Berlin]] [[東京|a]] [[a (b)/c. d]] [[Straße]]s')).toEqual([]);
    const odd = [
      'a:b',
      'a#b',
      ' a',
      'a ',
      'a  b',
      'a_b',
      '%41',
      './a',
      'a/.b',
      "'a",
      "a'",
      'e\u0301',
      '𝄞',
      'a\u200eb',
      '',
    ];
    expect(asked(odd.map((target) => `[[${target}]]`).join(' '))).toEqual(odd);
  });

  test('an article, text with and without what to show, and nothing', () => {
    const answers: Record<string, ReturnType<Resolve>> = {
      'x:1': 'aOne',
      'x:2': 't',
      'x:3': 'tthree',
      'x:4': 'h',
    };
    const { text, anchors, targets } = reader((target) => answers[target]!).article(
      Buffer.from('[[x:1]], [[x:1|eins]], [[x:2]], [[x:3]], [[x:3|drei]], [[x:4|vier]].'),
    );
    expect(text).toBe('x:1, eins, x:2, three, drei, .');
    expect([...anchors]).toEqual([0, 3, 3, 0, 5, 9, 3, 0]);
    expect(targets).toBe('OneOne');
  });

  test('what is hidden by its prefix is asked for once', () => {
    const targets: string[] = [];
    const own = reader((target) => {
      targets.push(target);
      return target.startsWith('A') ? 'p' : 'h';
    });
    const page =
      '[[A:b]] [[A:c|d]] [[A:東]] [[A: e]] [[A:f_g]] [[A:]] [[A]] [[B:c]] [[B:c]] [[ A:b]].';
    expect(own.article(Buffer.from(page)).text).toBe('A .');
    expect(targets).toEqual(['A:b', 'A: e', 'A:f_g', 'A:', 'B:c', 'B:c', ' A:b']);
    // What is asked of again takes no place.
    own.article(Buffer.from('[[A: e]]'.repeat(100)));
    own.article(Buffer.from('[[AA:b]]'));
    targets.length = 0;
    own.article(Buffer.from('[[AA:b]]'));
    expect(targets).toEqual([]);
    // However many prefixes there are, few are remembered.
    const many = Array.from({ length: 100 }, (_, i) => `[[A${i}:b]]`).join('');
    own.article(Buffer.from(many));
    targets.length = 0;
    own.article(Buffer.from(many));
    expect(targets.length).toBeGreaterThan(60);
  });

  test('a reader that knows prefixes reads as one that does not', () => {
    const prefix = fc.constantFrom(
      ...['Kategorie', 'kategorie', ' Datei ', 'Category', "''Datei", 'en', 'EN', 'w', 'Bild'],
      ...['Portal', 'x', '', ':Kategorie', 'Datei_', '&#68;atei', 'Катэгорыя', 'a.jpg', 'Ｄatei'],
    );
    const part = fc.constantFrom(
      ...[
        'a',
        'B',
        ' ',
        '.',
        '/',
        '_',
        '#',
        ':',
        '%41',
        '~~~',
        "''",
        "'",
        '\u0301',
        'é',
        '東',
        '&amp;',
      ],
      ...['{', '<b>', 'a.jpg', '..', '\u200e', '\ufffd'],
    );
    const target = fc
      .tuple(prefix, fc.array(part, { maxLength: 5 }))
      .map(([before, parts]) => `${before}:${parts.join('')}`);
    const resolver = new LinkResolver(wiki());
    const asking = reader((one) => {
      const answer = resolver.resolve(one);
      return answer === 'p' ? 'h' : answer;
    });
    const asks: string[] = [];
    const knowing = reader((one) => {
      asks.push(one);
      return resolver.resolve(one);
    });
    fc.assert(
      fc.property(fc.array(target, { minLength: 1, maxLength: 6 }), (targets) => {
        const page = Buffer.from(targets.map((one) => `x [[${one}]] [[${one}|y]] z`).join('\n\n'));
        expect(knowing.article(page)).toEqual(asking.article(page));
      }),
      { numRuns: 3000 },
    );
    const page = Buffer.from('[[Kategorie:A]] [[Category:A]] [[en:A]]');
    knowing.article(page);
    asks.length = 0;
    knowing.article(page);
    expect(asks).toEqual([]);
  });

  test('long ones are text', () => {
    expect(asked(`[[a:${'b'.repeat(3998)}]]`)).toHaveLength(1);
    expect(asked(`[[a:${'b'.repeat(3999)}]] [[a:${'東'.repeat(3999)}]]`)).toEqual([]);
    expect(asked(`[[a:${'東'.repeat(3998)}]]`)).toHaveLength(1);
  });

  test('what goes wrong while one is resolved is told, and the next page is read', () => {
    let answer: () => unknown = () => {
      throw new RangeError('no');
    };
    const own = reader(() => answer() as 'h');
    const page = Buffer.from('a [[b:c]]');
    expect(() => own.article(page)).toThrow(RangeError);
    answer = () => 7;
    expect(() => own.article(page)).toThrow('expected a string');
    answer = () => own.article(page);
    expect(() => own.article(page)).toThrow('a page was read while another is');
    answer = () => 'tC';
    expect(own.article(page).text).toBe('a C');
  });
});

test('capitals as the wiki wants them', () => {
  const source = '[[berlin]] [[état]] [[ωμέγα]] [[ß]] [[ix]] [[ქართული]] [[𐐨|d]]';
  expect(marked(extract(source))).toBe(
    '<Berlin:berlin> <État:état> <Ωμέγα:ωμέγα> <ß:ß> <Ix:ix> <ქართული:ქართული> <𐐀:d>',
  );
  expect(marked(extract('[[ix]]', {}, wiki('tr')))).toBe('<İx:ix>');
  const exact = { ...wiki(), caseRule: 'case-sensitive' } as const;
  expect(marked(extract('[[berlin]]', {}, exact))).toBe('<berlin:berlin>');
});

test('a line is the JSON of the article', () => {
  const extractor = new ArticleExtractor(wiki());
  const part = fc.oneof(
    fc.constantFrom('[[', ']]', '|', '\n', '"', '\\', '&#8;', '&#9;', '\u007f', '😀', ' '),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(part), fc.string({ unit: 'binary' }), (parts, title) => {
      const page = { id: 1, title, wikitext: Buffer.from(parts.join('')) };
      const { text, anchors } = extractor.extract(page);
      const written = text !== '';
      const line = written ? `${JSON.stringify({ title, text, anchors: inLines(anchors) })}\n` : '';
      for (const times of [1, 3]) {
        for (let i = 0; i < times; i++) {
          expect(extractor.writeLine(page)).toEqual({ written, oddity: undefined });
        }
        const room = new Uint8Array(200);
        const lines = extractor.takeLines(room);
        expect(Buffer.from(lines).toString()).toBe(line.repeat(times));
        expect(lines.buffer === room.buffer).toBe(lines.length <= 200);
      }
    }),
  );
});

test('bytes that are no text are read without harm', () => {
  const own = reader(() => 'h');
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 3 }),
          fc.constantFrom('[[', ']]', "''", '__', '|', '\n== ', '＿＿').map((s) => Buffer.from(s)),
        ),
      ),
      (parts) => {
        const bytes = Buffer.concat(parts);
        expect(own.article(bytes).steps).toBeLessThanOrEqual(bytes.length);
      },
    ),
    { numRuns: 2000 },
  );
});

test('character references', () => {
  const { decodeEntities } = addon<DumpAddon>();
  expect(decodeEntities('a&amp;b &lt;&eacute;&#x1f600;&#65; &nbsp;|&amp;nbsp;')).toBe(
    'a&b <é😀A \u00a0|\u00a0',
  );
  const others =
    '& &; &x; &nbsp &#; &#x; &#0; &#xd800; &#x110000; &LT; &#99999999999999; &#1a; é&é;';
  expect(decodeEntities(others)).toBe(others);
});

describe('wrong arguments are refused', () => {
  const create = NativeWikitextReader as unknown as new (...args: unknown[]) => unknown;
  const all: unknown[] = [characterProperties(), new Uint32Array(0), options, () => 'h'];
  test.each([
    [0, new Uint8Array(5), 'expected properties of 1114112 characters, got 5'],
    [0, 'a', 'expected a Uint8Array'],
    [1, new Int32Array(0), 'the capitals as a Uint32Array'],
    [2, true, 'the options as an object'],
    [2, { ...options, scripts: 'small' }, 'scripts to be plain, unicode or signs, got small'],
    [2, { ...options, templates: 5 }, 'lists as arrays'],
    [2, { ...options, templates: ['a'] }, 'a template as an object'],
    [2, { ...options, templates: [{ names: ['a'], shown: '@b' }] }, 'that templates have, got @b'],
    [2, { ...options, language: 'en' }, 'the forms of the language as an object'],
    [2, { ...options, language: { ...options.language, months: [''] } }, '12 months, got 1'],
    [2, { ...options, language: { ...options.language, last: 0 } }, 'groups of digits, got none'],
    [2, { ...options, language: { ...options.language, labels: [1] } }, 'a label as an object'],
    [3, undefined, 'a function that resolves targets'],
  ])('argument %i: %s', (place, value, message) => {
    expect(() => new create(...all.with(place, value))).toThrow(message);
  });

  test('of calls', () => {
    const own = reader(() => 'h');
    const { article, writeLine } = own as unknown as Record<
      string,
      (...args: unknown[]) => unknown
    >;
    expect(() => article!.call(own, 'text')).toThrow('the wikitext is a string');
    expect(() => writeLine!.call(own, undefined, 'a')).toThrow('the wikitext is missing');
    expect(() => writeLine!.call(own, Buffer.from('a'))).toThrow('the title as a string');
    expect(own.linesSize()).toBe(0);
    expect(() => writeLine!.call(own, Buffer.from('a'), 'a')).toThrow('the further members');
    own.writeLine(Buffer.from('b'), 'a', '');
    expect(() => own.takeLines(new Uint8Array(3))).toThrow('room for 38 bytes of lines, got 3');
    expect(() => (addon<DumpAddon>().scanPages as (xml: unknown) => unknown)([1])).toThrow(
      'the XML is an object',
    );
  });
});

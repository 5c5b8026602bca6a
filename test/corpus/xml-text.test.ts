// What the quick reader of pages asks of its bytes, against the same asked of strings.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addon } from '../../lib/core/addon.ts';

const { isUsualXml, xmlText } = addon();

test('every unit of UTF-16 at every place of a vector', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const unusual = /[\0-\x08\x0b-\x1f\ufffe\uffff]/;
  for (let unit = 0; unit < 0x10000; unit++) {
    if (unit >= 0xd800 && unit < 0xe000) continue;
    const text = `${'ä'.repeat(unit % 41)}${String.fromCharCode(unit)}${'x'.repeat(unit % 37)}`;
    if (isUsualXml(Buffer.from(text)) === unusual.test(text)) {
      expect.fail(`U+${unit.toString(16)} is ${unusual.test(text) ? '' : 'not '}unusual`);
    }
  }
  expect(isUsualXml(new Uint8Array(0))).toBe(true);
});

const signs = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&amp;': '&',
  '&#039;': "'",
  '&apos;': "'",
};

/** The text, or undefined where it is left to the parser. */
function read(xml: string, before = '', after = ''): string | undefined {
  const bytes = Buffer.from(before + xml + after);
  const start = Buffer.byteLength(before);
  const end = start + Buffer.byteLength(xml);
  const output = Buffer.alloc(end - start, 0xee);
  const length = xmlText(bytes, start, end, output);
  return length < 0 ? undefined : output.toString('utf8', 0, length);
}

describe('the text of XML', () => {
  test('common references are resolved once, all else is as it was', () => {
    const part = fc.constantFrom(
      ...Object.keys(signs),
      'lt;',
      '&amp;lt;',
      ' ',
      '\n',
      'é',
      '東',
      '😀',
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const xml = parts.join('');
        const text = xml.replace(/&[^;]+;/g, (one) => signs[one as keyof typeof signs]);
        expect(read(xml, '<a>', '</a>')).toBe(text);
      }),
    );
  });

  test.each(['&', '&l', '&lt', '&nbsp;', '&#39;', '&#x27;', '&LT;', '>', ']]>', 'a&b', '&&lt;'])(
    '%s is left to the parser',
    (xml) => {
      // What follows the part does not complete it.
      for (const after of ['', ';', 't;', 'lt;']) expect(read(xml, '&', after)).toBe(undefined);
      expect(read(`é${xml}x`)).toBe(undefined);
    },
  );

  test.each([
    [[[1], 0, 1, new Uint8Array(1)], 'the XML is an object, expected a Uint8Array'],
    [[new Uint8Array(4), 0, 4, new Uint16Array(4)], 'the output is an object'],
    [[new Uint8Array(4), 0, 5, new Uint8Array(9)], 'a range in 4 bytes, got 0 to 5'],
    [[new Uint8Array(4), -1, 2, new Uint8Array(9)], 'a range in 4 bytes, got -1 to 2'],
    [[new Uint8Array(4), 3, 2, new Uint8Array(9)], 'a range in 4 bytes, got 3 to 2'],
    [[new Uint8Array(4), 1, 4, new Uint8Array(2)], 'room for 3 bytes, got 2'],
  ])('%j is refused', (args, message) => {
    expect(() => (xmlText as (...args: unknown[]) => unknown)(...args)).toThrow(message);
  });
});

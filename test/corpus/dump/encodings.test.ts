// A dump in any encoding that XML can declare and the platform knows is read like the same dump in UTF-8.
import { describe, expect, test } from 'vitest';
import { readDump } from '../../../lib/corpus/dump/dump.ts';

const dump = (declared: string, title: string, text: string): string =>
  `${declared === '' ? '' : `<?xml version="1.0" encoding="${declared}"?>\n`}<mediawiki xml:lang="xx"><siteinfo><namespaces><namespace key="6">${title}</namespace></namespaces></siteinfo><page><title>${title}</title><ns>0</ns><id>1</id><revision><text>${text}</text></revision></page></mediawiki>\n`;

/** The bytes of every character that an encoding writes with one, two or four of them. */
function encoderOf(encoding: string): (text: string) => Buffer {
  const decoder = new TextDecoder(encoding, { fatal: true });
  // Node's own decoder takes these bytes for control characters.
  const latin = new Map(
    [
      ['“', 0x93],
      ['”', 0x94],
      ['€', 0x80],
    ].map(([a, b]) => [a as string, Buffer.of(b as number)]),
  );
  const codes = new Map<string, Buffer>();
  const add = (bytes: Buffer): void => {
    try {
      const character = decoder.decode(bytes);
      if (Array.from(character).length === 1 && !codes.has(character)) codes.set(character, bytes);
    } catch {
      // No character.
    }
  };
  for (let a = 0; a < 256; a++) add(Buffer.of(a));
  for (let a = 0x81; a < 256; a++) for (let b = 0x40; b < 256; b++) add(Buffer.of(a, b));
  return (text) =>
    Buffer.concat(Array.from(text, (character) => codes.get(character) ?? latin.get(character)!));
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array): Promise<{ title: string; text: string }> {
  const pages: { title: string; text: string }[] = [];
  for (const size of [7, bytes.length]) {
    const { siteinfo, pages: all } = await readDump(inPieces(bytes, size), 'dump.xml');
    for await (const page of all()) {
      expect(siteinfo.namespaces.get(6)?.name).toBe(page.title);
      pages.push({ title: page.title, text: Buffer.from(page.wikitext).toString() });
    }
  }
  expect(pages).toHaveLength(2);
  expect(pages[1]).toEqual(pages[0]);
  return pages[0]!;
}

test.each([
  ['windows-1251', 'Москва', 'я [[Россия]]'],
  ['KOI8-R', 'Москва', 'я [[Россия]]'],
  ['ISO-8859-2', 'Łódź', 'ł [[Šibenik]]'],
  ['ISO-8859-7', 'Αθήνα', 'ά'],
  ['ISO-8859-9', 'İstanbul', 'ışık'],
  ['windows-1252', 'Köln', '“ö” €'],
  ['windows-1256', 'مصر', 'پ'],
  ['ISO-8859-8', 'ישראל', 'א'],
  ['TIS-620', 'ไทย', 'ก'],
  ['Shift_JIS', '東京', 'ソ能表ｱ'],
  ['EUC-JP', '東京', '日本'],
  ['GB18030', '北京', '中国'],
  ['GBK', '北京', '中国'],
  ['Big5', '臺北', '許功蓋'],
  ['EUC-KR', '서울', '한국'],
  ['US-ASCII', 'Rome', 'a'],
])('%s', async (encoding, title, text) => {
  const bytes = encoderOf(encoding)(dump(encoding, title, text));
  expect(await read(bytes)).toEqual({ title, text });
});

describe('Unicode', () => {
  const title = 'Ação 東京 😀';
  const text = '𝒳 [[é]] \u200f';
  const little = (value: string): Buffer => Buffer.from(value, 'utf16le');
  const wide = (value: string): Buffer =>
    Buffer.concat(
      Array.from(value, (character) => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32LE(character.codePointAt(0)!);
        return bytes;
      }),
    );
  test.each([
    ['UTF-8 without a declaration', Buffer.from(dump('', title, text))],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${dump('UTF-8', title, text)}`)],
    ['UTF-8 by another name', Buffer.from(dump('utf8', title, text))],
    ['UTF-16, little', little(`\ufeff${dump('UTF-16', title, text)}`)],
    ['UTF-16, little, without a mark', little(dump('UTF-16LE', title, text))],
    ['UTF-16, big', little(`\ufeff${dump('UTF-16', title, text)}`).swap16()],
    ['UTF-16, big, without a mark', little(dump('', title, text)).swap16()],
    ['UTF-32, little', wide(`\ufeff${dump('UTF-32', title, text)}`)],
    ['UTF-32, little, without a mark', wide(dump('UTF-32LE', title, text))],
    ['UTF-32, big', wide(`\ufeff${dump('UTF-32', title, text)}`).swap32()],
    ['UTF-32, big, without a mark', wide(dump('', title, text)).swap32()],
  ])('%s', async (_, bytes) => expect(await read(bytes)).toEqual({ title, text }));

  test.each([
    ['half a character', wide(dump('', title, text)).subarray(0, -2), /cut off|not valid utf-32/],
    [
      'no character',
      Buffer.concat([wide('<mediawiki>'), Buffer.of(0, 0, 0x11, 0)]),
      /not valid utf-32le/,
    ],
    [
      'half of a pair',
      Buffer.concat([wide('<mediawiki>'), Buffer.of(0, 0xd8, 0, 0)]),
      /not valid utf-32le/,
    ],
    [
      'an encoding that nobody knows',
      Buffer.from(dump('x-none', title, text)),
      /unknown encoding 'x-none'/,
    ],
    [
      'bytes that the declared encoding lacks',
      Buffer.concat([Buffer.from(dump('EUC-JP', 'a', 'b')), Buffer.of(0xff)]),
      /not valid euc-jp/,
    ],
  ])('refused: %s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toMatchObject({
      code: 'format',
      message: expect.stringMatching(message),
    });
  });
});

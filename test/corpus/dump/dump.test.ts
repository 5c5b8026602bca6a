// The dump reader on files as Wikimedia writes them, and on everything else that people download: each
// wrong file is one clear error.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBatches, openDump, readDump } from '../../../lib/corpus/dump/dump.ts';
import { readBatches } from '../../../lib/corpus/dump/page-batches.ts';
import { readByTheRules, readQuickly } from '../../../lib/corpus/dump/page-reader.ts';
import type { Page } from '../../../lib/corpus/dump/siteinfo.ts';
import type { LeiaError } from '../../../lib/system/error.ts';

const HEAD = `<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="pt">
  <siteinfo>
    <sitename>Wikipédia</sitename>
    <dbname>ptwiki</dbname>
    <base>https://pt.wikipedia.org/</base>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-1" case="first-letter">Especial</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="14" case="first-letter">Categoria</namespace>
      <namespace key="2300" case="case-sensitive">Gadget</namespace>
    </namespaces>
  </siteinfo>
`;
const BZ2 = 'QlpoOTFBWSZTWU+UVHsAAAAJgAAFJioAgCAAMQZMQQDT0lKEA0PxdyRThQkE+UVHsA==';
/** Two pages, A and B, in one stream and with one for the head, for each page and for the end (Python's bz2). */
const ONE_STREAM =
  'QlpoOTFBWSZTWc6diUcAABNdgAAQUADwFzAAJ6/dwCAAioKqCahk8oyMQaZAqpok0eowgGTajTDxtX3aCFDWtp2RMcUZKxhBpbZm0+MlybONHm9RfERU2O3NK50oiUNnGxBV8LMXtm3VyNyOB3W/TL7+Njn2oo4uJJtZJMi4n6qU4LkITMyreZ/F3JFOFCQzp2JRwA==';
const MULTISTREAM = [
  'QlpoOTFBWSZTWRgxi/UAAAKZgFAAgBcnr8zAIAAigyNAGRkKADEaaaNMeonLO3WoFo7I5DWakRoweXYsIt8XckU4UJAYMYv1',
  'QlpoOTFBWSZTWU9lNu8AAAgdgAAA4AUgACal3UAgAEhKmj0oaMnkQJU9QAACxRCVRxik9Z1bwSqmck9IgbRySROTY4dIQqJqWRx4e9JxoPi7kinChIJ7Kbd4',
  'QlpoOTFBWSZTWU37wxkAAAgdgAAA0AUQACal3UAgAEhKmj0oaMnkQJU9QAACxRCVRxik9Z1bwSqmck9IgbRySROTY4dIQqJqWRx4e9JxoPi7kinChIJv3hjI',
  'QlpoOTFBWSZTWe2+c6oAAAFZgAAQAACABSYqAIAgACIGhpoIBppoAksUl1rvF3JFOFCQ7b5zqg==',
];
const END = '</mediawiki>\n';

const page = (id: number, title: string, text: string, inside = '', ns = 0): string => `  <page>
    <title>${title}</title>
    <ns>${ns}</ns>
    <id>${id}</id>
    ${inside}
    <revision>
      <id>99</id>
      <contributor><username>X</username><id>7</id></contributor>
      <comment>[[a]]</comment>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="${text.length}" xml:space="preserve">${text}</text>
    </revision>
  </page>
`;

async function* inPieces(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += Math.max(1, size)) {
    yield bytes.subarray(from, from + Math.max(1, size));
  }
}

/** A page with its wikitext as a string. */
type TextPage = Omit<Page, 'wikitext'> & { text: string };

const withText = ({ wikitext, ...rest }: Page): TextPage => ({
  ...rest,
  text: Buffer.from(wikitext).toString(),
});

async function pagesOf(xml: string | Uint8Array, size?: number): Promise<TextPage[]> {
  const bytes = typeof xml === 'string' ? Buffer.from(xml) : xml;
  const dump = await readDump(inPieces(bytes, size), 'x.xml');
  const pages: TextPage[] = [];
  for await (const one of dump.pages()) pages.push(withText(one));
  return pages;
}

const failure = (xml: string | Uint8Array): Promise<unknown> => {
  const result = expect(pagesOf(xml)).rejects;
  return result.toMatchObject({ name: 'LeiaError', code: 'format' });
};

describe('reading', () => {
  test('the head', async () => {
    const { siteinfo } = await readDump(inPieces(Buffer.from(HEAD + page(1, 'A', 'a') + END)), 'x');
    expect(siteinfo).toMatchObject({
      language: 'pt',
      dbName: 'ptwiki',
      siteName: 'Wikipédia',
      caseRule: 'first-letter',
    });
    expect([...siteinfo.namespaces.values()]).toEqual([
      { id: -1, name: 'Especial', caseRule: 'first-letter' },
      { id: 0, name: '', caseRule: 'first-letter' },
      { id: 14, name: 'Categoria', caseRule: 'first-letter' },
      { id: 2300, name: 'Gadget', caseRule: 'case-sensitive' },
    ]);
  });

  test('pages, redirects and content models, cut anywhere', async () => {
    const xml =
      HEAD +
      page(1, 'R&amp;B', "'''R&amp;B''' &lt;ref&gt;x&lt;/ref&gt; é 𝄞 &amp;nbsp;") +
      page(2, 'Ritmo', '#REDIRECIONAMENTO [[R&amp;B#x]]', '<redirect title="R&amp;B#x" />') +
      page(3, 'Categoria:A', 'b', '', 14) +
      page(4, 'C', '{}').replace('<model>wikitext', '<model>json') +
      page(5, 'Vazia', '') +
      END;
    const expected = [
      {
        id: 1,
        title: 'R&B',
        namespace: 0,
        model: 'wikitext',
        text: "'''R&B''' <ref>x</ref> é 𝄞 &nbsp;",
      },
      {
        id: 2,
        title: 'Ritmo',
        namespace: 0,
        model: 'wikitext',
        text: '#REDIRECIONAMENTO [[R&B#x]]',
        redirect: 'R&B#x',
      },
      { id: 3, title: 'Categoria:A', namespace: 14, model: 'wikitext', text: 'b' },
      { id: 5, title: 'Vazia', namespace: 0, model: 'wikitext', text: '' },
    ];
    const versions = expected.map((page) => ({ ...page, revision: 99 }));
    for (const size of [1, 2, 3, 100, 1e6]) expect(await pagesOf(xml, size)).toEqual(versions);
  });

  test('old dumps: no namespace numbers, no content model, no target of redirects', async () => {
    const old = (text: string, title = 'A', redirect = ''): string =>
      `<page><title>${title}</title><id>1</id>${redirect}<revision><id>2</id><text>${text}</text></revision></page>`;
    const xml = `${HEAD}${old('a', 'Categoria:X')}${old('#redirect [[B]]')}${old('#Redirecionamento: [[C|c]]')}${old('#REDIR [[D]]', 'D', '<redirect />')}${old('#lista [[B]]')}${END}`;
    const pages = await pagesOf(xml);
    expect(pages.map(({ namespace, redirect }) => [namespace, redirect])).toEqual([
      [14, undefined],
      [0, 'B'],
      [0, 'C'],
      [0, 'D'],
      [0, undefined],
    ]);
  });

  test('UTF-16 with a byte order mark, and a declared encoding', async () => {
    const xml = HEAD + page(1, 'Ação', 'ã 𝄞') + END;
    const little = Buffer.from(`\ufeff${xml}`, 'utf16le');
    expect((await pagesOf(little, 3))[0]).toMatchObject({ title: 'Ação', text: 'ã 𝄞' });
    const big = Buffer.from(little).swap16();
    expect((await pagesOf(big, 5))[0]).toMatchObject({ title: 'Ação', text: 'ã 𝄞' });
    const latin = `<?xml version="1.0" encoding="ISO-8859-1"?>\n${HEAD}${page(1, 'Ação', 'ã')}${END}`;
    expect((await pagesOf(Buffer.from(latin, 'latin1')))[0]).toMatchObject({ title: 'Ação' });
    expect((await pagesOf(`\ufeff${xml}`))[0]).toMatchObject({ title: 'Ação' });
  });
});

describe('wrong files', () => {
  test.each([
    ['', /got an empty file/],
    ['   \n', /XML of a MediaWiki dump/],
    ['<!DOCTYPE html><html><body>404</body></html>', /got a web page/],
    ['<html lang="en"><body>404</body></html>', /got a web page/],
    ['{"id":"Q1"}', /got JSON/],
    ['-- MySQL dump 10.19\nDROP TABLE', /got SQL/],
    ['INSERT INTO `langlinks` VALUES', /got SQL/],
    ['\x1f\x8b\x08', /got gzip data/],
    ['id\ttitle\n', /got 'id\?title\?…'/],
    [
      '<feed><doc><title>Wikipedia: A</title></doc></feed>',
      /<feed> \(an abstracts dump\), not <mediawiki>/,
    ],
    ['<?xml version="1.0"?><rss></rss>', /root element is <rss>/],
    [HEAD + END, /without pages/],
    [`${HEAD}<logitem><id>1</id></logitem>${END}`, /without pages/],
    [
      HEAD + page(1, 'A', 'a').replace(/<text.*<\/text>/, '<text bytes="70" id="1" />') + END,
      /stub dump/,
    ],
    [HEAD + page(1, 'A', 'a').replace(/<text.*<\/text>/, '') + END, /page 'A' has no text/],
    [HEAD + page(1, '', 'a') + END, /page that ends at byte \d+ of the XML has no title/],
    [HEAD + page(1, 'A', 'a').replace('<id>1</id>', '') + END, /has no id/],
    [
      HEAD + page(1, 'A', 'a'),
      /ends inside <mediawiki> at byte \d+ of the XML.*incomplete, download it again/,
    ],
    [(HEAD + page(1, 'A', 'abc')).slice(0, -60), /ends inside <mediawiki> <page>/],
    [
      HEAD + page(1, 'A', 'a <b> c') + END,
      /malformed XML at byte \d+ of the XML: unexpected close tag/,
    ],
    [HEAD + page(1, 'A', 'a & b &lt;') + END, /malformed XML at byte .*entity/],
    [HEAD + page(1, 'A', 'a \u0001 b') + END, /malformed XML at byte .*disallowed character/],
    [`${HEAD + page(1, 'A', 'a') + END}<mediawiki>`, /malformed XML/],
    [`<?xml version="1.0" encoding="klingon"?>${HEAD}`, /unknown encoding 'klingon'/],
  ])('%#', async (text, message) => {
    const bytes = Buffer.from(text, text.startsWith('\x1f') ? 'latin1' : 'utf8');
    await failure(bytes);
    await expect(pagesOf(bytes)).rejects.toThrow(message);
    await expect(pagesOf(bytes)).rejects.toThrow(/^x\.xml: [^\n]*$/);
  });

  test('bytes that are no characters', async () => {
    const bytes = Buffer.from(HEAD + page(1, 'A', 'a?b') + END);
    bytes[bytes.indexOf('?b')] = 0xff;
    await expect(pagesOf(bytes)).rejects.toThrow(
      /not valid utf-8 between byte \d+ and \d+ of the XML/,
    );
    // A file that is cut off says so, wherever the cut is; one that goes on after its end with half a character does not.
    for (const xml of [`${HEAD}é`, `${HEAD}${page(1, 'A', 'a')}  <page><title>é`]) {
      const cut = Buffer.from(xml).subarray(0, -1);
      await expect(pagesOf(cut)).rejects.toThrow(/incomplete, download it again/);
    }
    const after = Buffer.from(`${HEAD}${page(1, 'A', 'a')}${END}é`).subarray(0, -1);
    await expect(pagesOf(after)).rejects.toThrow(/not valid utf-8/);
  });

  test('a dump cut anywhere is incomplete, never shorter', async () => {
    const xml = HEAD + page(1, 'A', 'é [[b]]') + page(2, 'B', 'c') + END;
    const whole = Buffer.from(xml.trimEnd());
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        await failure(whole.subarray(0, length));
      }),
      { numRuns: 300 },
    );
  });

  test('changed bytes give pages or a format error, nothing else', async () => {
    const whole = Buffer.from(HEAD + page(1, 'A', 'é [[b]]') + page(2, 'B', 'c') + END);
    const edit = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 5 }), async (edits) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of edits) bytes[at] = value;
        const result = await pagesOf(bytes).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toMatchObject({ code: 'format' });
        else expect(Array.isArray(result)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the quick reader', () => {
  const category = { id: 14, name: 'Categoria', caseRule: 'first-letter' } as const;
  const source = { file: 'x.xml', namespaces: new Map([[14, category]]) };
  const both = (xml: string) => {
    const rules = (() => {
      try {
        return readByTheRules(Buffer.from(xml), 0, source).map(withText);
      } catch (error) {
        return error as Error;
      }
    })();
    let quick: TextPage[] | Error | undefined;
    const bytes = Buffer.from(xml);
    try {
      quick = readQuickly(bytes, 0, source)?.map(withText);
      // What it leaves to the parser is as it was.
      if (quick === undefined) expect(bytes.toString()).toBe(xml);
    } catch (error) {
      quick = error as Error;
    }
    return { quick, rules };
  };

  test('reads what Wikimedia writes', async () => {
    const demo = resolve(import.meta.dirname, '../../../examples/demo');
    const name = (await readdir(demo)).find((file) => file.endsWith('.xml.bz2'))!;
    const { batches } = await openBatches(join(demo, name), { batchBytes: 300_000 });
    let pages = 0;
    for await (const { bytes } of batches()) {
      const { quick, rules } = both(Buffer.from(bytes).toString());
      expect(quick).toEqual(rules);
      pages += (quick as TextPage[]).length;
    }
    expect(pages).toBe(119);
  });

  test('gives what the parser gives, or leaves it to it', () => {
    const part = fc.constantFrom(
      ...['<page>', '</page>', '<title>', '</title>', '<id>', '</id>', '<revision>', '</revision>'],
      ...[
        '<text bytes="3">',
        '<text />',
        '<text deleted="d" bytes="7"/>',
        '</text>',
        '<b a="1" a="2">',
      ],
      ...[
        '&lt;',
        '&amp;lt;',
        '&#039;',
        '&#65;',
        '&nbsp;',
        '&',
        'x',
        '7',
        ']]>',
        '<!-- -->',
        '\r',
        '\u0001',
      ],
      ...[
        '<![CDATA[',
        '<redirect title="A &amp; B" />',
        '<redirect/>',
        '<model>',
        '</model>',
        '>',
        '"',
        '<',
      ],
    );
    const whole = page(1, 'A', 'a &lt; b', '<redirect title="B" />') + page(2, 'Categoria:C', 'c');
    const edit = fc.tuple(fc.nat(whole.length), fc.nat(9), part);
    const edited = fc
      .array(edit, { maxLength: 3 })
      .map((edits) =>
        edits.reduce(
          (xml, [at, cut, text]) => xml.slice(0, at) + text + xml.slice(at + cut),
          whole,
        ),
      );
    fc.assert(
      fc.property(
        fc.oneof(
          edited,
          fc.array(part).map((parts) => parts.join('')),
        ),
        (xml) => {
          const { quick, rules } = both(xml);
          if (quick === undefined) return;
          if (quick instanceof Error) expect(rules).toMatchObject({ code: 'format' });
          else expect(quick).toEqual(rules);
        },
      ),
      { numRuns: 3000 },
    );
    expect(both(whole).quick).toHaveLength(2);
  });

  test('pieces are the same however the bytes come, and end where pages do', async () => {
    const xml = `${HEAD}${page(1, 'A', 'a')}<!-- </page> -->${page(2, 'B', 'b').repeat(5)}${END}`;
    const split = async (size: number): Promise<string[]> => {
      const { batches } = await readBatches(inPieces(Buffer.from(xml), size), 'x', 500);
      const texts: string[] = [];
      for await (const { bytes, start } of batches()) {
        texts.push(Buffer.from(bytes).toString());
        expect(
          Buffer.from(xml)
            .subarray(start, start + 20)
            .toString(),
        ).toMatch(/^\s*</);
      }
      return texts;
    };
    const pieces = await split(1e6);
    expect(pieces).toHaveLength(3);
    expect(pieces.every((piece) => piece.endsWith('</page>'))).toBe(true);
    for (const size of [1, 7, 100]) expect(await split(size)).toEqual(pieces);
  });
});

describe('files', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leia-dump-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('missing file, folder, truncated and corrupt bzip2', async () => {
    await expect(openDump(join(folder, 'none.xml'))).rejects.toMatchObject({
      code: 'io',
      message: expect.stringContaining('no such file'),
    });
    await expect(openDump(folder)).rejects.toMatchObject({
      code: 'io',
      message: expect.stringContaining('a folder'),
    });
    // Python: bz2.compress(b'<mediawiki>')
    const bz2 = Buffer.from(BZ2, 'base64');
    const path = join(folder, 'x.xml.bz2');
    await writeFile(path, bz2);
    await expect(openDump(path)).rejects.toThrow(/^x\.xml\.bz2: the XML ends inside <mediawiki>/);
    await writeFile(path, bz2.subarray(0, -5));
    await expect(openDump(path)).rejects.toThrow(
      new RegExp(`^x\\.xml\\.bz2: the bzip2 data ends at byte ${bz2.length - 5} `),
    );
    bz2[bz2.length - 20]! ^= 8;
    await writeFile(path, bz2);
    await expect(openDump(path)).rejects.toMatchObject({ code: 'format' });
  });

  test('plain, bzip2 in one or more streams, or gzip, whatever the name', async () => {
    const xml = HEAD + page(1, 'A', 'a') + page(2, 'B', 'b') + END;
    const streams = MULTISTREAM.map((stream) => Buffer.from(stream, 'base64'));
    const bzip2 = Buffer.from(ONE_STREAM, 'base64');
    const gzip = gzipSync(xml);
    for (const bytes of [Buffer.from(xml), bzip2, Buffer.concat(streams), gzip]) {
      const path = join(folder, 'any.xml');
      await writeFile(path, bytes);
      const titles: string[] = [];
      for await (const { title } of (await openDump(path)).pages()) titles.push(title);
      expect(titles).toEqual(['A', 'B']);
    }
    const cut = join(folder, 'cut.xml.gz');
    const short = gzip.subarray(0, -9);
    await writeFile(cut, short);
    const reading = async () => {
      for await (const _ of (await openDump(cut)).pages());
    };
    await expect(reading()).rejects.toThrow(
      `cut.xml.gz: the gzip data is cut off at byte ${short.length}; download it again`,
    );
    // 40 MiB, damaged near the end: what was read well before says where.
    const long = gzipSync(HEAD + page(1, 'A', 'a').repeat(100_000) + END);
    long[long.length - 6]! ^= 1; // in the checksum
    await writeFile(cut, long);
    const error = await reading().catch((error: LeiaError) => error);
    expect(error).toMatchObject({ code: 'format' });
    const [, at] = /^cut\.xml\.gz: damaged gzip after byte (\d+): incorrect data check$/.exec(
      error!.message,
    )!;
    expect(Number(at)).toBeGreaterThan(0.9 * long.length);
    expect(Number(at)).toBeLessThanOrEqual(long.length);
  });

  test('reading may stop early', async () => {
    const path = join(folder, 'early.xml');
    await writeFile(path, HEAD + page(1, 'A', 'a') + page(2, 'B', 'b') + END);
    for await (const { title } of (await openDump(path)).pages()) {
      expect(title).toBe('A');
      break;
    }
  });
});

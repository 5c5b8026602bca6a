// The readers of English names: what they give, and what they say of damaged or wrong files.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readLines } from '../../../lib/corpus/dump/lines.ts';
import { readItemsPerSite } from '../../../lib/corpus/names/items-per-site.ts';
import { readLanglinks } from '../../../lib/corpus/names/langlinks.ts';
import { readTuples, type SqlValue } from '../../../lib/corpus/names/sql-table.ts';
import { readTitleTable } from '../../../lib/corpus/names/title-table.ts';
import { readWikidata } from '../../../lib/corpus/names/wikidata.ts';
import { wikipediaSite } from '../../../lib/corpus/names/wikipedia-site.ts';
import { LeiaError } from '../../../lib/system/error.ts';

const folder = mkdtempSync(join(tmpdir(), 'leia-names-'));
afterAll(() => rmSync(folder, { recursive: true }));

const wiki = { caseRule: 'first-letter', language: 'xx' } as const;
let files = 0;

function file(content: string | Uint8Array, ending = ''): string {
  const path = join(folder, `${files++}${ending}`);
  writeFileSync(path, content);
  return path;
}

async function expectFormatError(work: Promise<unknown>, message: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LeiaError);
  expect((error as LeiaError).code).toBe('format');
  expect((error as LeiaError).message).toContain(message);
  expect((error as LeiaError).message).not.toContain('\n');
}

describe('lines', () => {
  async function lines(path: string): Promise<string[]> {
    const result: string[] = [];
    for await (const { text } of readLines(path)) result.push(text);
    return result;
  }

  test('any text comes back, plain or gzip, with either line end', async () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ' '));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (texts, crlf) => {
          const text = texts.map((part) => `${part}x${crlf ? '\r\n' : '\n'}`).join('');
          const expected = texts.map((part) => `${part}x`);
          expect(await lines(file(text))).toEqual(expected);
          expect(await lines(file(gzipSync(text), '.gz'))).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a line may be longer than any buffer', async () => {
    const long = '東'.repeat(300_000);
    expect(await lines(file(`a\n${long}\nb`))).toEqual(['a', long, 'b']);
  });

  test('damage is named', async () => {
    const packed = gzipSync('x'.repeat(100_000) + Math.random());
    await expectFormatError(
      lines(file(packed.subarray(0, packed.length - 20), '.gz')),
      `is cut off at byte ${packed.length - 20}; download it again`,
    );
    packed[packed.length >> 1]! ^= 255;
    await expectFormatError(lines(file(packed, '.gz')), 'damaged gzip');
    expect(await lines(file('no gzip', '.gz'))).toEqual(['no gzip']);
    await expectFormatError(lines(file(Uint8Array.of(65, 10, 0xff, 0xfe))), 'not UTF-8');
    await expect(lines(join(folder, 'absent'))).rejects.toMatchObject({ code: 'io' });
    await expect(lines(join(folder, 'absent.gz'))).rejects.toMatchObject({ code: 'io' });
  });
});

describe('title table', () => {
  test('titles are normalised, comments skipped, the last line counts', async () => {
    const path = file('# titles\n\n東京\tTokyo\nal_gore\tGore\textra\nAl Gore\tAl Gore\n');
    expect([...(await readTitleTable(path, wiki))]).toEqual([
      ['東京', 'Tokyo'],
      ['Al gore', 'Gore'],
      ['Al Gore', 'Al Gore'],
    ]);
  });

  test.each([
    ['a\tA\nb\n', 'line 2: expected a title, a tab and an English name'],
    ['\tA\n', 'line 1'],
    ['', 'no title in it'],
  ])('%j is refused', async (text, message) => {
    await expectFormatError(readTitleTable(file(text), wiki), message);
  });
});

describe('wikidata', () => {
  const item = (id: string, sitelinks: unknown) => JSON.stringify({ id, type: 'item', sitelinks });

  test('sitelinks of both editions make a name', async () => {
    const path = file(
      `[\n${[
        item('Q1', { xxwiki: { title: 'eins' }, enwiki: { title: 'One' } }),
        item('Q2', { xxwiki: { title: 'Zwei' } }),
        item('Q3', { enwiki: { title: 'Three' } }),
        item('Q4', []),
        JSON.stringify({ id: 'P1', type: 'property' }),
      ].join(',\n')}\n]\n`,
    );
    expect([...(await readWikidata(path, 'xx', wiki))]).toEqual([['Eins', 'One']]);
  });

  test('items alone, one a line, are as good as an array of them', async () => {
    const items = [
      item('Q1', { xxwiki: { title: 'eins' }, enwiki: { title: 'One' } }),
      item('Q2', { xxwiki: { title: 'Zwei' }, enwiki: { title: 'Two' } }),
    ];
    const names = [
      ['Eins', 'One'],
      ['Zwei', 'Two'],
    ];
    for (const text of [items.join('\n'), `${items.join('\n')}\n`]) {
      expect([...(await readWikidata(file(text), 'xx', wiki))]).toEqual(names);
    }
    await expectFormatError(readWikidata(file(`${items.join(',\n')},\n`), 'xx', wiki), 'cut off');
    const half = items.join('\n').slice(0, -9);
    await expectFormatError(readWikidata(file(half), 'xx', wiki), 'line 2 is not JSON');
  });

  test.each([
    ['ja', 'jawiki'],
    ['zh-min-nan', 'zh_min_nanwiki'],
    ['nan', 'zh_min_nanwiki'],
    ['nb', 'nowiki'],
    ['be-tarask', 'be_x_oldwiki'],
    ['gsw', 'alswiki'],
  ])('the wiki of %s is %s', (language, site) => expect(wikipediaSite(language)).toBe(site));

  test.each([
    ['[\n{"id":\n]\n', 'line 2 is not JSON'],
    ['[\n{"id":"Q1"\n]\n', 'line 2 is not JSON'],
    ['[\n{"id":"Q1","sitelinks":{"xxwiki":{"enwiki":{}}\n]\n', 'line 2 is not JSON'],
    ['[\n{"title":"Q1"}\n]\n', 'expected a Wikidata entity'],
    ['[\n"Q1"\n]\n', 'expected a Wikidata entity'],
    ['[\n]\n', 'no Wikidata entity'],
    [`[\n${item('Q1', {})},\n`, 'cut off'],
    [
      `[\n${item('Q1', { xxwiki: { title: 3 }, enwiki: { title: 'A' } })}\n]\n`,
      'a sitelink without title',
    ],
    ['<mediawiki>\n', 'not JSON'],
  ])('%j is refused', async (text, message) => {
    await expectFormatError(readWikidata(file(text), 'xx', wiki), message);
  });
});

describe('langlinks', () => {
  const head = [
    'DROP TABLE IF EXISTS `langlinks`;',
    'CREATE TABLE `langlinks` (',
    '  `ll_from` int(8) unsigned NOT NULL DEFAULT 0,',
    "  `ll_lang` varbinary(35) NOT NULL DEFAULT '',",
    "  `ll_title` varbinary(255) NOT NULL DEFAULT '',",
    '  PRIMARY KEY (`ll_from`,`ll_lang`)',
    ');',
    '',
  ].join('\n');

  test('English rows by page', async () => {
    const rows =
      "(1,'de','Berlin'),(1,'en','Berlin'),(2,'en','O\\'Neill''s \\\\ (band)'),(3,'en',''),(4,'en','A_b'),(5,'en','A#b')";
    const path = file(`${head}INSERT INTO \`langlinks\` VALUES ${rows};\n`, '.sql');
    const packed = file(gzipSync(`${head}INSERT INTO \`langlinks\` VALUES ${rows};\n`), '.sql.gz');
    const expected = [
      [1, 'Berlin'],
      [2, "O'Neill's \\ (band)"],
      [4, 'A b'],
    ];
    expect([...(await readLanglinks(path))]).toEqual(expected);
    expect([...(await readLanglinks(packed))]).toEqual(expected);
  });

  test.each([
    ['nothing here\n', 'is it a langlinks.sql?'],
    [
      "/*!40000 ALTER TABLE `langlinks` DISABLE KEYS */;\nINSERT INTO `langlinks` VALUES (1,'en','a');\n",
      'it ends with line 2, before the end of the table: cut off?',
    ],
    ["INSERT INTO `page` VALUES (1,'a','b');\n", "this is table 'page'"],
    ["INSERT INTO `langlinks` VALUES (1,'en','cut\n", 'expected a string that ends'],
    ["INSERT INTO `langlinks` VALUES (1,'en','a')\n", 'expected "," or ";"'],
    [
      "INSERT INTO `langlinks` VALUES (1,'en');\n",
      'expected a row of (ll_from, ll_lang, ll_title)',
    ],
    ["INSERT INTO `langlinks` VALUES ('x','en','a');\n", 'expected (page id, language, title)'],
    ['INSERT INTO `langlinks` VALUES (one);\n', 'expected a value'],
    [
      head
        .replace('`ll_lang`', '`ll_kind`')
        .concat("INSERT INTO `langlinks` VALUES (1,'en','a');\n"),
      'columns',
    ],
  ])('%j is refused', async (text, message) => {
    await expectFormatError(readLanglinks(file(text)), message);
  });

  test('a table of another edition is refused: its numbers are those of other pages', async () => {
    const rows = (own: number): string =>
      Array.from({ length: 40 }, (_, i) => `(${i},'${i < own ? 'ja' : 'en'}','a')`).join();
    const table = (own: number) => file(`INSERT INTO \`langlinks\` VALUES ${rows(own)};\n`);
    const read = (own: number, edition?: string) =>
      readLanglinks(table(own), undefined, undefined, undefined, edition);
    await expect(read(12, 'ja')).rejects.toMatchObject({
      code: 'mismatch',
      message: expect.stringMatching(
        /: 12 of its 40 links lead to the edition 'ja', so it is of another one; expected that of 'ja'$/,
      ),
    });
    expect((await read(12, 'el')).size).toBe(28);
    expect((await read(3, 'ja')).size).toBe(37); // an oddity or two
  });

  test('rows may stand one a line, as newer versions of mysqldump write them', async () => {
    const rows = "\n(1,'en','A'),\n(2,'en','B;\\n(3)'),\n(3,'de','C');\n";
    const text = `/*M!999999\\- enable the sandbox mode */ \n${head}INSERT INTO \`langlinks\` VALUES${rows}`;
    expect([
      ...(await readLanglinks(file(`${text}${text.slice(text.indexOf('INSERT'))}`))),
    ]).toEqual([
      [1, 'A'],
      [2, 'B;\n(3)'],
    ]);
    for (const cut of ["(1,'en','A'),\n(2,'en'", "(1,'en','A')", '']) {
      const damaged = `${head}INSERT INTO \`langlinks\` VALUES\n${cut}\n`;
      await expectFormatError(readLanglinks(file(damaged)), cut === '' ? 'cut off?' : 'expected "');
    }
    const between = `${head}INSERT INTO \`langlinks\` VALUES\n(1,'en','A'),\n`;
    await expectFormatError(readLanglinks(file(between)), 'cut off?');
  });

  const tuples = (text: string): SqlValue[][] => {
    const rows: SqlValue[][] = [];
    readTuples(text, 0, 'here', (row) => rows.push(row));
    return rows;
  };

  test('any strings survive quoting', () => {
    const quote = (text: string) => `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer(), fc.string()), { minLength: 1 }), (rows) => {
        const text = `${rows.map(([id, title]) => `(${id},${quote(title)})`).join(',')};`;
        expect(tuples(text)).toEqual(rows);
      }),
    );
  });

  test('any damage ends in an error or in rows, never in a hang', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('(', ')', "'", '\\', ',', ';', '1', 'N') }),
        (text) => {
          try {
            for (const row of tuples(text)) expect(row.length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(LeiaError);
          }
        },
      ),
    );
  });
});

describe('items per site', () => {
  const insert = 'INSERT INTO `wb_items_per_site` VALUES ';

  test('pages of one item in both wikis make a name, whatever the order of the rows', async () => {
    const rows = [
      "(1,7,'enwiki','Seven')",
      "(2,7,'xxwiki','sieben')",
      "(3,8,'xxwiki','Acht')",
      "(4,9,'enwiki','Nine')",
      "(5,9,'xxwikibooks','Neun')",
      "(6,10,'xxwiki','Zehn')",
      "(7,10,'enwiki','Ten')",
    ];
    for (const order of [rows, rows.toReversed()]) {
      const counts: number[] = [];
      const path = file(gzipSync(`${insert}${order.join()};\n`), '.sql.gz');
      const names = await readItemsPerSite(path, 'xx', wiki, (count) => counts.push(count));
      expect(new Map(names)).toEqual(
        new Map([
          ['Sieben', 'Seven'],
          ['Zehn', 'Ten'],
        ]),
      );
      expect(counts.at(-1)).toBe(14);
    }
    expect(await readItemsPerSite(file(`${insert}${rows.join()};\n`), 'yy', wiki)).toEqual(
      new Map(),
    );
  });

  test.each([
    ["INSERT INTO `langlinks` VALUES (1,'en','a');\n", "this is table 'langlinks'"],
    [`${insert}(1,'7','enwiki','a');\n`, 'expected (row, item, site, page)'],
    [`${insert}(1,7,'enwiki');\n`, 'expected a row of (ips_row_id, ips_item_id'],
    [`${insert}(1,7,'enwiki',NULL);\n`, 'expected (row, item, site, page)'],
    [`${insert}(1,7,'enwiki','a\n`, 'expected a string that ends'],
    ['nothing\n', 'is it a wb_items_per_site.sql?'],
  ])('%j is refused', async (text, message) => {
    await expectFormatError(readItemsPerSite(file(text), 'xx', wiki), message);
  });
});

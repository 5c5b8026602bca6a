// Readers of tables: dumps of a wiki's own, as mysqldump writes them, and a table of titles.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readItemsPerSite } from '../../lib/corpus/names/items-per-site.ts';
import { readLanglinks } from '../../lib/corpus/names/langlinks.ts';
import { readPagesWith } from '../../lib/corpus/names/page-props.ts';
import { readTitleTable } from '../../lib/corpus/names/title-table.ts';
import { LeiaError } from '../../lib/system/error.ts';
import { bytesOf, type FuzzedReader, holds, InputFile, words } from './checks.ts';
import { mutateBytes } from './mutate.ts';

const demo = resolve(import.meta.dirname, '../../examples/demo');

export const SQL = `-- MySQL dump
/*!40000 ALTER TABLE \`langlinks\` DISABLE KEYS */;
CREATE TABLE \`langlinks\` (
  \`ll_from\` int(8) unsigned NOT NULL DEFAULT 0,
  \`ll_lang\` varbinary(35) NOT NULL DEFAULT '',
  \`ll_title\` varbinary(255) NOT NULL DEFAULT ''
);
INSERT INTO \`langlinks\` VALUES (1,'en','O\\'Neill''s \\\\ (band)'),(2,'ja','東京'),(3,'en',''),(4,'en',NULL);
INSERT INTO \`langlinks\` VALUES
(5,'en','A'),
(6,'de','B_c');
/*!40000 ALTER TABLE \`langlinks\` ENABLE KEYS */;
`;
const ITEMS =
  "INSERT INTO `wb_items_per_site` VALUES (1,31,'enwiki','Belgium'),(2,31,'jawiki','ベルギー'),(3,32,'jawiki','a');\n";

export function sql(): FuzzedReader {
  const file = new InputFile();
  const seeds = bytesOf([SQL, ITEMS, SQL.replaceAll('langlinks', 'page'), SQL.repeat(20)]);
  const tokens = bytesOf([
    ...words(
      "( ) ' '' \\ \\' , ; ), ),( NULL -1 1e9 0x1 INSERT␣INTO VALUES `langlinks` /* */ -- `ll_from` enwiki 'en'",
    ),
    '\n',
    "INSERT INTO `langlinks` VALUES (1,'en','",
    '\\\n',
  ]);
  const wiki = { caseRule: 'first-letter', language: 'ja' } as const;
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: async (input) => {
      await file.read(input, readLanglinks);
      await file.read(input, (path) => readItemsPerSite(path, 'ja', wiki));
    },
  };
}

/** Packed bytes, as the descriptions of templates are. */
const PACKED = Buffer.from([0x1f, 0x8b, 0x08, 0x5c, 0x27, 0xff, 0xe6, 0x5c, 0x30]).toString(
  'latin1',
);
const PROPERTIES = `CREATE TABLE \`page_props\` (
  \`pp_page\` int(10) unsigned NOT NULL,
  \`pp_propname\` varbinary(60) NOT NULL,
  \`pp_value\` blob NOT NULL,
  \`pp_sortkey\` float DEFAULT NULL,
  PRIMARY KEY (\`pp_page\`,\`pp_propname\`)
);
/*!40000 ALTER TABLE \`page_props\` DISABLE KEYS */;
INSERT INTO \`page_props\` VALUES (1,'disambiguation','',NULL),(1,'wikibase_item','Q31',NULL),(2,'defaultsort','A',0.5),
(3,'templatedata',_binary '${PACKED}',-1.5e10),
(4294967295,'disambiguation','',NULL);
/*!40000 ALTER TABLE \`page_props\` ENABLE KEYS */;
`;

/** Properties of pages: their values may be any bytes. */
export function pageProps(): FuzzedReader {
  const file = new InputFile();
  const table = Buffer.from(PROPERTIES, 'latin1');
  const rows = `(7,'disambiguation','',NULL),(8,'x',_binary '${PACKED}',NULL),`.repeat(200);
  const long = `INSERT INTO \`page_props\` VALUES ${rows}(9,'a','',1);\n`;
  const seeds = [
    table,
    Buffer.from(long, 'latin1'),
    gzipSync(table),
    Buffer.concat([table, table]),
  ];
  const tokens = bytesOf([
    ...words(`( ) ' '' \\ \\' \\0 , ; ), ),( NULL -1 0 1.5 1e999 0x1 9007199254740993 _binary␣ _binary␣' 'disambiguation'
      ,'disambiguation','',NULL) INSERT␣INTO VALUES \`page_props\` \`pp_page\` /* */ -- CREATE␣TABLE`),
    '\n',
    '\0',
    "INSERT INTO `page_props` VALUES (5,'disambiguation','",
  ]);
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: (input) =>
      file.read(input, async (path) => {
        const pages = await readPagesWith('disambiguation', path).catch((error: unknown) => {
          // A table may lack the property.
          if (error instanceof LeiaError && error.code === 'mismatch') return [];
          throw error;
        });
        for (const page of pages) {
          holds(Number.isSafeInteger(page) && page > 0, `${page} is no number of a page`);
        }
      }),
  };
}

export function titles(): FuzzedReader {
  const file = new InputFile();
  const seeds = [readFileSync(join(demo, 'titles.tsv')).subarray(0, 20_000)];
  const tokens = bytesOf(['\t', '\n', '\r\n', '#', '\t\t', '\ufeff', '%C3', '&amp;', '_', '東']);
  const wiki = { caseRule: 'first-letter', language: 'ja' } as const;
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: (input) => file.read(input, (path) => readTitleTable(path, wiki)),
  };
}

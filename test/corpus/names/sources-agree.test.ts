// The same facts in each kind of file give the same English names: real Wikidata entities, and what the two
// tables of MediaWiki hold when a real dump's pages and these entities are the wikis. No real rows of the tables
// are to be had in small, so they are written here in mysqldump's two forms.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { openDump } from '../../../lib/corpus/dump/dump.ts';
import { readLines } from '../../../lib/corpus/dump/lines.ts';
import type { Siteinfo } from '../../../lib/corpus/dump/siteinfo.ts';
import { normaliseTitle } from '../../../lib/corpus/dump/title.ts';
import { type NameSource, readNames } from '../../../lib/corpus/names/name-source.ts';
import { wikipediaSite } from '../../../lib/corpus/names/wikipedia-site.ts';
import { fixtures, temporaryFolder } from '../../llama/fixtures.ts';
import { wiki as wikiOf } from '../wikitext/wiki.ts';

const wikidata = join(fixtures, 'wikidata', 'wikidata-sample-100.json.bz2');

interface Item {
  number: number;
  /** Titles by site. */
  sitelinks: [string, string][];
}
const items: Item[] = [];
beforeAll(async () => {
  for await (const { text } of readLines(wikidata)) {
    if (text.length < 3) continue;
    const { id, sitelinks } = JSON.parse(text.replace(/,$/, ''));
    const titles = Object.values(sitelinks as Record<string, { site: string; title: string }>);
    items.push({
      number: Number(id.slice(1)),
      sitelinks: titles.map(({ site, title }) => [site, title]),
    });
  }
  expect(items).toHaveLength(100);
});

const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

interface Wiki {
  siteinfo: Siteinfo;
  pages: Map<number, string>;
}

async function readWiki(path: string): Promise<Wiki> {
  const dump = await openDump(path);
  const pages = new Map<number, string>();
  for await (const page of dump.pages()) {
    if (page.namespace === 0 && page.redirect === undefined) {
      pages.set(page.id, normaliseTitle(page.title, dump.siteinfo));
    }
  }
  return { siteinfo: dump.siteinfo, pages };
}

/** The language's `langlinks.sql`: rows of the pages that an item describes, a row a line. */
function langlinks(language: string, { siteinfo, pages }: Wiki): string {
  const ids = new Map([...pages].map(([id, title]) => [title, id]));
  const rows = items.flatMap(({ sitelinks }) => {
    const own = sitelinks.find(([site]) => site === wikipediaSite(language))?.[1];
    const id = own === undefined ? undefined : ids.get(normaliseTitle(own, siteinfo));
    if (id === undefined) return [];
    // An edition has no link of this kind to itself.
    const wikipedias = sitelinks.filter(
      ([site]) => /^[a-z_]+wiki$/.test(site) && site !== wikipediaSite(language),
    );
    return wikipedias.map(([site, title]) => `(${id},${quote(site.slice(0, -4))},${quote(title)})`);
  });
  return `CREATE TABLE \`langlinks\` (
  \`ll_from\` int(10) unsigned NOT NULL DEFAULT 0,
  \`ll_lang\` varbinary(35) NOT NULL DEFAULT '',
  \`ll_title\` varbinary(255) NOT NULL DEFAULT ''
);
/*!40000 ALTER TABLE \`langlinks\` DISABLE KEYS */;
INSERT INTO \`langlinks\` VALUES
${rows.join(',\n')};
/*!40000 ALTER TABLE \`langlinks\` ENABLE KEYS */;
`;
}

/** Wikidata's `wb_items_per_site.sql`: every row in one line, in an order of no meaning. */
function itemsPerSite(): string {
  const rows = items.flatMap(({ number, sitelinks }) =>
    sitelinks.map(([site, title]) => ({ number, site, title })),
  );
  rows.sort((a, b) => (a.title < b.title ? -1 : 1));
  const tuples = rows.map(
    ({ number, site, title }, i) => `(${i + 1},${number},${quote(site)},${quote(title)})`,
  );
  return `CREATE TABLE \`wb_items_per_site\` (
  \`ips_row_id\` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  \`ips_item_id\` int(10) unsigned NOT NULL,
  \`ips_site_id\` varbinary(32) NOT NULL,
  \`ips_site_page\` varbinary(310) NOT NULL,
  PRIMARY KEY (\`ips_row_id\`)
);
INSERT INTO \`wb_items_per_site\` VALUES ${tuples.join()};
`;
}

/** Names of the wiki by each source. */
async function readAll(language: string, wiki: Wiki): Promise<[string, string][][]> {
  const folder = await temporaryFolder();
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), gzipSync(text));
    return join(folder, name);
  };
  const sources: NameSource[] = [
    { kind: 'wikidata', path: wikidata },
    { kind: 'itemsPerSite', path: write('items.sql.gz', itemsPerSite()) },
    { kind: 'langlinks', path: write('langlinks.sql.gz', langlinks(language, wiki)) },
  ];
  const names = await Promise.all(
    sources.map((source) => readNames(source, { language, ...wiki })),
  );
  return names.map((map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('a real dump', async () => {
  const wiki = await readWiki(join(fixtures, 'dumps', 'ltgwiki-2017-pages-articles.xml.bz2'));
  const [fromWikidata, fromItems, fromLanglinks] = await readAll('ltg', wiki);
  expect(fromItems).toEqual(fromWikidata);
  // Langlinks know only the dump's pages; there they say the same.
  const titles = new Set(wiki.pages.values());
  expect(fromLanglinks!.length).toBeGreaterThan(5);
  expect(fromLanglinks).toEqual(fromWikidata!.filter(([title]) => titles.has(title)));
});

test.each([
  ['ja', 78],
  ['ar', 89],
  ['hi', 49],
  ['be-tarask', 60],
  ['zh-min-nan', 30],
])('all pages that the items have in %s', async (language, count) => {
  const siteinfo = wikiOf(language);
  const site = wikipediaSite(language);
  const titles = items.flatMap(({ sitelinks }) => sitelinks.filter(([own]) => own === site));
  const pages = new Map(titles.map(([, title], i) => [1000 - i, normaliseTitle(title, siteinfo)]));
  const [fromWikidata, fromItems, fromLanglinks] = await readAll(language, { siteinfo, pages });
  expect(fromWikidata!.length).toBeGreaterThanOrEqual(count);
  expect(fromItems).toEqual(fromWikidata);
  expect(fromLanglinks).toEqual(fromWikidata);
});

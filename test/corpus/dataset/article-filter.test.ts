// Which articles are taken: what leaves one out, and that threads, pieces and interruptions change nothing.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatStatistics } from '../../../lib/cli/data.ts';
import { addLeftOut, type LeftOut } from '../../../lib/corpus/dataset/article-filter.ts';
import { DisambiguationPages, withRedirects } from '../../../lib/corpus/dataset/disambiguation.ts';
import { type ExtractTextOptions, extractText } from '../../../lib/corpus/dataset/extract-text.ts';
import { type PrepareOptions, prepare } from '../../../lib/corpus/dataset/prepare.ts';
import { openDump } from '../../../lib/corpus/dump/dump.ts';
import { readPagesWith } from '../../../lib/corpus/names/page-props.ts';
import { Dataset } from '../../../lib/leia/dataset.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { expectError, fixtures, temporaryFolder } from '../../llama/fixtures.ts';
import { dumpXml, type SmallPage, writeDump, writeNames } from '../small-wiki.ts';

/** The titles that are taken, and how many are left out. */
async function extracted(options: ExtractTextOptions) {
  const lines: string[] = [];
  const leftOut: LeftOut = {};
  for await (const piece of extractText(options)) {
    lines.push(...Buffer.from(piece.lines).toString().split('\n').slice(0, -1));
    addLeftOut(leftOut, piece.leftOut);
  }
  return { titles: lines.map((line) => JSON.parse(line).title as string), leftOut };
}

const template = (name: string, text: string, redirect?: string): SmallPage => ({
  ...{ title: `Predefinição:${name}`, text, namespace: 10 },
  ...(redirect !== undefined && { redirect }),
});
/** A wiki with disambiguation pages of all kinds. Their templates come after them. */
const WIKI: readonly SmallPage[] = [
  {
    title: 'Plain',
    text: 'Um [[texto]] {{info}} <!-- {{desamb}} --> <nowiki>{{desamb}}</nowiki>.',
  },
  { title: 'By word', text: '__DISAMBIG__ * [[A]]' },
  { title: 'By template', text: '* [[A]]\n{{ desamb\n|x}}' },
  { title: 'By full name', text: '{{predefinição:Desamb}} [[A]]' },
  { title: 'By alias', text: '[[A]] {{Des_ambos}}' },
  { title: 'By caller', text: '[[A]] {{lugares|1}}' },
  { title: 'By list', text: '[[A]] {{siglas}}' },
  { title: 'By a common name', text: '[[A]] {{disambig}}' },
  { title: 'Documented', text: '[[A]] {{doc}}' },
  template('Desamb', '{|\n|}<includeonly>{{#ifeq:{{ns:0}}||__DISAMBIG__}}</includeonly>'),
  template('Des ambos', '#REDIRECT [[Template:Ambos]]', 'Template:Ambos'),
  template('Ambos', '#REDIRECT [[Predefinição:Desamb]]', 'Predefinição:desamb'),
  template('Lugares', 'x {{disambig|lugar}}'),
  template('Doc', 'x<noinclude>{{disambig}} __DISAMBIG__</noinclude>'),
  template('Info', 'x'),
  {
    ...{ title: 'MediaWiki:Disambiguationspage', namespace: 8 },
    text: '* {{[[Predefinição:Siglas|Siglas]]}}',
  },
];
const dropped = WIKI.filter(({ title }) => title.startsWith('By ')).map(({ title }) => title);
const kept = ['Plain', 'Documented'];

async function wiki(pages = WIKI): Promise<string> {
  return await writeDump(await temporaryFolder(), pages);
}

/** The table page_props, with these pages as disambiguation pages and other properties, some of them bytes. */
async function pageProps(ids: readonly number[]): Promise<string> {
  const rows = ids.map((id) => `(${id},'defaultsort','x',NULL),(${id},'disambiguation','',NULL)`);
  const head =
    'CREATE TABLE `page_props` (\n  `pp_page` int,\n  `pp_propname` varbinary(60),\n  `pp_value` blob,\n  `pp_sortkey` float\n);\n';
  const text = `${head}INSERT INTO \`page_props\` VALUES (1,'templatedata','\xff\xfe\\0\\'',1.5e10),${[...rows, ''].join(',')}(99,_binary 'x',_binary '\xc3',0x1F);\n`;
  const path = join(await temporaryFolder(), 'page_props.sql.gz');
  await writeFile(path, gzipSync(Buffer.from(text, 'latin1')));
  return path;
}

describe('disambiguation pages', () => {
  test('are told by the templates of the wiki, wherever these stand in the dump', async () => {
    const dump = await wiki();
    for (const workers of [1, 3]) {
      const { titles, leftOut } = await extracted({ dump, disambiguation: 'drop', workers });
      expect(titles).toEqual(kept);
      expect(leftOut).toEqual({ disambiguation: dropped.length });
    }
    expect((await extracted({ dump })).titles).toHaveLength(dropped.length + kept.length);
  });

  test('are told by page_props', async () => {
    const dump = await wiki();
    const { titles } = await extracted({
      ...{ dump, disambiguation: 'drop' },
      pageProps: await pageProps([1, 4, 3000]),
    });
    expect(titles).toEqual(
      [...dropped, ...kept].filter((title) => title !== 'By full name' && title !== 'Plain'),
    );
  });

  test('of a real wiki', async () => {
    const dump = join(fixtures, 'dumps', 'ltgwiki-2017-pages-articles.xml.bz2');
    const { titles, leftOut } = await extracted({ dump, disambiguation: 'drop' });
    const { siteinfo, pages } = await openDump(dump);
    const all: string[] = [];
    const expected: string[] = [];
    for await (const { title, namespace, redirect, wikitext } of pages()) {
      if (namespace !== 0 || redirect !== undefined) continue;
      all.push(title);
      // Its template for them, and what redirects there.
      const calls =
        /\{\{\s*(?:zeimeibu škiršona|nūzeimu škiršona|disambig|disambiguation|geodis)\s*[|}]/i;
      if (calls.test(Buffer.from(wikitext).toString())) expected.push(title);
    }
    expect(siteinfo.language).toBe('ltg');
    expect(expected).toHaveLength(7);
    expect(leftOut).toEqual({ disambiguation: expected.length });
    expect(titles.filter((title) => expected.includes(title))).toEqual([]);
    expect(titles.length).toBeGreaterThan(0.9 * (all.length - expected.length));
  });

  test('a circle of redirects ends', () => {
    const redirects: [string, string][] = [
      ['B', 'A'],
      ['A', 'B'],
      ['C', 'D'],
    ];
    expect(withRedirects({ names: ['A'], redirects })).toEqual(['A', 'B']);
  });

  test('a long page of braces is read in linear time', () => {
    const siteinfo = { caseRule: 'first-letter', language: 'pt', namespaces: new Map() } as never;
    const pages = new DisambiguationPages(siteinfo);
    for (const part of ['{{', '{{a', '{{ ', '<!--', '<nowiki>', '{', '{{a|']) {
      expect(pages.has({ wikitext: Buffer.from(part.repeat(50_000)) })).toBe(false);
    }
  });
});

describe('the table page_props', () => {
  test.each<[what: string, text: string, message: RegExp]>([
    [
      'another table',
      "INSERT INTO `page` VALUES (1,'a');\n",
      /this is table 'page', expected 'page_props'/,
    ],
    [
      'cut off',
      "INSERT INTO `page_props` VALUES (1,'disambiguation','',NULL),\n",
      /before the end of the table/,
    ],
    ['damaged', "INSERT INTO `page_props` VALUES (1,'disambiguation','',\n", /expected a value/],
    [
      'short rows',
      "INSERT INTO `page_props` VALUES (1,'disambiguation');\n",
      /expected a row of \(pp_page/,
    ],
    [
      'other values',
      "INSERT INTO `page_props` VALUES ('1','disambiguation','',NULL);\n",
      /expected \(page id/,
    ],
    ['empty', '', /no INSERT INTO `page_props`/],
  ])('%s', async (_, text, message) => {
    const path = join(await temporaryFolder(), 'p.sql');
    await writeFile(path, text);
    await expect(readPagesWith('disambiguation', path)).rejects.toMatchObject({
      code: 'format',
      message: expect.stringMatching(message),
    });
  });

  test('without a disambiguation page', async () => {
    const path = await pageProps([]);
    await expectError(
      () => readPagesWith('disambiguation', path),
      'mismatch',
      'no page in it has the property',
    );
  });
});

const LENGTHS: readonly SmallPage[] = [3, 9, 10, 20, 21].map((length) => ({
  title: `T${length}`,
  text: `[[a]]${'😀'.repeat(length - 1)}`,
}));

test('by length, in characters as offsets count them', async () => {
  const dump = await wiki(LENGTHS);
  const take = (minLength?: number, maxLength?: number) =>
    extracted({ dump, minLength, maxLength });
  expect(await take(10, 20)).toEqual({
    titles: ['T10', 'T20'],
    leftOut: { tooShort: 2, tooLong: 1 },
  });
  expect((await take(10)).titles).toEqual(['T10', 'T20', 'T21']);
  expect((await take(undefined, 9)).titles).toEqual(['T3', 'T9']);
  await expectError(() => take(22), 'mismatch', 'no article is left: 5 too short; leave out less');
  await expectError(() => take(5, 4), 'usage', 'at least 5 and at most 4 characters');
});

test('by title, as a wiki writes titles', async () => {
  const list = join(await temporaryFolder(), 'titles.txt');
  const dump = await wiki();
  await writeFile(list, '# mine\n\nplain\r\n_By_word \nNowhere\n');
  const { titles, leftOut } = await extracted({ dump, only: list, workers: 2 });
  expect(titles).toEqual(['Plain', 'By word']);
  expect(leftOut).toEqual({ title: 7 });
  await writeFile(list, '# nothing\n');
  await expectError(() => extracted({ dump, only: list }), 'format', 'titles.txt: no title in it');
  await writeFile(list, Buffer.from('a\xff', 'latin1'));
  await expectError(() => extracted({ dump, only: list }), 'format', 'not UTF-8 text');
  await expectError(() => extracted({ dump, only: 'absent' }), 'io', 'cannot open absent');
});

test('what has no effect is refused, and dumps of several wikis where one is meant', async () => {
  const dump = await wiki();
  await expectError(() => extracted({ dump, pageProps: 'p' }), 'usage', 'of use only where');
  const other = join(await temporaryFolder(), 'other.xml');
  await writeFile(other, dumpXml(WIKI).replace('ptwiki', 'eswiki'));
  const both = { dump: [dump, other] };
  expect((await extracted(both)).titles).toHaveLength(2 * (dropped.length + kept.length));
  await expectError(() => extracted({ ...both, disambiguation: 'drop' }), 'mismatch', "'eswiki'");
});

describe('in a dataset', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  });

  /** Articles with links, others without, and disambiguation pages, many enough for several pieces. */
  const MANY: readonly SmallPage[] = Array.from({ length: 240 }, (_, i) => ({
    title: `A${i}`,
    text: `${'texto '.repeat(i % 17)}[[Lisboa]]${i % 5 === 0 ? '{{disambig}}' : ''}`.slice(
      i % 7 === 0 ? 12 : 0,
      i % 7 === 0 ? 20 : 999,
    ),
  }));

  async function options(pages: readonly SmallPage[] = MANY): Promise<PrepareOptions> {
    const folder = await temporaryFolder();
    const names = { kind: 'titles', path: await writeNames(folder, 'titles') } as const;
    const dump = await writeDump(folder, [...pages]);
    return { dump, language: 'pt', names, tokenizer, output: join(folder, 'data') };
  }

  async function made(given: PrepareOptions) {
    const { manifest } = await prepare(given);
    using dataset = await Dataset.open(given.output);
    const titles = Array.from({ length: dataset.articleCount }, (_, i) => dataset.passage(i).title);
    const files = manifest.shards.map(({ files }) => files);
    return { manifest, titles, files };
  }

  test('filters are those of extract; what they leave out is counted, and they are recorded', async () => {
    const base = await options();
    const filter = {
      minLength: 10,
      maxLength: 90,
      disambiguation: 'drop',
      sample: { share: 0.5, seed: 3 },
    } as const;
    const { manifest, titles } = await made({ ...base, ...filter });
    const { titles: expected, leftOut } = await extracted({ dump: base.dump, ...filter });
    // A dataset has no article without a link.
    const linked = expected.filter((title) => Number(title.slice(1)) % 7 !== 0);
    expect(titles).toEqual(linked);
    expect(linked.length).toBeGreaterThan(30);
    expect(manifest.meta.source.filter).toEqual(filter);
    expect(manifest.report).toMatchObject({ articles: MANY.length, leftOut });
    const { articles, withoutLinks } = manifest.report as {
      articles: number;
      withoutLinks: number;
    };
    const out = Object.values(leftOut).reduce((sum, count) => sum + count, 0);
    expect(articles - withoutLinks - out).toBe(titles.length);
    await expectError(() => prepare(base), 'usage', 'source.filter');
    expect(formatStatistics(manifest)).toMatch(
      /^filtered out .*\d+ disambiguation pages, \d+ not in the sample, \d+ too short, \d+ too long$/m,
    );
  });

  test('a limit counts articles of the dataset, for any number of threads and after an interruption', async () => {
    const base = { ...(await options()), batchBytes: 4000 };
    const all = await made(base);
    const limit = 60;
    const whole = { ...base, limit, workers: 1, shardBytes: 3000, output: `${base.output}-whole` };
    const { titles, manifest, files } = await made(whole);
    expect(titles).toEqual(all.titles.slice(0, limit));
    // What is counted is what was read.
    expect(manifest.report.articles).toBe(Number(titles.at(-1)!.slice(1)) + 1);
    expect(manifest.report.linked).toBe(limit);
    expect(files.length).toBeGreaterThan(3);
    const parts = { ...whole, workers: 2, output: `${base.output}-parts` };
    const stop = new AbortController();
    const onProgress = (stage: string, done: number) => {
      if (stage === 'articles' && done > limit / 2) stop.abort();
    };
    const begun = prepare({ ...parts, signal: stop.signal, onProgress });
    await expect(begun).rejects.toMatchObject({ code: 'interrupted' });
    await prepare(parts);
    const [one, other] = [whole, parts].map(({ output }) => join(output, 'manifest.json'));
    expect(await readFile(other!, 'utf8')).toBe(await readFile(one!, 'utf8'));
  });

  test('nothing left is told', async () => {
    const base = await options();
    const list = join(await temporaryFolder(), 'titles.txt');
    await writeFile(list, 'Nowhere\n');
    const message = 'no article is left: 240 not in the list of titles; leave out less';
    await expectError(() => prepare({ ...base, only: list }), 'mismatch', message);
  });
});

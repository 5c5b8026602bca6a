// `leia prepare` and `leia data` as their user meets them: every run is a process of its own.
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { dumpXml, EXPECTED, flagOf, KINDS, PAGES, writeNames } from '../corpus/small-wiki.ts';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { leia, root } from './child.ts';
import {
  contents,
  errorLine,
  expectNoDataset,
  keep,
  smallWiki,
  tiny,
  withOptions,
} from './small-datasets.ts';

const demo = resolve(import.meta.dirname, '../../examples/demo');

describe('leia prepare, leia data show', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.load(tiny);
  });

  test.each(KINDS)('--%s', async (kind) => {
    const { folder, output, prepare } = await smallWiki();
    const prepared = await prepare([flagOf(kind), await writeNames(folder, kind)]);
    expect(prepared).toMatchObject({ code: 0 });
    expect(prepared.stdout).toMatch(/^dump {36}ptwiki-pages-articles\.xml, sha256 [0-9a-f]{64}$/m);
    expect(prepared.stdout).toContain('with an English page                    5 (55.6 %)');
    expect(prepared.stdout).toContain('not on token boundaries                 1, end: 1');
    expect(prepared.stdout).toContain(`Next: leia preview --data ${output} --tokenizer ${tiny}`);

    const shown = await leia(['data', 'show', '--data', output, '--jsonl']);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    const articles = shown.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(articles).toEqual(
      EXPECTED.map((passage) => ({
        ...passage,
        inputIds: expect.any(Array),
        entities: expect.any(Array),
      })),
    );
    for (const article of articles) {
      const source = ['id', 'revision', 'time', 'url'];
      const keys = ['title', ...source, 'text', 'anchors', 'inputIds', 'entities'];
      expect(Object.keys(article)).toEqual(keys);
      const { ids } = await tokenizer.encode(article.text);
      expect(article.inputIds).toEqual([tokenizer.bosId, ...ids]);
    }
    const [lisboa] = articles;
    const tagus = [...(await tokenizer.encode('Tagus')).ids];
    expect(lisboa.entities).toMatchObject([{}, { nameIds: tagus }, { nameIds: tagus }]);
    for (const entity of lisboa.entities) {
      expect(Object.keys(entity)).toEqual(['start', 'end', 'nameIds']);
    }
    const { start, end } = lisboa.entities[2];
    expect((await tokenizer.decode(lisboa.inputIds.slice(start, end))).trim()).toBe('grande rio');
  });

  test('a real dump; readable, searched and counted', async () => {
    const folder = await temporaryFolder();
    const output = join(folder, 'data');
    const dump = (await readdir(demo)).find((name) => name.endsWith('.xml.bz2'))!;
    const prepared = await leia(
      ['prepare', '--dump', join(demo, dump), '--language', 'ja', '--output', output].concat([
        '--titles',
        join(demo, 'titles.tsv'),
        '--tokenizer',
        join(demo, 'tokenizer'),
      ]),
    );
    expect(prepared).toMatchObject({ code: 0 });
    expect(prepared.stderr).toContain('pages read for titles and redirects');
    expect(prepared.stderr).toContain('94/94 articles tokenised');
    const data = (...args: string[]) => leia(['data', ...args, '--data', output]);

    const all = (await data('show', '--jsonl')).stdout.trimEnd().split('\n');
    expect(all).toHaveLength(94);
    for (const line of all) {
      const { text, anchors, inputIds, entities } = JSON.parse(line);
      const { length } = Array.from(text as string);
      let previous = 0;
      for (const { start, end } of anchors) {
        expect(start).toBeGreaterThanOrEqual(previous);
        expect(end).toBeGreaterThan(start);
        previous = end;
      }
      expect(previous).toBeLessThanOrEqual(length);
      for (const { end } of entities) expect(end).toBeLessThanOrEqual(inputIds.length);
      expect(text).not.toMatch(/\[\[|\]\]|\{\{|\}\}|\{\||'''|<ref|&nbsp;|__NOTOC__/);
    }
    const title = JSON.parse(all[3]!).title;
    const one = await data('show', '--article', title, '--limit', '5');
    expect(one.stdout.split('\n')[0]).toBe(title);
    expect(await data('show', '--search', 'no such words in it')).toMatchObject({ code: 2 });
    const titles = async (...args: string[]): Promise<string[]> =>
      (await data('show', '--jsonl', ...args)).stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).title);
    const some = await titles('--random', '--seed', '7');
    expect(some).toHaveLength(3);
    expect(await titles('--random', '--seed', '7', '--limit', '2')).toEqual(some.slice(0, 2));
    expect(await titles('--random', '--seed', '8')).not.toEqual(some);
    expect(new Set(await titles('--random', '--limit', '94')).size).toBe(94);
    expect(await data('show', '--random', '--seed', '-1')).toMatchObject({ code: 2 });
    const stats = await data('stats', '--json');
    expect(JSON.parse(stats.stdout)).toMatchObject({ articles: 94, meta: { language: 'ja' } });
  });
});

test('leia prepare --text: spans that came with the text', async () => {
  const folder = await temporaryFolder();
  const text = join(folder, 'text.jsonl');
  const output = join(folder, 'data');
  const line = {
    title: 'Um',
    text: 'a casa é grande\no rio é azul',
    spans: [
      { start: 2, end: 6, name: 'house' },
      { start: 18, end: 21, name: 'river' },
      { start: 16, end: 21, name: 'the river' },
    ],
  };
  const other = { text: 'a casa', spans: [{ start: 2, end: 6, name: null }] };
  await writeFile(text, [line, other].map((object) => `${JSON.stringify(object)}\n`).join(''));
  const common = ['prepare', '--text', text, '--language', 'pt', '--tokenizer', tiny];
  const { code, stdout } = await leia([...common, '--output', output]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^spans +4\nwith a name +3 \(75\.0 %\)\n/m);
  expect(stdout).toMatch(
    /^entities +2 \(50\.0 %\), 1\.0 an article\ntokens +\d+, \d+\.\d an article, \d/m,
  );
  expect(stdout).not.toContain('redirects');

  const show = (...args: string[]) => leia(['data', 'show', '--data', output, ...args]);
  expect((await show()).stdout).toBe(
    'Um\na casa [house] é grande\no rio [the river] é azul\n\nline 2\na casa\n\n',
  );
  expect((await show('--search', 'rio')).stdout).toBe('Um\no rio [the river] é azul\n\n');
  expect((await show('--search', 'e\u0301 g')).stdout).toBe('Um\na casa [house] é grande\n\n');

  for (const [args, message] of [
    [['--titles', text], /the spans of --text have their names already/],
    [['--dump', text], /expected either --dump or --text, got both/],
    [['--text', join(folder, 'none')], /none: no such file/],
    [['--disambiguation', 'drop'], /only pages of a wiki are disambiguation pages/],
    [['--page-props', text], /only pages of a wiki are disambiguation pages/],
    [['--only', join(folder, 'none')], /none: no such file/],
  ] as const) {
    const { code, stderr } = await leia(withOptions([...common, '--output', output], args));
    expect(code).toBe(message.source.includes('no such') ? 1 : 2);
    expect(errorLine(stderr)).toMatch(message);
  }
});

describe('bad input ends in one line and no dataset', () => {
  const HTML = '<!DOCTYPE html><html><body>404</body></html>';
  const xml = dumpXml(PAGES);
  const dumpFile = (content: string | Uint8Array) => async (folder: string) => {
    const path = join(folder, 'bad.xml.bz2');
    await writeFile(path, content);
    return ['--dump', path];
  };
  const nameFile = (kind: string, content: string | Uint8Array) => async (folder: string) => {
    const path = join(folder, 'names');
    await writeFile(path, content);
    return [`--${kind}`, path];
  };
  /** The small tokenizer with one file changed. */
  const tokenizerFolder = (edit: (text: string) => string) => async (folder: string) => {
    const path = join(folder, 'tokenizer');
    await mkdir(path);
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
      await copyFile(join(tiny, name), join(path, name));
    }
    const file = join(path, 'tokenizer.json');
    await writeFile(file, edit(await readFile(file, 'utf8')));
    return ['--tokenizer', path];
  };

  /** The demo's dump, bzip2 of many streams. */
  async function realDump(edit: (bytes: Buffer) => Buffer): Promise<Buffer> {
    const name = (await readdir(demo)).find((file) => file.endsWith('.xml.bz2'))!;
    return edit(await readFile(join(demo, name)));
  }

  const cases: [string, (folder: string) => Promise<string[]>, RegExp][] = [
    [
      'no such dump',
      async () => ['--dump', '/nowhere/x.xml'],
      /cannot read \/nowhere\/x\.xml: no such file/,
    ],
    ['a folder as dump', async (folder) => ['--dump', folder], /cannot read .*: it is a folder/],
    ['an empty dump', dumpFile(''), /bad\.xml\.bz2: .* got an empty file/],
    ['a web page', dumpFile(HTML), /got a web page/],
    ['malformed XML', dumpFile(xml.replace('</title>', '</titel>')), /malformed XML at byte \d+/],
    ['XML cut off', dumpFile(xml.slice(0, -200)), /the file is incomplete, download it again/],
    ['no pages', dumpFile(dumpXml([])), /without pages/],
    [
      'an abstracts dump',
      dumpFile('<feed><doc><title>A</title></doc></feed>'),
      /an abstracts dump\), not <mediawiki>/,
    ],
    [
      'truncated bzip2',
      async (folder) =>
        await dumpFile(await realDump((bytes) => bytes.subarray(0, bytes.length / 2)))(folder),
      /bad\.xml\.bz2: the bzip2 data ends at byte \d+/,
    ],
    [
      'corrupt bzip2',
      async (folder) =>
        await dumpFile(
          await realDump((bytes) => {
            bytes[bytes.length >> 1]! ^= 16;
            return bytes;
          }),
        )(folder),
      /bad\.xml\.bz2: .*corrupt/,
    ],
    ['no links', dumpFile(dumpXml([PAGES[3]!])), /no article with text and links in it/],
    [
      'no link with a name',
      dumpFile(dumpXml([PAGES[5]!])),
      /none of the 2 links of .* has an English name in/,
    ],
    ['no such names', async () => ['--titles', '/nowhere'], /cannot read \/nowhere: no such file/],
    [
      'a bad table',
      nameFile('titles', 'Lisboa\tLisbon\nPortugal\n'),
      /line 2: expected a title, a tab/,
    ],
    ['a table as Wikidata', nameFile('wikidata', 'Lisboa\tLisbon\n'), /line 1 is not JSON/],
    ['Wikidata cut off', nameFile('wikidata', '[\n{"id":"Q1"},\n'), /cut off\?/],
    [
      'another table of SQL',
      nameFile('langlinks', "INSERT INTO `page` VALUES (1,'a');\n"),
      /this is table 'page', expected 'langlinks'/,
    ],
    [
      'no tokenizer',
      async () => ['--tokenizer', '/nowhere'],
      /\/nowhere\/tokenizer\.json: no such file/,
    ],
    ['a corrupt tokenizer', tokenizerFolder((text) => text.slice(0, 999)), /tokenizer\.json/],
    ['a tokenizer of another kind', tokenizerFolder(() => '{"version":"1.0"}'), /tokenizer\.json/],
  ];

  test.concurrent.each(cases)('%s', async (_, change, message) => {
    const { folder, output, prepare } = await smallWiki(keep);
    const { code, stdout, stderr } = await prepare(await change(folder));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(errorLine(stderr)).toMatch(message);
    expect((await contents(output).catch(() => new Map())).has('manifest.json')).toBe(false);
  });

  test('wrong use', async () => {
    const { folder, prepare } = await smallWiki();
    const names = await writeNames(folder, 'wikidata');
    const titles = join(folder, 'titles.tsv');
    for (const [args, message] of [
      [
        ['--wikidata', names, '--titles', titles],
        /one of --langlinks, --items-per-site, --wikidata and --titles; 2 given/,
      ],
      [['--shard-size', '0'], /--shard-size: Too small: expected number to be >0, got 0/],
      [['--shard-size', 'big'], /--shard-size: expected a number, got 'big'/],
    ] as const) {
      const { code, stderr } = await prepare(args);
      expect(code).toBe(2);
      expect(stderr).toMatch(message);
    }
    expect(await leia(['prepare'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--language is missing'),
    });
  });

  test('output that cannot be written', async () => {
    const { folder, prepare } = await smallWiki();
    await writeFile(join(folder, 'file'), '');
    for (const [output, message] of [
      [join(folder, 'file', 'data'), /cannot create .*: a part of the path is not a folder/],
      [join(folder, 'file'), /cannot create .*file/],
      ['/dev/null/data', /cannot create .*: a part of the path is not a folder/],
      ['/dev/null', /cannot create \/dev\/null: a file of that name is there/],
    ] as const) {
      const { code, stderr } = await prepare(['--output', output]);
      expect(code).toBe(1);
      expect(errorLine(stderr)).toMatch(message);
    }
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
    const { code, stderr } = await prepare(['--output', '-']);
    expect(code).toBe(2);
    expect(errorLine(stderr)).toMatch(
      /expected a folder for the output, got - \(standard output\)/,
    );
    expect(existsSync(join(root, '-'))).toBe(false);
  });

  test('a dataset that is there already', async () => {
    const { output, prepare } = await smallWiki();
    const { stdout } = await prepare();
    const made = await contents(output);
    const again = await prepare();
    expect(again).toMatchObject({
      code: 0,
      stdout: `${output} already holds this dataset; nothing was done.\n${stdout}`,
    });
    expect(await contents(output)).toEqual(made);
  });

  test('a disk that fills up, and then has room', async () => {
    const { output, prepare, folder } = await smallWiki();
    const pages = Array.from({ length: 200 }, (_, i) => ({ ...PAGES[0]!, title: `Página ${i}` }));
    await writeFile(join(folder, 'ptwiki-pages-articles.xml'), dumpXml(pages));
    const full = await prepare([], { fileBlocks: 16 });
    expect(full.code).toBe(1);
    expect(errorLine(full.stderr)).toMatch(
      /cannot write .*-00000\.\w+: the file would be larger than allowed/,
    );
    expect(await readdir(output)).toEqual(['progress.json']);
    await expectNoDataset(output);
    const model = join(fixtures, 'tiny-llama');
    const train = ['train', '--model', model, '--data', output, '--output', join(folder, 'run')];
    const refused = await leia(train);
    expect(refused.code).toBe(1);
    expect(errorLine(refused.stderr)).toMatch(/is not finished; run the same leia prepare again/);
    expect(await prepare()).toMatchObject({ code: 0 });
    expect(await leia(['data', 'stats', '--data', output])).toMatchObject({ code: 0 });
  });

  test('a dataset that was damaged afterwards', async () => {
    const { output, prepare } = await smallWiki();
    expect(await prepare()).toMatchObject({ code: 0 });
    await appendFile(join(output, 'articles-00000.bin'), 'x');
    const { code, stderr } = await leia(['data', 'show', '--data', output]);
    expect(code).toBe(1);
    expect(errorLine(stderr)).toMatch(/articles-00000\.bin has .* prepare the data again/);
    const none = await leia(['data', 'show', '--data', join(output, 'none')]);
    expect(none.code).toBe(1);
    expect(errorLine(none.stderr)).toMatch(
      /no such file or folder; a dataset is made by leia prepare/,
    );
  });
});

// `leia extract` as its user meets it.
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readLines } from '../../lib/corpus/dump/lines.ts';
import { writeOutput } from '../../lib/system/output.ts';
import { dumpXml, PAGES, sourceOfPage, writeDump } from '../corpus/small-wiki.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { leia } from './child.ts';

test('the articles of a dump, a line each', async () => {
  const folder = await temporaryFolder();
  const output = join(folder, 'pt.jsonl');
  const args = ['extract', '--dump', await writeDump(folder), '--output', output];
  const { code, stdout, stderr } = await leia(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('4 articles') });
  expect(stdout).toMatch(/^4 articles, .*pt\.jsonl\n$/);
  const lines = (await readFile(output, 'utf8')).trimEnd().split('\n');
  const articles = lines.map((line) => JSON.parse(line));
  const hasText = ({ namespace, redirect, title }: (typeof PAGES)[number]): boolean =>
    !namespace && !redirect && title !== 'Vazia';
  const read = PAGES.filter(hasText);
  expect(articles.map(({ title }) => title)).toEqual(read.map(({ title }) => title));
  expect(articles[1]).toEqual({
    title: 'Portugal',
    ...sourceOfPage('Portugal'),
    text: 'A capital de Portugal é Lisboa.',
    anchors: [{ start: 24, end: 30, target: 'Lisboa', english: '' }],
  });
});

test('of a damaged dump, or on a full disk, nothing is left that looks whole', async () => {
  const folder = await temporaryFolder();
  const dump = join(folder, 'cut.xml');
  await writeFile(dump, dumpXml(PAGES).slice(0, -20));
  const output = join(folder, 'pt.jsonl');
  const args = ['extract', '--dump', dump, '--output', output];
  const cut = await leia(args);
  expect(cut.code).toBe(1);
  expect(cut.stderr).toMatch(/^leia: cut\.xml: the XML ends inside <mediawiki>/);
  await writeFile(dump, dumpXml(Array.from({ length: 400 }, () => PAGES[0]!)));
  const full = await leia(args, { fileBlocks: 32 });
  expect(full.code).toBe(1);
  expect(full.stderr).toContain(`cannot write ${output}: the file would be larger than allowed`);
  expect(await readdir(folder)).toEqual(['cut.xml']);
});

test('a dump through a pipe, the articles through another', async () => {
  const folder = await temporaryFolder();
  const dump = await writeDump(folder);
  const output = join(folder, 'pt.jsonl');
  await leia(['extract', '--dump', dump, '--output', output]);
  const expected = await readFile(output, 'utf8');
  const xml = await readFile(dump);
  for (const stdin of [xml, gzipSync(xml)]) {
    const piped = await leia(['extract', '--dump', '-', '--output', '-'], { stdin });
    expect(piped).toEqual({ code: 0, stdout: expected, stderr: expect.any(String) });
    expect(piped.stderr).toMatch(/^4 articles, 1\.\d kB$/m);
  }
  const packed = `${output}.gz`;
  expect(await leia(['extract', '--dump', dump, '--output', packed])).toMatchObject({ code: 0 });
  expect(gunzipSync(await readFile(packed)).toString()).toBe(expected);
});

test('a dump that is zstd, and articles that are', async () => {
  const folder = await temporaryFolder();
  const dump = join(folder, 'pt.xml.zst');
  await writeOutput(dump, [await readFile(await writeDump(folder))]);
  const packed = join(folder, 'pt.jsonl.zst');
  const stdin = await readFile(dump);
  const piped = await leia(['extract', '--dump', '-', '--output', '-'], { stdin });
  expect(piped.stdout.split('\n')).toHaveLength(5);
  expect(await leia(['extract', '--dump', dump, '--output', packed])).toMatchObject({ code: 0 });
  const lines: string[] = [];
  for await (const { text } of readLines(packed)) lines.push(`${text}\n`);
  expect(lines.join('')).toBe(piped.stdout);
});

test('articles in shards', async () => {
  const folder = await temporaryFolder();
  const dump = await writeDump(folder);
  const whole = await leia(['extract', '--dump', dump, '--output', '-']);
  const output = join(folder, 'out.jsonl.gz');
  const args = ['extract', '--dump', dump, '--output', output, '--shard-size'];
  const { code, stdout } = await leia([...args, '0.4kB']);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^4 articles, .*out-00000-of-00003\.jsonl\.gz, 3 in all\n$/),
  });
  const names = (await readdir(folder)).filter((name) => name.startsWith('out')).sort();
  const texts = names.map(async (name) => gunzipSync(await readFile(join(folder, name))));
  expect(Buffer.concat(await Promise.all(texts)).toString()).toBe(whole.stdout);
  expect(await leia([...args, 'big'])).toMatchObject({
    code: 2,
    stderr: "leia: --shard-size: expected a size such as 100MB or 1GiB, got 'big'\n",
  });
});

test('the dump is never the output', async () => {
  const folder = await temporaryFolder();
  const dump = await writeDump(folder);
  const before = await readFile(dump);
  await symlink(dump, join(folder, 'link'));
  for (const output of [dump, join(folder, 'link')]) {
    const { code, stderr } = await leia(['extract', '--dump', dump, '--output', output]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(`${output} is read as input (${dump})`),
    });
    expect(await readFile(dump)).toEqual(before);
  }
});

test.each<[what: string, dump: string, stdin: string, message: RegExp]>([
  ['an address', 'https://example.org/x.xml.bz2', '', /it is an address; download it/],
  ['nothing', '-', '', /standard input: expected the XML .* got nothing: the command before the/],
  ['a piece', '-', '<page><title>A</title></page>', /pages without the head of a dump/],
  ['no article', '-', dumpXml([PAGES[2]!, PAGES[4]!]), /none of its 2 pages is an article/],
])('%s instead of a dump is told', async (_, dump, stdin, message) => {
  const output = join(await temporaryFolder(), 'pt.jsonl');
  const { code, stderr } = await leia(['extract', '--dump', dump, '--output', output], { stdin });
  const line = stderr.trimEnd().split('\n').at(-1); // there may be progress before
  expect({ code, line }).toEqual({ code: 1, line: expect.stringMatching(message) });
  expect(await readdir(dirname(output))).toEqual([]);
});

test('wrong use is told', async () => {
  const { code, stderr } = await leia(['extract', '--dump', 'a.xml']);
  expect(code).toBe(2);
  expect(stderr).toContain('--output');
  const twice = await leia(['extract', '--dump', 'a.xml', '--output', 'a', '--output', 'b']);
  expect(twice).toMatchObject({
    code: 2,
    stderr: "leia: --output is given twice, 'a' and 'b'; expected one\n",
  });
});

// `leia extract` as its user meets it.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { dumpXml, PAGES, writeDump } from '../corpus/small-wiki.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { leia } from './child.ts';

vi.setConfig({ testTimeout: 120_000 });

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
    text: 'A capital de Portugal é Lisboa.',
    anchors: [{ start: 24, end: 30, target: 'Lisboa' }],
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

test('wrong use is told', async () => {
  const { code, stderr } = await leia(['extract', '--dump', 'a.xml']);
  expect(code).toBe(2);
  expect(stderr).toContain('--output');
});

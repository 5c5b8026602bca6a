// Text with links from a whole dump, on however many threads.
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { ByteProgress } from '../../../lib/corpus/dataset/byte-progress.ts';
import { type ExtractTextOptions, extractText } from '../../../lib/corpus/dataset/extract-text.ts';
import { openDump } from '../../../lib/corpus/dump/dump.ts';
import { sourceOf } from '../../../lib/corpus/dump/page-source.ts';
import { ArticleExtractor } from '../../../lib/corpus/wikitext/extract.ts';
import { temporaryFolder } from '../../llama/fixtures.ts';
import { PAGES, writeDump, writePieces } from '../small-wiki.ts';
import { inLines } from '../wikitext/wiki.ts';

const dump = resolve(
  import.meta.dirname,
  '../../../examples/demo/jawiki-sample-pages-articles-multistream.xml.bz2',
);

async function linesOf(options: ExtractTextOptions): Promise<{ text: string; articles: number }> {
  const parts: Buffer[] = [];
  let articles = 0;
  for await (const piece of extractText(options)) {
    articles += piece.articles;
    parts.push(Buffer.from(piece.lines)); // a copy: it holds until the next is asked for
  }
  return { text: Buffer.concat(parts).toString(), articles };
}

test.each(['keep', 'drop'] as const)(
  'lists %s: the same with any number of threads',
  async (lists) => {
    const { siteinfo, pages } = await openDump(dump);
    const extractor = new ArticleExtractor(siteinfo, { lists });
    const expected: string[] = [];
    for await (const page of pages()) {
      if (page.namespace !== 0 || page.redirect !== undefined) continue;
      const { title, text, anchors } = extractor.extract(page);
      const source = sourceOf(page, siteinfo);
      expected.push(`${JSON.stringify({ title, ...source, text, anchors: inLines(anchors) })}\n`);
    }
    expect(expected.length).toBeGreaterThan(50);
    for (const workers of [1, 3]) {
      const { text, articles } = await linesOf({ dump, lists, workers });
      expect(articles).toBe(expected.length);
      expect(text === expected.join('')).toBe(true);
    }
  },
);

test('progress, warnings, and an end that was asked for', async () => {
  const long = { title: 'Longa', text: '{{ '.repeat(600) };
  const small = await writeDump(await temporaryFolder(), [...PAGES, long]);
  const heard: number[] = [];
  const warnings: string[] = [];
  const stop = new AbortController();
  const options: ExtractTextOptions = {
    dump: small,
    signal: stop.signal,
    onProgress: (articles, { done, total }) => heard.push(articles, done / total),
    onWarning: (message) => warnings.push(message),
  };
  expect((await linesOf(options)).articles).toBe(4); // those that have text
  expect(heard).toEqual([4, 1]);
  expect(warnings).toEqual(["page 'Longa': 600 templates, tables or links are never closed"]);
  stop.abort();
  await expect(linesOf(options)).rejects.toMatchObject({ code: 'interrupted' });
});

test('pieces of a dump give what the whole gives', async () => {
  const folder = await temporaryFolder();
  const whole = await linesOf({ dump: await writeDump(folder) });
  const heard: number[] = [];
  const onProgress = (_: number, { done, total }: ByteProgress) => heard.push(done / total);
  const pieces = await writePieces(folder, [1, 4, 4]);
  expect(await linesOf({ dump: pieces, onProgress })).toEqual(whole);
  expect(heard.at(-1)).toBe(1);
  expect([...heard].sort()).toEqual(heard);
});

test('a sample is the same for any number of threads and pieces, and part of a larger one', async () => {
  const folder = await temporaryFolder();
  const pages = Array.from({ length: 300 }, (_, i) => ({
    title: `A${i}`,
    text: 'Texto. '.repeat(i),
  }));
  const whole = await writeDump(folder, pages);
  const pieces = await writePieces(folder, [100, 200], pages);
  const take = async (share: number, seed: number, options: Partial<ExtractTextOptions> = {}) =>
    (await linesOf({ dump: whole, sample: { share, seed }, ...options })).text
      .split('\n')
      .slice(0, -1);
  const small = await take(0.1, 7);
  expect(small.length).toBeGreaterThan(10);
  expect(small.length).toBeLessThan(60);
  expect(await take(0.1, 7, { workers: 1 })).toEqual(small);
  expect(await take(0.1, 7, { dump: pieces, workers: 3 })).toEqual(small);
  expect(await take(0.1, 8)).not.toEqual(small);
  const large = await take(0.5, 7);
  expect(small.every((line) => large.includes(line))).toBe(true);
  expect(await take(1, 7)).toHaveLength(299); // the first has no text
  await expect(take(1e-9, 7)).rejects.toMatchObject({
    code: 'mismatch',
    message: 'no article is left: 300 not in the sample; leave out less',
  });
});

test('the first articles alone, in one dump or several', async () => {
  const small = await writeDump(await temporaryFolder());
  const { text, articles } = await linesOf({ dump });
  const lines = text.split('\n');
  for (const limit of [2, articles + 1]) {
    const first = await linesOf({ dump: [dump, small], limit });
    const most = Math.min(limit, articles);
    expect(first.text.split('\n').slice(0, most)).toEqual(lines.slice(0, most));
    expect(first.articles).toBe(limit);
  }
});

test('what cannot be read is one error', async () => {
  const missing = join(await temporaryFolder(), 'none.xml');
  await expect(linesOf({ dump: missing })).rejects.toMatchObject({
    code: 'io',
    message: `cannot open ${missing}: no such file or folder`,
  });
});

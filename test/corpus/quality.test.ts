// How well real dumps become articles: links against a second, independent reading of the wikitext
// (scripts/corpus-quality.ts), and markup that is left in the text.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { openDump } from '../../lib/corpus/dump.ts';
import { leftoversPerMillion, measure, precision, recall } from '../../scripts/corpus-quality.ts';
import { fixtures } from '../llama/fixtures.ts';

const demo = resolve(import.meta.dirname, '../../examples/demo');
const japanese = readdirSync(demo).find((name) => name.endsWith('.xml.bz2'))!;

test.each([
  ['Latgalian', join(fixtures, 'dumps', 'ltgwiki-2017-pages-articles.xml.bz2'), 5_500],
  ['English', join(fixtures, 'dumps', 'enwiki-shortened-pages-articles.xml.bz2'), 22_000],
  ['Japanese', join(demo, japanese), 26_000],
])('%s', async (_, path, links) => {
  const dump = await openDump(path);
  const quality = await measure(dump.pages(), dump.siteinfo);
  expect(quality.links).toBeGreaterThan(links);
  expect(recall(quality)).toBeGreaterThan(0.995);
  expect(precision(quality)).toBeGreaterThan(0.9995);
  // What there is, is text: articles about HTML and programming languages show it.
  expect(leftoversPerMillion(quality)).toBeLessThan(10);
  expect(quality.kept / quality.articles).toBeGreaterThan(0.99);
});

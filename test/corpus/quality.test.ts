// How well real dumps become articles: links against a count that is independent of the reader
// (scripts/link-count.ts), and markup that is left in the text.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDump } from '../../lib/corpus/dump/dump.ts';
import {
  leftoversPerMillion,
  measure,
  measureText,
  precision,
  recall,
} from '../../scripts/corpus-quality.ts';
import { countLinks } from '../../scripts/link-count.ts';
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
  expect(quality.kept / quality.withWords).toBeGreaterThan(0.999);
  expect(quality.lost).toEqual([]);
  const { holesBefore, holesAfter, words } = quality.inlined;
  expect(words).toBeGreaterThan(5);
  expect(holesAfter).toBeLessThan(holesBefore / 2);
});

test("another extractor's text is measured by the same count", async () => {
  const dump = await openDump(join(fixtures, 'dumps', 'ltgwiki-2017-pages-articles.xml.bz2'));
  const pages = [];
  for await (const page of dump.pages()) if (page.namespace === 0) pages.push(page);
  const articles = pages.filter(({ redirect }) => redirect === undefined).slice(0, 40);
  const targetsOf = (text: string) => countLinks(text, { namespaces: [] }).targets;
  const all = articles.map(({ id, wikitext }) => {
    const targets = targetsOf(Buffer.from(wikitext).toString());
    return [id, { text: "a [[b]] ''c''", targets }] as const;
  });
  const whole = await measureText(articles, dump.siteinfo, new Map(all));
  expect([whole.articles, whole.kept]).toEqual([40, 40]);
  expect(whole.common / whole.links).toBeGreaterThan(0.9);
  expect([...whole.leftovers]).toEqual([
    ['[[', 40],
    [']]', 40],
    ["''", 80],
  ]);
  const half = await measureText(articles, dump.siteinfo, new Map(all.slice(0, 20)));
  expect(half.kept).toBe(20);
  expect(half.links).toBe(whole.links);
  expect(half.common).toBeLessThan(whole.common);
});

describe('the count of links', () => {
  const names = {
    namespaces: [
      { id: 6, name: 'Датотека' },
      { id: 14, name: 'Категорија' },
      { id: 100, name: 'Портал' },
    ],
  };
  test.each([
    ['[[a]] [[B c|d]] [[ e_f ]]', ['a', 'bc', 'ef']],
    ['{{x|[[a]]}} [[b]] {{y|{{z|[[c]]}}}}', ['b']],
    ['{|\n| [[a]]\n{|\n|[[b]]\n|}\n|}\n[[c]]', ['c']],
    ['<ref>[[a]]</ref><!-- [[b]] --><nowiki>[[c]]</nowiki>[[d]]', ['d']],
    [
      '[[Датотека:A.jpg|thumb|[[a]] b]] [[категорија:C]] [[File:D|[[d]]]] [[портал:E|e]] [[f]]',
      ['f'],
    ],
    ['[[en:A]] [[:fr:B|b]] [[wikt:c]] [[zh-min-nan:D]] [[Star Trek: E]]', ['startreke']],
    ['[[A#b|c]] [[#d]] [[|e]] [[f%20g]] [[h&amp;i]]', ['fg', 'hi']],
    ['== [[a]] ==\n== [[b]] ==\nc', ['b']],
    ['[[a|[[b]] c]]', ['b']],
  ])('%j', (text, expected) => expect(countLinks(text, names).targets).toEqual(expected));

  test.each([
    ['{{x|a}}\n[[File:A.jpg|thumb|b]]\n[[Category:C]]\n==d==\n__NOTOC__', false],
    ['{{x|a}} b', true],
    ['[[a]]', true],
  ])('words of its own: %j', (text, words) => expect(countLinks(text, names).words).toBe(words));
});

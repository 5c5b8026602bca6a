// Where an article comes from: what a dump says of its page, and the address that follows from it.
import { expect, test } from 'vitest';
import { readDump } from '../../../lib/corpus/dump/dump.ts';
import { baseOf, sourceOf } from '../../../lib/corpus/dump/page-source.ts';
import { dumpXml, PAGES, sourceOfPage } from '../small-wiki.ts';

test.each([
  ['https://ja.wikipedia.org/wiki/%E3%83%A1%E3%82%A4%E3%83%B3', 'https://ja.wikipedia.org/wiki/'],
  ['https://de.wikipedia.org/wiki/Wikipedia:Haupt/Seite', 'https://de.wikipedia.org/wiki/'],
  ['http://localhost/index.php/Main_Page', 'http://localhost/index.php/'],
  ['file:///wiki/Main', undefined],
  ['Main_Page', undefined],
  ['', undefined],
])('the base of %j is %j', (mainPage, base) => expect(baseOf(mainPage)).toBe(base));

test.each([
  ['New York', 'New_York'],
  ['AC/DC: 1, 2 (@$;)', 'AC/DC:_1,_2_(@$;)'],
  ["A?b#c&d%e+f'", "A%3Fb%23c%26d%25e%2Bf'"],
  ['東京', '%E6%9D%B1%E4%BA%AC'],
])('the address of %s', (title, address) => {
  const { url } = sourceOf({ id: 1, title }, { base: 'https://a/wiki/' });
  expect(url).toBe(`https://a/wiki/${address}`);
});

test('both readers of pages find number, version and time, also without what old dumps lack', async () => {
  const xml = dumpXml(PAGES);
  // A comment is nothing for the quick reader.
  for (const text of [xml, xml.replaceAll('<revision>', '<revision><!-- -->')]) {
    const bytes = async function* () {
      yield Buffer.from(text);
    };
    const { siteinfo, pages } = await readDump(bytes(), 'x');
    for await (const page of pages()) {
      if (page.title !== 'Rio Tejo') continue;
      expect(sourceOf(page, siteinfo)).toEqual(sourceOfPage('Rio Tejo'));
    }
  }
  const old = xml
    .replace(/<base>.*<\/base>/, '')
    .replaceAll(/<timestamp>.*?<\/timestamp>/g, '<timestamp>yesterday</timestamp>')
    .replaceAll(/<revision><id>\d+<\/id>/g, '<revision>');
  const bytes = async function* () {
    yield Buffer.from(old);
  };
  const { siteinfo, pages } = await readDump(bytes(), 'x');
  for await (const page of pages()) {
    expect(sourceOf(page, siteinfo)).toEqual({ id: page.id });
  }
});

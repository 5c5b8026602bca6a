// Makes a wiki of any size, to measure time and memory: it repeats the pages of a real one with other titles and
// numbers. Every tenth page is a redirect to the one before, every second has an English name.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { openDump } from '../../lib/corpus/dump/dump.ts';
import type { Page, Siteinfo } from '../../lib/corpus/dump/siteinfo.ts';

export interface LargeWiki {
  pages: number;
  articles: number;
  xmlBytes: number;
}

const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** The head of a dump of this wiki. */
export function headXml({ language, siteName, dbName, caseRule, namespaces }: Siteinfo): string {
  const spaces = [...namespaces.values()].map(
    ({ id, name }) =>
      `      <namespace key="${id}" case="${caseRule}">${escaped(name)}</namespace>\n`,
  );
  // Line by line as Wikimedia writes it: WikiExtractor recognises a line by its beginning.
  return `<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="${language}">
  <siteinfo>
    <sitename>${escaped(siteName)}</sitename>
    <dbname>${dbName}</dbname>
    <base>https://${language}.wikipedia.org/wiki/</base>
    <case>${caseRule}</case>
    <namespaces>
${spaces.join('')}    </namespaces>
  </siteinfo>
`;
}

export function pageXml({ id, title, namespace, redirect, wikitext }: Page): string {
  const text = Buffer.from(wikitext).toString();
  const to = redirect === undefined ? '' : `<redirect title="${escaped(redirect)}" />`;
  return `  <page>\n    <title>${escaped(title)}</title>\n    <ns>${namespace}</ns>\n    <id>${id}</id>\n    ${to}\n    <revision>\n      <id>${id}</id>\n      <model>wikitext</model>\n      <format>text/x-wiki</format>\n      <text bytes="${wikitext.length}" xml:space="preserve">${escaped(text)}</text>\n    </revision>\n  </page>\n`;
}

/** Writes the XML of a wiki of `count` pages and its table of names. Texts are cut at `longest` characters. */
export async function writeLargeWiki(
  model: string,
  count: number,
  files: { xml: string; names: string },
  longest = Number.POSITIVE_INFINITY,
): Promise<LargeWiki> {
  const dump = await openDump(model);
  const originals: Page[] = [];
  for await (const page of dump.pages()) {
    if (page.namespace !== 0 || page.redirect !== undefined) continue;
    const text = Buffer.from(page.wikitext).toString().slice(0, longest);
    originals.push({ ...page, wikitext: Buffer.from(text) });
  }
  const xml = createWriteStream(files.xml);
  const names = createWriteStream(files.names);
  let xmlBytes = 0;
  const write = async (stream: typeof xml, text: string): Promise<void> => {
    if (!stream.write(text)) await once(stream, 'drain');
  };
  await write(xml, headXml(dump.siteinfo));
  await write(
    names,
    'CREATE TABLE `langlinks` (\n  `ll_from` int,\n  `ll_lang` varbinary(35),\n  `ll_title` varbinary(255)\n);\n',
  );
  let [pending, rows, articles] = ['', [] as string[], 0];
  for (let i = 0; i < count; i++) {
    const original = originals[i % originals.length]!;
    const round = Math.floor(i / originals.length);
    const title = (page: Page) => (round === 0 ? page.title : `${page.title} (${round})`);
    const page: Page = { ...original, id: i + 1, title: title(original) };
    if (i % 10 === 9) {
      const target = title(originals[(i - 1) % originals.length]!);
      page.redirect = target;
      page.wikitext = Buffer.from(`#REDIRECT [[${target}]]`);
    } else {
      articles++;
      if (i % 2 === 0) rows.push(`(${i + 1},'en','English name of page ${i + 1}')`);
    }
    pending += pageXml(page);
    if (pending.length > 1 << 20) {
      xmlBytes += Buffer.byteLength(pending);
      await write(xml, pending);
      pending = '';
    }
    if (rows.length >= 10_000) {
      await write(names, `INSERT INTO \`langlinks\` VALUES ${rows.join()};\n`);
      rows = [];
    }
  }
  if (rows.length > 0) await write(names, `INSERT INTO \`langlinks\` VALUES ${rows.join()};\n`);
  pending += '</mediawiki>\n';
  xmlBytes += Buffer.byteLength(pending);
  await write(xml, pending);
  for (const stream of [xml, names]) {
    stream.end();
    await finished(stream);
  }
  return { pages: count, articles, xmlBytes };
}

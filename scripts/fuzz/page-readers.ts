// Readers of pages with their numbers and times, and of several dumps that a pattern names.
import { isUtf8 } from 'node:buffer';
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openDump } from '../../lib/corpus/dump/dump.ts';
import { dumpFiles } from '../../lib/corpus/dump/dump-files.ts';
import { readByTheRules, readQuickly } from '../../lib/corpus/dump/page-reader.ts';
import { sourceOf } from '../../lib/corpus/dump/page-source.ts';
import type { Page } from '../../lib/corpus/dump/siteinfo.ts';
import { LeiaError } from '../../lib/system/error.ts';
import {
  bytesOf,
  type FuzzedReader,
  holds,
  orNamedError,
  temporaryFolder,
  words,
} from './checks.ts';
import { mutateBytes } from './mutate.ts';

const page = (id: number, more: string, text: string): string => `  <page>
    <title>A &amp; B ${id}</title>
    <ns>0</ns>
    <id>${id}</id>
${more}    <revision>
      <id>${90 + id}</id>
      <parentid>9</parentid>
      <timestamp>2026-11-20T08:15:00Z</timestamp>
      <contributor><username>U</username><id>5</id></contributor>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="${text.length}" sha1="x" xml:space="preserve">${text}</text>
      <sha1>x</sha1>
    </revision>
  </page>
`;
const PAGES = [
  page(1, '', '[[b]] &lt;ref/&gt; é😀'),
  page(2, '    <redirect title="C" />\n', '#REDIRECT [[C]]'),
  page(3, '', ''),
];
const head = (base: string): string => `<mediawiki xml:lang="pt">
  <siteinfo><sitename>W</sitename><dbname>ptwiki</dbname>${base}<case>first-letter</case>
    <namespaces><namespace key="0" case="first-letter" /></namespaces></siteinfo>
`;
const BASE = '<base>https://pt.wikipedia.org/wiki/P</base>';
const DUMP = `${head(BASE)}${PAGES.join('')}</mediawiki>\n`;

const tokens = bytesOf([
  ...words(`<page> </page> <title> </title> <id> </id> <id>0</id> <id>9007199254740993</id> <id>-1</id> <revision> </revision>
    <timestamp> </timestamp> <timestamp>2026</timestamp> <text␣bytes="3"> <text␣/> </text> <ns> </ns> <redirect␣title="D"␣/> & &amp;
    &#10; <!-- --> <![CDATA[ ]]> < > / " = <base>x:y</base> <base>http://a</base> 7 .`),
  '\n',
  '\0',
]);

/** What a reader of pages gives, or that it is an error: both find different things first. */
function outcome(read: () => Page[] | undefined): string | undefined {
  try {
    const pages = read()?.map(({ wikitext, ...rest }) => ({
      ...rest,
      wikitext: Buffer.from(wikitext).toString('latin1'),
    }));
    return pages && JSON.stringify(pages);
  } catch (error) {
    if (!(error instanceof LeiaError) || error.code !== 'format') throw error;
    return 'an error';
  }
}

/** The quick reader of pages gives what the parser for all XML gives, or leaves it to it. */
export function pages(): FuzzedReader {
  const source = { file: 'input', namespaces: new Map() };
  const seeds = bytesOf([PAGES.join(''), PAGES.join('').repeat(20), ...PAGES]);
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: async (input) => {
      if (!isUtf8(input)) return;
      const quick = outcome(() => readQuickly(Buffer.from(input), 0, source));
      if (quick === undefined) return;
      const rules = outcome(() => readByTheRules(Buffer.from(input), 0, source));
      holds(
        quick === rules,
        `quickly: ${quick.slice(0, 500)}; by the rules: ${rules?.slice(0, 500)}`,
      );
    },
  };
}

/** The input's parts, at each NUL, as the pieces of one dump, the second as .gz: read in order, or an error names one. */
export function severalDumps(): FuzzedReader {
  const folder = temporaryFolder();
  const cut = Buffer.from('\0');
  const seeds = bytesOf([
    `${DUMP}\0${DUMP}\0${DUMP}`,
    `${DUMP}\0${head('')}${PAGES[0]!.repeat(30)}</mediawiki>`,
    DUMP,
  ]);
  return {
    make: (dice) => mutateBytes(dice, seeds, [...tokens, cut, cut, cut]),
    check: async (input) => {
      const parts = partsOf(input).slice(0, 12);
      const paths = parts.map((_, i) => join(folder, `w-pages${i + 1}.xml`));
      for (const [i, part] of parts.entries()) {
        writeFileSync(paths[i]!, i === 1 ? gzipSync(part) : part);
      }
      const found = await dumpFiles([join(folder, 'w-p*s*.xml')]);
      holds(found.join() === paths.join(), `the files are ${found}`);
      for (const path of found) await orNamedError(readSources(path), basename(path));
      for (const path of paths) rmSync(path);
    },
  };
}

function partsOf(input: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let from = 0; from <= input.length; ) {
    const end = input.indexOf(0, from);
    parts.push(input.subarray(from, end < 0 ? input.length : end));
    from = end < 0 ? input.length + 1 : end + 1;
  }
  return parts;
}

async function readSources(path: string): Promise<void> {
  const dump = await openDump(path);
  for await (const page of dump.pages()) {
    const { id, revision, time, url } = sourceOf(page, dump.siteinfo);
    holds(Number.isSafeInteger(id) && id >= 0, `page ${id}`);
    holds(
      revision === undefined || (Number.isSafeInteger(revision) && revision >= 0),
      `${revision}`,
    );
    holds(time === undefined || !Number.isNaN(Date.parse(time)), `time ${time}`);
    holds(url === undefined || URL.canParse(url), `url ${url}`);
  }
}

// The readers of foreign input as the fuzzer sees them: real material to change, words that mean something to
// the reader, and what must hold whatever comes: a result that is sound, or an error that names the file.

import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseAnnotatedLine } from '../../lib/corpus/dataset/annotated-line.ts';
import { lineBatches } from '../../lib/corpus/dataset/text-work.ts';
import { openDump, readDump } from '../../lib/corpus/dump/dump.ts';
import { inputBytes } from '../../lib/corpus/dump/input-bytes.ts';
import type { Siteinfo } from '../../lib/corpus/dump/siteinfo.ts';
import { readWikidata } from '../../lib/corpus/names/wikidata.ts';
import { ArticleExtractor, keepable } from '../../lib/corpus/wikitext/extract.ts';
import { findTasks } from '../../lib/evaluate/tasks/definition.ts';
import { itemsOf } from '../../lib/evaluate/tasks/items.ts';
import { type RecordFormat, readRecords } from '../../lib/evaluate/tasks/readers.ts';
import { writeOutput } from '../../lib/system/output.ts';
import {
  bytesOf,
  type FuzzedReader,
  holds,
  InputFile,
  orNamedError,
  temporaryFolder,
  words,
} from './checks.ts';
import { mutateBytes, mutateText } from './mutate.ts';
import { pages, severalDumps } from './page-readers.ts';
import { pageProps, SQL, sql, titles } from './table-readers.ts';

const repository = resolve(import.meta.dirname, '../..');
const dumps = [
  join(repository, 'test/fixtures/dumps/ltgwiki-2017-pages-articles.xml.bz2'),
  join(repository, 'examples/demo/jawiki-sample-pages-articles-multistream.xml.bz2'),
];

// --- wikitext ---

const wikitextTokens = [
  ...words(`[[ ]] [ ] {{ }} {{{ }}} { } {| |} |- | ! || !! '' ''' ''''' ' <!-- --> <ref> </ref> <ref␣name="a"/>
    <br> <b <nowiki> </nowiki> <math> </math> <table> </table> <gallery> </gallery> <div> </div> <pre> <!
    !! || |+ |-␣a="b" <tr> <td> </td> <th> <caption> </tr> <ce> </ce> |mini|␣a␣b ! -{ }- zh-hans: ; : == === * # ---- __TOC__ __ &nbsp; &#0; &#x10ffff; & < > http://x.org [http://x␣ 
    ファイル: Category: en: w: .jpg #a | [[a| ]]s {{a| <syntaxhighlight> %C3%A9 _ #REDIRECT {{! <includeonly>
    |thumb| [[File: [[:File: zh-tw: A|  T| => </table </nowiki ~~~~ ‎ 東 😀 é`),
  '\n',
  '\n\n',
  '\n==',
  '\n*',
  '\n{|',
  '\n|}',
  '\n|',
  ' ',
  '\t',
  '\ud800',
  '\udc00',
  '\0',
  '\u0301',
];

/** Lines have words, and no blanks at their ends; rows of tables that are kept, which have tabs, may have them. */
function checkLines(text: string, rows: boolean): void {
  for (const line of text === '' ? [] : text.split('\n')) {
    const whole = line === line.trim() || (rows && line.includes('\t'));
    holds(line.trim() !== '' && whole, `a line is empty or has blanks at its ends: ${line}`);
  }
}

async function wikitext(): Promise<FuzzedReader> {
  const pages: string[] = [];
  let wiki: Siteinfo | undefined;
  for (const path of dumps) {
    const dump = await openDump(path);
    wiki = dump.siteinfo;
    for await (const page of dump.pages()) {
      const text = Buffer.from(page.wikitext).toString();
      if (text.length > 200) pages.push(text.slice(0, 60_000));
    }
  }
  const site = { ...wiki!, language: 'zh' };
  const extractor = new ArticleExtractor(site);
  const keeping = new ArticleExtractor(site, { keep: keepable });
  return {
    make: (dice) => Buffer.from(mutateText(dice, pages, wikitextTokens)),
    check: async (input) => {
      const steps = extractor.steps(input);
      holds(steps <= input.length, `${steps} steps for ${input.length} bytes`);
      const page = { id: 1, title: 'A', wikitext: input };
      const article = extractor.extract(page);
      const { written } = extractor.writeLine(page);
      const line = Buffer.from(extractor.takeLines(new Uint8Array(9))).toString();
      holds(written === (article.text !== ''), 'a line without text, or a text without line');
      holds(!written || JSON.parse(line).text === article.text, 'the line has another text');
      const points = Array.from(article.text);
      let previous = 0;
      for (const { start, end, target } of article.anchors) {
        holds(start >= previous && end > start, `links overlap or are empty at ${start}`);
        previous = end;
        const surface = points.slice(start, end).join('');
        holds(surface === surface.trim() && !surface.includes('\n'), `link ${surface}`);
        holds(target !== '' && !target.includes('#'), `target ${target}`);
      }
      holds(previous <= points.length, 'a link reaches beyond the text');
      checkLines(article.text, false);
      const { text, anchors } = keeping.extract(page);
      checkLines(text, true);
      const { length } = Array.from(text);
      previous = 0;
      for (const { start, end } of anchors) {
        holds(start >= previous && end > start && end <= length, `kept: a link at ${start}`);
        previous = end;
      }
    },
  };
}

// --- JSON ---

async function wikidata(): Promise<FuzzedReader> {
  const file = new InputFile();
  const item = {
    type: 'item',
    id: 'Q31',
    labels: { en: { language: 'en', value: 'Belgium' } },
    claims: { P1: [{ mainsnak: { snaktype: 'value' } }] },
    sitelinks: {
      jawiki: { site: 'jawiki', title: 'ベルギー', badges: [] },
      enwiki: { site: 'enwiki', title: 'Belgium' },
    },
  };
  const line = JSON.stringify(item);
  const seeds = bytesOf([
    `[\n${line},\n${line.replace('"jawiki"', '"dewiki"')},\n{"type":"property","id":"P1"}\n]\n`,
    `[\n${`${line},\n`.repeat(30)}${line}\n]\n`,
  ]);
  const tokens = bytesOf([
    ...words(
      `{ } [ ] " \\ , : null 1e999 "sitelinks" "sitelinks":[] "title" "enwiki" "jawiki":{ "id" \\u0000 \\ud800 }}`,
    ),
    '\n',
    ',\n',
    '\n]\n',
    '\n[\n',
  ]);
  const wiki = { caseRule: 'first-letter', language: 'ja' } as const;
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: (input) =>
      file.read(input, async (path) => {
        for (const [title, name] of await readWikidata(path, 'ja', wiki)) {
          holds(typeof title === 'string' && typeof name === 'string', 'a name is no text');
        }
      }),
  };
}

async function jsonl(): Promise<FuzzedReader> {
  const file = new InputFile();
  const line = JSON.stringify({
    title: '東京',
    text: '東京は😀日本の首都',
    spans: [
      { start: 0, end: 2, name: 'Tokyo', target: 'Q1490' },
      { start: 4, end: 6, name: null },
    ],
  });
  const seeds = bytesOf([`${line}\n`, `${line}\n{"text":"","spans":[]}\n`.repeat(5)]);
  const tokens = bytesOf([
    ...words(
      `{ } [ ] " \\ , : null -1 1e999 0.5 "start" "end":9 "name" "spans":[] "text" \\ud800 \\u0000`,
    ),
    '\n',
  ]);
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: (input) =>
      file.read(input, async (path) => {
        for await (const { lines } of lineBatches(path, 0)) {
          for (const line of lines) {
            const { text, links } = parseAnnotatedLine(line, path);
            const { length } = Array.from(text);
            for (const { start, end } of links) {
              holds(0 <= start && start < end && end <= length, `span [${start}, ${end})`);
            }
          }
        }
      }),
  };
}

// --- dumps ---

const HEAD = `<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="pt">
  <siteinfo><sitename>W</sitename><dbname>ptwiki</dbname><case>first-letter</case>
    <namespaces><namespace key="0" case="first-letter" /><namespace key="14">Categoria</namespace></namespaces>
  </siteinfo>
`;
const PAGE = `  <page><title>A &amp; B</title><ns>0</ns><id>7</id><redirect title="C" />
    <revision><id>9</id><model>wikitext</model><text bytes="9" xml:space="preserve">[[b]] &lt;ref/&gt; é😀</text></revision>
  </page>
`;
const DUMP = `${HEAD}${PAGE}${PAGE.replace('<redirect title="C" />', '').replace('7', '8')}</mediawiki>\n`;

async function consume(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const dump = await readDump(bytes, 'input');
  for await (const { id, title, wikitext } of dump.pages()) {
    holds(Number.isSafeInteger(id) && title !== '' && isUtf8(wikitext), 'half a page');
  }
}

async function* pieces(input: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < input.length; from += 65_536) yield input.subarray(from, from + 65_536);
}

async function xml(): Promise<FuzzedReader> {
  const seeds = [
    ...bytesOf([
      DUMP,
      `${HEAD}${PAGE.repeat(50)}</mediawiki>`,
      `<?xml version="1.0" encoding="windows-1252"?>${HEAD}`,
    ]),
    Buffer.from(`\ufeff${DUMP}`, 'utf16le'),
  ];
  const tokens = bytesOf([
    ...words(`< > </ /> & &lt; &#0; &#x110000; &x; <page> </page> <title> </title> <text> </text> <ns> <id> <revision>
      </revision> <![CDATA[ ]]> <!-- --> <?xml ?> <!DOCTYPE␣a␣[<!ENTITY␣x␣"y">]> " ' = ␣xml:lang= encoding="utf-16" <siteinfo> </mediawiki>`),
    '\n',
    '\0',
    '<a b="',
  ]);
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: (input) => orNamedError(consume(pieces(input)), 'input'),
  };
}

/** Decompression: whatever comes, the decoded bytes are those of the whole file, or an error names it. */
function compressed(seeds: readonly Uint8Array[], magic: Uint8Array): FuzzedReader {
  const file = new InputFile();
  const tokens = [
    magic,
    Uint8Array.of(0x31, 0x41, 0x59, 0x26, 0x53, 0x59),
    Uint8Array.of(0, 0, 0, 0),
  ];
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: (input) =>
      file.read(input, async (path) => {
        let length = 0;
        for await (const piece of inputBytes(path)) {
          length += piece.length;
          // Bombs are fine as long as they come piece by piece.
          if (length > 200_000_000) return;
        }
      }),
  };
}

async function bzip2(): Promise<FuzzedReader> {
  const whole = readFileSync(dumps[1]!);
  // The multistream dump's first streams, and from the middle of one.
  const seeds = [
    whole.subarray(0, 150_000),
    whole.subarray(0, 5_000),
    readFileSync(dumps[0]!).subarray(0, 200_000),
  ];
  return compressed(seeds, Buffer.from('BZh9'));
}

async function gzip(): Promise<FuzzedReader> {
  const one = gzipSync(SQL.repeat(50));
  holds(gunzipSync(one).length === Buffer.byteLength(SQL) * 50, 'gzip');
  return compressed([one, Buffer.concat([one, one]), gzipSync('')], Uint8Array.of(0x1f, 0x8b, 8));
}

async function zstd(): Promise<FuzzedReader> {
  const file = join(temporaryFolder(), 'a.zst');
  const pack = async (text: string): Promise<Uint8Array> => {
    await writeOutput(file, [Buffer.from(text)]);
    return readFileSync(file);
  };
  const one = await pack(SQL.repeat(50));
  const seeds = [one, Buffer.concat([one, one]), await pack(''), await pack(SQL)];
  return compressed(seeds, Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd));
}

// --- question sets ---

const sets = join(repository, 'test/fixtures/evaluation/sets');

/** A built-in task's reader: questions with all that the task needs, or an error. */
function questions(task: string, format: RecordFormat, path: string): FuzzedReader {
  const file = new InputFile();
  const definition = findTasks([task])[0]!;
  const seeds = [readFileSync(join(sets, path))];
  const tokens = bytesOf([
    ...words(`{ } [ ] " \\ , : null -1 1e999 "label":2 "answerKey" <question␣id="x"> </question> <text> </text> <answer/>
      &lt; &x; <![CDATA[ ]]> <!DOCTYPE␣a␣[<!ENTITY␣x␣"y">]> \\ud800 \ufeff PAR1`),
    '\t',
    '\n',
    '\r\n',
    '\0',
  ]);
  return {
    make: (dice) => mutateBytes(dice, seeds, tokens),
    check: (input) =>
      file.read(input, async (path) => {
        const records = await readRecords(path, { ...definition.data, format });
        for (const { choices, answer, target } of itemsOf(definition, records)) {
          const isChoice = choices.length >= 2 && answer >= 0 && answer < choices.length;
          holds(definition.choice === undefined ? target !== '' : isChoice, 'half a question');
        }
      }),
  };
}

export const readers: Readonly<Record<string, () => FuzzedReader | Promise<FuzzedReader>>> = {
  wikitext,
  sql,
  'page-props': pageProps,
  wikidata,
  jsonl,
  titles,
  xml,
  pages,
  dumps: severalDumps,
  bzip2,
  gzip,
  zstd,
  'questions-json': () => questions('jcommonsenseqa', 'json', 'jcommonsenseqa/valid-v1.1.json'),
  'questions-xml': () => questions('niilc', 'xml', 'niilc/NIILC-ECQA2015_test.xml'),
  'questions-tsv': () => questions('jaqket', 'tsv', 'jaqket/aio_02_dev.tsv'),
  'questions-parquet': () =>
    questions('xcodah_ja', 'parquet', 'X-CODAH-ja/validation-00000-of-00001.parquet'),
};

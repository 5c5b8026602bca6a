// Measures how well dumps become articles; without arguments, those in this repository.
// With checkouts of WikiExtractor, of one version or several, their text is measured beside ours.
// What links there are is counted independently of the reader, by scripts/link-count.ts.
import { realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openDump } from '../lib/corpus/dump/dump.ts';
import type { Page, Siteinfo } from '../lib/corpus/dump/siteinfo.ts';
import { normaliseTitle } from '../lib/corpus/dump/title.ts';
import { type NameSource, readNames } from '../lib/corpus/names/name-source.ts';
import type { Article } from '../lib/corpus/wikitext/article.ts';
import { ArticleExtractor } from '../lib/corpus/wikitext/extract.ts';
import { LeiaError } from '../lib/system/error.ts';
import { followRedirects } from './follow-redirects.ts';
import { countLinks, linkKey } from './link-count.ts';
import { type ExtractedText, runWikiExtractor } from './wikiextractor.ts';

/** Markup that has no business in plain text. */
export const LEFTOVERS: readonly [string, RegExp][] = [
  ['[[', /\[\[/g],
  [']]', /\]\]/g],
  ['{{', /\{\{/g],
  ['}}', /\}\}/g],
  ['{|', /\{\|/g],
  ['|}', /\|\}/g],
  ["''", /''/g],
  ['<tag', /<\/?(?:ref|br|div|span|small|sup|sub|nowiki|table|tr|td|gallery|center|font|math)\b/gi],
  ['<!--', /<!--|-->/g],
  ['&entity;', /&(?:[a-z]{2,8}|#\d{2,6}|#x[0-9a-f]{2,5});/gi],
  ['__SWITCH__', /__\p{Lu}{3,}__/gu],
  ['==', /^=|==\s*$/gm],
  ['list mark', /^[*#:;]/gm],
  ['thumb|', /\b(?:thumb|thumbnail|frameless|upright)\s*\|/gi],
  ['px|', /\d+px\s*\|/g],
  ['style=', /\b(?:style|class|align|colspan|rowspan|bgcolor)\s*=\s*["'\d]/gi],
  ['-{', /-\{|\}-/g],
];

/** Brackets and quotation marks with nothing in them but separators. */
export const HOLES = /\p{Ps}[\s,;:/·–—、，；：・،؛]*\p{Pe}|""|“”|„“|«\s*»|‘’/gu;

/** What templates bring to the text, against all of them dropped. */
export interface Inlined {
  /** Brackets and quotation marks with nothing in them, in all articles. */
  holesBefore: number;
  holesAfter: number;
  /** Runs of letters, and digits, that are in the text only so. */
  words: number;
  digits: number;
  /** Links that are there only so, and how many have an English title from their template. */
  links: number;
  english: number;
}

export interface Quality {
  /** Article pages that are no redirects. */
  articles: number;
  /** Of these, the ones with words of their own by the count. */
  withWords: number;
  /** Of all, the ones that have text. */
  kept: number;
  /** Pages with words that lost all of them. */
  lost: string[];
  characters: number;
  /** Links by the count, links that the reader found, and how many of both agree. */
  links: number;
  found: number;
  common: number;
  /** Links found whose page has an English name. */
  resolved: number;
  /** By name, in all. */
  leftovers: Map<string, number>;
  inlined: Inlined;
  /** Of some pages where links differ: title, missing and surplus targets. */
  differences: string[];
}

function compare(
  expected: readonly string[],
  found: readonly string[],
): { both: number; missing: string[]; surplus: string[] } {
  const counts = new Map<string, number>();
  for (const key of expected) counts.set(key, (counts.get(key) ?? 0) + 1);
  const surplus: string[] = [];
  for (const key of found) {
    const count = counts.get(key) ?? 0;
    if (count > 0) counts.set(key, count - 1);
    else surplus.push(key);
  }
  const missing = [...counts].flatMap(([key, count]) => Array<string>(count).fill(key));
  return { both: found.length - surplus.length, missing, surplus };
}

const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** Adds what an article gains over the same with its templates dropped. */
function addInlined(sum: Inlined, before: Article, after: Article): void {
  const gained = (pattern: RegExp): number =>
    countOf(after.text, pattern) - countOf(before.text, pattern);
  sum.holesBefore += countOf(before.text, HOLES);
  sum.holesAfter += countOf(after.text, HOLES);
  sum.words += gained(/\p{L}[\p{L}\p{M}]*/gu);
  sum.digits += gained(/\p{N}/gu);
  sum.links += after.anchors.length - before.anchors.length;
  sum.english += after.anchors.filter(({ english }) => english !== undefined).length;
}

/**
 * Measures the articles among these pages. `isNamed`: whether a title has an English name. Links and left-over markup
 * are those of the text without templates, since the count of links knows nothing of them.
 */
export async function measure(
  pages: AsyncIterable<Page> | Iterable<Page>,
  wiki: Siteinfo,
  isNamed: (title: string) => boolean = () => false,
): Promise<Quality> {
  const extractor = new ArticleExtractor(wiki, { templates: 'drop' });
  const inlining = new ArticleExtractor(wiki);
  const names = { namespaces: [...wiki.namespaces.values()] };
  const quality: Quality = {
    articles: 0,
    withWords: 0,
    kept: 0,
    lost: [],
    characters: 0,
    links: 0,
    found: 0,
    common: 0,
    resolved: 0,
    leftovers: new Map(),
    inlined: { holesBefore: 0, holesAfter: 0, words: 0, digits: 0, links: 0, english: 0 },
    differences: [],
  };
  for await (const page of pages) {
    if (page.namespace !== 0 || page.redirect !== undefined) continue;
    quality.articles++;
    const article = extractor.extract(page);
    const { text, anchors } = article;
    addInlined(quality.inlined, article, inlining.extract(page));
    const { targets, words } = countLinks(Buffer.from(page.wikitext).toString(), names);
    if (words) quality.withWords++;
    if (text !== '') quality.kept++;
    else if (words) quality.lost.push(page.title);
    quality.characters += text.length;
    const found = anchors.map(({ target }) => linkKey(target));
    const { missing, surplus } = addLinks(quality, targets, found);
    quality.resolved += anchors.filter(({ target }) => isNamed(target)).length;
    if (missing.length + surplus.length > 0) {
      const list = (name: string, all: string[]): string =>
        all.length > 0
          ? ` ${name} ${all.slice(0, 5).join(', ')}${all.length > 5 ? ` (${all.length})` : ''};`
          : '';
      quality.differences.push(
        `${page.title}:${list('missing', missing)}${list('surplus', surplus)}`,
      );
    }
    addLeftovers(quality.leftovers, text);
  }
  return quality;
}

function addLinks(
  sum: Pick<Quality, 'links' | 'found' | 'common'>,
  expected: readonly string[],
  found: readonly string[],
): ReturnType<typeof compare> {
  const comparison = compare(expected, found);
  sum.links += expected.length;
  sum.found += found.length;
  sum.common += comparison.both;
  return comparison;
}

function addLeftovers(sum: Map<string, number>, text: string): void {
  for (const [name, pattern] of LEFTOVERS) {
    const count = countOf(text, pattern);
    if (count > 0) sum.set(name, (sum.get(name) ?? 0) + count);
  }
}

type Measured = Pick<
  Quality,
  'articles' | 'kept' | 'characters' | 'links' | 'found' | 'common' | 'leftovers'
>;

/** The same of text that something else has made of the articles among these pages. */
export async function measureText(
  pages: AsyncIterable<Page> | Iterable<Page>,
  wiki: Siteinfo,
  extracted: ReadonlyMap<number, ExtractedText>,
): Promise<Measured> {
  const names = { namespaces: [...wiki.namespaces.values()] };
  const sums = { articles: 0, kept: 0, characters: 0, links: 0, found: 0, common: 0 };
  const measured: Measured = { ...sums, leftovers: new Map() };
  for await (const page of pages) {
    if (page.namespace !== 0 || page.redirect !== undefined) continue;
    measured.articles++;
    const { text, targets } = extracted.get(page.id) ?? { text: '', targets: [] };
    const links = countLinks(Buffer.from(page.wikitext).toString(), names);
    const found = targets.map((target) => linkKey(normaliseTitle(target, wiki)));
    addLinks(measured, links.targets, found);
    if (text.trim() !== '') measured.kept++;
    measured.characters += text.length;
    addLeftovers(measured.leftovers, text);
  }
  return measured;
}

export const recall = ({ common: both, links }: Quality): number => (links > 0 ? both / links : 1);
export const precision = ({ common: both, found }: Quality): number =>
  found > 0 ? both / found : 1;
export const leftoversPerMillion = ({
  leftovers,
  characters,
}: Pick<Quality, 'leftovers' | 'characters'>): number =>
  ([...leftovers.values()].reduce((sum, count) => sum + count, 0) / Math.max(characters, 1)) * 1e6;

/** A dump and what its pages are called in English. */
interface Task {
  dump: string;
  names: readonly NameSource[];
}

const repository = resolve(import.meta.dirname, '..');
const fixtures = join(repository, 'test/fixtures');
const demo = join(repository, 'examples/demo');
const wikidata: NameSource = {
  kind: 'wikidata',
  path: join(fixtures, 'wikidata/wikidata-sample-100.json.bz2'),
};
const own: readonly Task[] = [
  {
    dump: join(demo, 'jawiki-sample-pages-articles-multistream.xml.bz2'),
    names: [{ kind: 'titles', path: join(demo, 'titles.tsv') }],
  },
  { dump: join(fixtures, 'dumps/ltgwiki-2017-pages-articles.xml.bz2'), names: [wikidata] },
  { dump: join(fixtures, 'dumps/enwiki-shortened-pages-articles.xml.bz2'), names: [] },
];

/** English names of all sources together; of two for one page the first counts. */
async function namesOf(
  { dump, names }: Task,
  siteinfo: Siteinfo,
  pages: ReadonlyMap<number, string>,
): Promise<Map<string, string>> {
  // The edition by the name of the file, as Wikimedia names them; the head of an excerpt may be another's.
  const edition = /^([a-z_]+?)wiki\b/.exec(basename(dump))?.[1]?.replaceAll('_', '-');
  const language = edition ?? siteinfo.language;
  const all = new Map<string, string>();
  for (const source of names) {
    const read = await readNames(source, { language, siteinfo, pages }).catch((error: unknown) => {
      if (error instanceof LeiaError && error.code === 'mismatch') return new Map<string, string>();
      throw error;
    });
    for (const [title, name] of read) if (!all.has(title)) all.set(title, name);
  }
  return all;
}

async function measureDump(task: Task): Promise<Quality> {
  const { siteinfo, pages } = await openDump(task.dump);
  const redirects = new Map<string, string>();
  const titles = new Map<number, string>();
  for await (const { id, title, redirect } of pages()) {
    const name = normaliseTitle(title, siteinfo);
    if (redirect !== undefined) redirects.set(name, normaliseTitle(redirect, siteinfo));
    else titles.set(id, name);
  }
  const names = await namesOf(task, siteinfo, titles);
  const isNamed = (title: string): boolean => names.has(followRedirects(title, redirects));
  return measure((await openDump(task.dump)).pages(), siteinfo, isNamed);
}

function print(dump: string, quality: Quality): void {
  const percent = (part: number, whole: number): string =>
    `${(100 * (whole > 0 ? part / whole : 1)).toFixed(2)} %`;
  const { articles, withWords, kept, lost, characters, links, found, resolved } = quality;
  const { inlined } = quality;
  const perThousand = (count: number): string =>
    ((1000 * count) / Math.max(articles, 1)).toFixed(0);
  const rests = [...quality.leftovers].map(([name, count]) => `${name} ${count}`).join(', ');
  const rows: [string, string][] = [
    [
      'articles kept',
      `${kept} of ${withWords} with words of their own (${percent(kept, withWords)}), ${articles} in all; ${characters} characters`,
    ],
    [
      'links',
      `${links} in the wikitext, ${found} found: recall ${percent(quality.common, links)}, precision ${percent(quality.common, found)}`,
    ],
    [
      'left-over markup',
      `${leftoversPerMillion(quality).toFixed(1)} per million characters${rests ? `: ${rests}` : ''}`,
    ],
    [
      'templates',
      `holes per thousand articles ${perThousand(inlined.holesBefore)} without, ${perThousand(inlined.holesAfter)} with them; they bring ${inlined.words} words, ${inlined.digits} digits, ${inlined.links} links, ${inlined.english} of these with an English title`,
    ],
    ['English names', `${resolved} of ${found} links (${percent(resolved, found)})`],
  ];
  console.log(dump);
  for (const [label, value] of rows) console.log(`  ${label.padEnd(18)}${value}`);
  for (const title of lost.slice(0, 5)) console.log(`    lost: ${title}`);
  for (const line of quality.differences.slice(0, 12)) console.log(`    ${line}`);
}

/** Measures what a checkout of WikiExtractor makes of a dump. */
async function compareWith(checkout: string, dump: string, python: string): Promise<void> {
  const processes = availableParallelism();
  const { pages, seconds } = await runWikiExtractor(checkout, dump, { python, processes });
  const { siteinfo, pages: again } = await openDump(dump);
  const measured = await measureText(again(), siteinfo, pages);
  const { articles, kept, characters, links, found, common, leftovers } = measured;
  const percent = (whole: number): string =>
    `${((100 * common) / Math.max(whole, 1)).toFixed(2)} %`;
  console.log(
    `  ${basename(checkout)}: ${kept} of ${articles} articles with text, ${characters} characters; ${found} of ${links} links found: ` +
      `recall ${percent(links)}, precision ${percent(found)}; ${leftoversPerMillion(measured).toFixed(1)} left-overs per million characters` +
      ` (${[...leftovers].map(([name, count]) => `${name} ${count}`).join(', ')}); ${seconds.toFixed(1)} s with ${processes} processes`,
  );
}

const USAGE = `usage: npm run corpus:quality -- [DUMP...] [--wikidata FILE] [--items-per-site FILE] [--langlinks FILE] [--titles FILE]
    [--wikiextractor CHECKOUT...] [--python python3.10]

Measures how well dumps become articles; without arguments, those in this repository.`;

async function main(argv: string[]): Promise<void> {
  const file = { type: 'string', multiple: true } as const;
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...{ wikidata: file, 'items-per-site': file, langlinks: file, titles: file },
      ...{ wikiextractor: file, python: { type: 'string', default: 'python3.10' } },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return console.log(USAGE);
  const kinds = { ...values, itemsPerSite: values['items-per-site'] };
  const names = (['titles', 'langlinks', 'itemsPerSite', 'wikidata'] as const).flatMap((kind) =>
    (kinds[kind] ?? []).map((path): NameSource => ({ kind, path })),
  );
  const tasks = positionals.length > 0 ? positionals.map((dump) => ({ dump, names })) : own;
  for (const task of tasks) {
    print(task.dump, await measureDump(task));
    for (const checkout of values.wikiextractor ?? []) {
      await compareWith(checkout, task.dump, values.python);
    }
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
    console.error(`corpus:quality: ${error.message}`);
    process.exitCode = error instanceof LeiaError ? 1 : 2;
  });
}

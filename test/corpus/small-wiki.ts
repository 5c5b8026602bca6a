// A wiki of a few pages, as dump and as each kind of table of English names, with what a dataset
// of it must hold.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const HEAD = `<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="pt">
  <siteinfo>
    <sitename>Wikipédia</sitename><dbname>ptwiki</dbname>
    <base>https://pt.wikipedia.org/wiki/Wikip%C3%A9dia:P%C3%A1gina_principal</base><case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Ficheiro</namespace>
      <namespace key="10" case="first-letter">Predefinição</namespace>
      <namespace key="14" case="first-letter">Categoria</namespace>
    </namespaces>
  </siteinfo>
`;

const TIME = '2026-11-20T08:15:00Z';

/** Where an article comes from, by its title. */
export function sourceOfPage(title: string) {
  const id = PAGES.findIndex((page) => page.title === title) + 1;
  const url = `https://pt.wikipedia.org/wiki/${title.replaceAll(' ', '_')}`;
  return { id, revision: 1000 + id, time: TIME, url };
}

export interface SmallPage {
  title: string;
  text: string;
  namespace?: number;
  redirect?: string;
}

function pageXml({ title, text, namespace = 0, redirect }: SmallPage, id: number): string {
  const quote = (part: string) => part.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `  <page>
    <title>${quote(title)}</title><ns>${namespace}</ns><id>${id}</id>
    ${redirect ? `<redirect title="${quote(redirect)}" />` : ''}
    <revision><id>${1000 + id}</id><timestamp>${TIME}</timestamp><model>wikitext</model><text xml:space="preserve">${quote(text)}</text></revision>
  </page>
`;
}

/** A dump of these pages, or a piece of one whose first page has another id than 1. */
export function dumpXml(pages: readonly SmallPage[], firstId = 1): string {
  return `${HEAD}${pages.map((page, i) => pageXml(page, firstId + i)).join('')}</mediawiki>\n`;
}

export const PAGES: readonly SmallPage[] = [
  {
    title: 'Lisboa',
    text:
      "{{Info|rio=[[Rio Tejo]]}}\n'''Lisboa'''<ref>[[X]]</ref> é a [[capital]] de [[Portugal]]. 😀 " +
      'O [[Tejo]] e o [[rio_Tejo|grande rio]]; [[Lista de reis]], [[Portugal#Clima|clima]], [[volta]].\n' +
      '[[Ficheiro:X.jpg|thumb|[[Portugal]]]]\n[[Categoria:Cidades]] [[en:Lisbon]]\n',
  },
  { title: 'Portugal', text: 'A capital de Portugal é [[Lisboa]].' },
  { title: 'Tejo', text: '#REDIRECIONAMENTO [[Rio Tejo]]', redirect: 'Rio Tejo' },
  { title: 'Rio Tejo', text: 'Um rio.' },
  { title: 'Categoria:Cidades', text: '[[Lisboa]]', namespace: 14 },
  { title: 'Lista de reis', text: '* [[Afonso]]\n* [[Sancho]]' },
  { title: 'Volta', text: '#REDIRECIONAMENTO [[Revolta]]', redirect: 'Revolta' },
  { title: 'Revolta', text: '#REDIRECIONAMENTO [[Volta]]', redirect: 'Volta' },
  { title: 'Vazia', text: '{{esboço}}' },
];

/** English pages by title; page ids are places in {@link PAGES}, from 1. */
const ENGLISH: readonly [string, string][] = [
  ['Lisboa', 'Lisbon'],
  ['Portugal', 'Portugal'],
  ['Rio Tejo', 'Tagus (river)'],
  ['Lista de reis', 'List of kings'],
];

const lisboa =
  'Lisboa é a capital de Portugal. 😀 O Tejo e o grande rio; Lista de reis, clima, volta.';

/** Offsets of `part` in code points. */
function at(text: string, part: string): { start: number; end: number } {
  const start = Array.from(text.slice(0, text.indexOf(part))).length;
  return { start, end: start + Array.from(part).length };
}

/** What the dataset holds: title, text, and links with their English names. */
export const EXPECTED = [
  {
    title: 'Lisboa',
    ...sourceOfPage('Lisboa'),
    text: lisboa,
    anchors: [
      { ...at(lisboa, 'capital'), target: 'Capital', name: null },
      { ...at(lisboa, 'Portugal'), target: 'Portugal', name: 'Portugal' },
      { ...at(lisboa, 'Tejo'), target: 'Rio Tejo', name: 'Tagus' },
      { ...at(lisboa, 'grande rio'), target: 'Rio Tejo', name: 'Tagus' },
      { ...at(lisboa, 'Lista de reis'), target: 'Lista de reis', name: null },
      { ...at(lisboa, 'volta'), target: 'Volta', name: null },
    ],
  },
  {
    title: 'Portugal',
    ...sourceOfPage('Portugal'),
    text: 'A capital de Portugal é Lisboa.',
    anchors: [{ start: 24, end: 30, target: 'Lisboa', name: 'Lisbon' }],
  },
  {
    title: 'Lista de reis',
    ...sourceOfPage('Lista de reis'),
    text: 'Afonso\nSancho',
    anchors: [
      { start: 0, end: 6, target: 'Afonso', name: null },
      { start: 7, end: 13, target: 'Sancho', name: null },
    ],
  },
];

const tables = {
  titles: () => ENGLISH.map((pair) => `${pair.join('\t')}\n`).join(''),
  wikidata: () => {
    const entities = ENGLISH.map(([title, english], i) => ({
      id: `Q${i + 1}`,
      type: 'item',
      sitelinks: { ptwiki: { title }, enwiki: { title: english }, dewiki: { title: 'X' } },
    }));
    return `[\n${entities.map((entity) => JSON.stringify(entity)).join(',\n')}\n]\n`;
  },
  langlinks: () => {
    const rows = ENGLISH.map(([title, english]) => {
      const id = PAGES.findIndex((page) => page.title === title) + 1;
      return `(${id},'de','X'),(${id},'en','${english}')`;
    });
    return `INSERT INTO \`langlinks\` VALUES ${rows.join(',')};\n`;
  },
  itemsPerSite: () => {
    const rows = ENGLISH.flatMap(([title, english], i) => [
      `(${3 * i + 1},${i + 1},'enwiki','${english}')`,
      `(${3 * i + 2},${i + 1},'dewiki','X')`,
      `(${3 * i + 3},${i + 1},'ptwiki','${title}')`,
    ]);
    return `INSERT INTO \`wb_items_per_site\` VALUES\n${rows.join(',\n')};\n`;
  },
};

export type Kind = keyof typeof tables;
export const KINDS: readonly Kind[] = ['titles', 'wikidata', 'langlinks', 'itemsPerSite'];
export const flagOf = (kind: Kind): string =>
  kind === 'itemsPerSite' ? '--items-per-site' : `--${kind}`;

/** Writes a table of English names and returns its path. */
export async function writeNames(folder: string, kind: Kind): Promise<string> {
  const text = tables[kind]();
  if (kind === 'titles') {
    await writeFile(join(folder, 'titles.tsv'), text);
    return join(folder, 'titles.tsv');
  }
  const path = join(folder, `${kind}.gz`);
  await writeFile(path, gzipSync(text));
  return path;
}

export async function writeDump(folder: string, pages = PAGES): Promise<string> {
  const path = join(folder, 'ptwiki-pages-articles.xml');
  await writeFile(path, dumpXml(pages));
  return path;
}

/** The same dump in pieces, each of so many pages. */
export async function writePieces(folder: string, sizes: readonly number[], pages = PAGES) {
  const paths: string[] = [];
  let first = 0;
  for (const [i, size] of sizes.entries()) {
    const path = join(folder, `ptwiki-20261120-pages-articles${i + 1}.xml`);
    await writeFile(path, dumpXml(pages.slice(first, first + size), first + 1));
    first += size;
    paths.push(path);
  }
  return paths;
}

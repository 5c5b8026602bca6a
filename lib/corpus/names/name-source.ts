// The English names of a wiki's pages, from whichever source the user has.
import { LeiaError } from '../../system/error.ts';
import type { Siteinfo } from '../dump/siteinfo.ts';
import { readItemsPerSite } from './items-per-site.ts';
import { readLanglinks } from './langlinks.ts';
import type { NameIndex } from './names.ts';
import { readTitleTable } from './title-table.ts';
import { readWikidata } from './wikidata.ts';

/** Where the English names of pages come from. */
export interface NameSource {
  kind: 'langlinks' | 'itemsPerSite' | 'wikidata' | 'titles';
  path: string;
}

interface Wiki {
  /** Language code of the edition, as in its domain name. */
  language: string;
  siteinfo: Siteinfo;
}

/**
 * Puts English page titles into an index, by normalised title of the wiki or by page number. `onRead` is called with
 * the number of bytes read so far, of `readings(kind)` times the file's size.
 * @throws LeiaError `format` if the file is damaged, of another kind, or names no page at all; `io`.
 */
export async function readNamesInto(
  into: NameIndex,
  source: NameSource,
  wiki: Wiki,
  onProgress: (count: number) => void = () => {},
  onRead?: (bytes: number) => void,
): Promise<void> {
  await readSource(source, wiki, into, onProgress, onRead);
  if (into.names.size > 0) return;
  throw new LeiaError(
    'mismatch',
    `${source.path} gives no English name for any page in '${wiki.language}'; is it of this language's edition?`,
  );
}

async function readSource(
  { kind, path }: NameSource,
  { language, siteinfo }: Wiki,
  { names, pageNames }: NameIndex,
  onProgress: (count: number) => void,
  onRead?: (bytes: number) => void,
): Promise<void> {
  if (kind === 'titles') await readTitleTable(path, siteinfo, names, onRead);
  else if (kind === 'wikidata') {
    await readWikidata(path, language, siteinfo, onProgress, names, onRead);
  } else if (kind === 'itemsPerSite') {
    await readItemsPerSite(path, language, siteinfo, onProgress, names, onRead);
  } else await readLanglinks(path, onProgress, pageNames, onRead, language);
}

/** How often a source is read from its beginning to its end. */
export function readings(kind: NameSource['kind']): number {
  return kind === 'itemsPerSite' ? 2 : 1;
}

/**
 * The same as a Map, for small wikis. `pages` has the titles of articles by page number, for tables that name pages by
 * number.
 */
export async function readNames(
  source: NameSource,
  { pages, ...wiki }: Wiki & { pages: ReadonlyMap<number, string> },
  onProgress?: (count: number) => void,
): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  const set = (page: number, name: string): void => {
    const title = pages.get(page);
    if (title !== undefined) names.set(title, name);
  };
  await readNamesInto({ names, pageNames: { size: 0, set } }, source, wiki, onProgress);
  return names;
}

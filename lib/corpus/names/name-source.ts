// The English names of a wiki's pages, from whichever source the user has.
import { LeiaError } from '../../core/error.ts';
import type { Siteinfo } from '../siteinfo.ts';
import { readItemsPerSite } from './items-per-site.ts';
import { readLanglinks } from './langlinks.ts';
import { readTitleTable } from './title-table.ts';
import { readWikidata } from './wikidata.ts';

export interface NameSource {
  kind: 'langlinks' | 'itemsPerSite' | 'wikidata' | 'titles';
  path: string;
}

interface Wiki {
  /** Language code of the edition, as in its domain name. */
  language: string;
  siteinfo: Siteinfo;
  /** Titles of articles by page id, for tables that know pages by number. */
  pages: ReadonlyMap<number, string>;
}

/**
 * English page titles by normalised title of the wiki.
 * @throws LeiaError `format` if the file is damaged, of another kind, or names no page at all; `io`.
 */
export async function readNames(
  source: NameSource,
  wiki: Wiki,
  onProgress: (count: number) => void = () => {},
): Promise<Map<string, string>> {
  const names = await readSource(source, wiki, onProgress);
  if (names.size > 0) return names;
  throw new LeiaError(
    'mismatch',
    `${source.path} gives no English name for any page in '${wiki.language}'; is it of this language's edition?`,
  );
}

async function readSource(
  { kind, path }: NameSource,
  { language, siteinfo, pages }: Wiki,
  onProgress: (count: number) => void,
): Promise<Map<string, string>> {
  if (kind === 'titles') return readTitleTable(path, siteinfo);
  if (kind === 'wikidata') return readWikidata(path, language, siteinfo, onProgress);
  if (kind === 'itemsPerSite') return readItemsPerSite(path, language, siteinfo, onProgress);
  const byPage = await readLanglinks(path, onProgress);
  const names = new Map<string, string>();
  for (const [page, name] of byPage) {
    const title = pages.get(page);
    if (title !== undefined) names.set(title, name);
  }
  return names;
}

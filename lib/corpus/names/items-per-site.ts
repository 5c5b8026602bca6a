// English titles from Wikidata's `wb_items_per_site` table (`wikidatawiki-…-wb_items_per_site.sql.gz`): which
// page of which wiki describes which item (https://www.mediawiki.org/wiki/Wikibase/Schema/wb_items_per_site).
// A page of the language and an English page of the same item are joined. The table holds all wikis in no
// order, so it is read twice, and of the English pages only those that have a partner are kept.
import { LeiaError } from '../../system/error.ts';
import type { Siteinfo } from '../dump/siteinfo.ts';
import { normaliseTitle } from '../dump/title.ts';
import { type Names, noNames } from './names.ts';
import { pageTitle, readSqlTable, type SqlTable, type SqlValue } from './sql-table.ts';
import { wikipediaSite } from './wikipedia-site.ts';

const table: SqlTable = {
  name: 'wb_items_per_site',
  columns: ['ips_row_id', 'ips_item_id', 'ips_site_id', 'ips_site_page'],
};

/**
 * English titles by normalised title in `language`. `onRow` is called with the number of rows read so far and `onRead`
 * with that of bytes; both count both readings.
 * @throws LeiaError `format` naming the line if the file is another table or damaged, `io`.
 */
export async function readItemsPerSite<Into extends Names<string> = Map<string, string>>(
  path: string,
  language: string,
  wiki: Pick<Siteinfo, 'caseRule' | 'language'>,
  onRow: (rows: number) => void = () => {},
  names: Into = noNames<string>() as Names<string> as Into,
  onRead?: (bytes: number) => void,
): Promise<Into> {
  let rows = 0;
  let [read, readBefore] = [0, 0];
  const readSite = async (
    site: string,
    onPage: (item: number, title: string) => void,
  ): Promise<void> => {
    const take = ([, item, rowSite, page]: readonly SqlValue[], where: string): void => {
      if (typeof item !== 'number' || typeof rowSite !== 'string' || typeof page !== 'string') {
        throw new LeiaError('format', `${where}: expected (row, item, site, page)`);
      }
      onRow(++rows);
      if (rowSite === site) onPage(item, pageTitle(page));
    };
    await readSqlTable(path, table, take, (bytes) => {
      read = readBefore + bytes;
      onRead?.(read);
    });
    readBefore = read;
  };

  const titles = new Map<number, string>();
  await readSite(wikipediaSite(language), (item, title) => titles.set(item, title));
  if (titles.size === 0) return names;
  await readSite('enwiki', (item, name) => {
    const title = titles.get(item);
    if (title && name !== '') names.set(normaliseTitle(title, wiki), name);
  });
  return names;
}

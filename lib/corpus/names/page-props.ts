// Properties of pages from a wiki's own `page_props` table (`xxwiki-…-page_props.sql.gz`), which says of a page id what
// the wiki's software has found on the page (https://www.mediawiki.org/wiki/Manual:Page_props_table).
import { LeiaError } from '../../system/error.ts';
import { readSqlTable, type SqlTable } from './sql-table.ts';

const table: SqlTable = {
  name: 'page_props',
  columns: ['pp_page', 'pp_propname', 'pp_value', 'pp_sortkey'],
  hasBytes: true, // such as packed descriptions of templates
};

/**
 * The numbers of the pages that have a property, such as `disambiguation`.
 *
 * @throws LeiaError `format` naming the line if the file is another table or damaged, `mismatch` if no page has the
 *   property, `io`.
 */
export async function readPagesWith(
  property: string,
  path: string,
  onRead?: (bytes: number) => void,
): Promise<Set<number>> {
  const pages = new Set<number>();
  await readSqlTable(
    path,
    table,
    ([page, name], where) => {
      const isPage = typeof page === 'number' && Number.isSafeInteger(page) && page > 0;
      if (!isPage || typeof name !== 'string') {
        throw new LeiaError('format', `${where}: expected (page id, property, value, key)`);
      }
      if (name === property) pages.add(page);
    },
    onRead,
  );
  if (pages.size > 0) return pages;
  throw new LeiaError(
    'mismatch',
    `${path}: no page in it has the property '${property}'; is it the table of this wiki?`,
  );
}

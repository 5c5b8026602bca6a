// English titles from a wiki's own `langlinks` table (`xxwiki-…-langlinks.sql.gz`), which says for a page
// id what the page is called in other languages (https://www.mediawiki.org/wiki/Manual:Langlinks_table).
import { LeiaError } from '../../system/error.ts';
import { type Names, noNames } from './names.ts';
import { pageTitle, readSqlTable, type SqlTable, type SqlValue } from './sql-table.ts';

/** How many links to its own language a table may have by mistake. */
const fewest = 10;

const table: SqlTable = { name: 'langlinks', columns: ['ll_from', 'll_lang', 'll_title'] };

/**
 * English titles by page id. `onRow` is called with the number of rows read so far. `edition` is the language code of
 * the edition that the pages belong to.
 * @throws LeiaError `format` naming the line if the file is another table or damaged, `mismatch` if it is of
 *   another edition, `io`.
 */
export async function readLanglinks<Into extends Names<number> = Map<number, string>>(
  path: string,
  onRow: (rows: number) => void = () => {},
  names: Into = noNames<number>() as Names<number> as Into,
  onRead?: (bytes: number) => void,
  edition?: string,
): Promise<Into> {
  let [rows, toEdition] = [0, 0];
  const take = ([page, language, title]: readonly SqlValue[], where: string): void => {
    if (typeof page !== 'number' || typeof title !== 'string') {
      throw new LeiaError('format', `${where}: expected (page id, language, title)`);
    }
    onRow(++rows);
    if (language === edition) toEdition++;
    if (language !== 'en') return;
    const name = pageTitle(title);
    if (name !== '') names.set(page, name);
  };
  await readSqlTable(path, table, take, onRead);
  // Pages of another edition have the same numbers, so every name would be wrong. An edition hardly ever links to
  // itself in this table, and every other edition often links to it: that tells whose table this is.
  if (toEdition >= fewest && toEdition > rows / 10_000) {
    throw new LeiaError(
      'mismatch',
      `${path}: ${toEdition} of its ${rows} links lead to the edition '${edition}', so it is of another one; expected that of '${edition}'`,
    );
  }
  return names;
}

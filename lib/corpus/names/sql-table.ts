// The rows of a table as mysqldump writes them: long INSERT statements, all rows in one line or, from newer
// versions, a line each; line breaks in strings are escaped, so a line always ends between rows. The dumps
// of MediaWiki's tables are such files (https://meta.wikimedia.org/wiki/Data_dumps/What's_available_for_download).
import { LeiaError } from '../../system/error.ts';
import { ownCopy } from '../../system/own-copy.ts';
import { readLines } from '../dump/lines.ts';

export type SqlValue = string | number | null;

export interface SqlTable {
  name: string;
  /** In the order of the values; a file that declares others, or others in another order, is refused. */
  columns: readonly string[];
  /** Whether some values are bytes and no text. Then every text is read as Latin-1. */
  hasBytes?: boolean;
}

const insert = /^INSERT INTO `?(\w+)`? (?:\([^)]*\) )?VALUES\s*/;
const comment = /^\s*(?:--|\/\*|#|$)/;

/**
 * Calls `onRow` with every row and the place of its line for messages, and does not await it. Strings in a row are
 * parts of the line: to keep one, copy it (`ownCopy`).
 * @throws LeiaError `format` naming the line if the file is another table or damaged, `io`.
 */
export async function readSqlTable(
  path: string,
  table: SqlTable,
  onRow: (row: readonly SqlValue[], where: string) => void,
  onRead?: (bytes: number) => void,
): Promise<void> {
  const declared: string[] = [];
  let statements = 0;
  /** Whether the rows have begun: a statement before them switches the keys off, one behind them on again. */
  let inRows = false;
  /** In a statement that goes on in the next line. */
  let inStatement = false;
  let last = 0;
  const encoding = table.hasBytes ? 'latin1' : 'utf-8';
  for await (const { text, number } of readLines(path, onRead, encoding)) {
    last = number;
    const where = `${path}: line ${number}`;
    let at = 0;
    if (!inStatement) {
      const match = insert.exec(text);
      if (match === null) {
        const column = /^\s+`(\w+)`\s/.exec(text)?.[1];
        if (text.startsWith('CREATE TABLE')) declared.length = 0;
        if (column !== undefined) declared.push(column);
        if (/^\/\*!\d+ ALTER TABLE .* (?:DIS|EN)ABLE KEYS \*\//.test(text)) {
          inRows = text.includes('DISABLE KEYS');
        }
        continue;
      }
      checkTable(match[1]!, declared, table, where);
      statements++;
      inStatement = true;
      at = match[0].length;
    }
    if (at === text.length || (at === 0 && comment.test(text))) continue;
    inStatement = !readTuples(text, at, where, (row) => {
      if (row.length !== table.columns.length) {
        throw new LeiaError('format', `${where}: expected a row of (${table.columns.join(', ')})`);
      }
      onRow(row, where);
    });
  }
  if (inRows || inStatement) {
    throw new LeiaError(
      'format',
      `${path}: it ends with line ${last}, before the end of the table: cut off?`,
    );
  }
  if (statements === 0) {
    throw new LeiaError(
      'format',
      `${path}: no INSERT INTO \`${table.name}\` in it: is it a ${table.name}.sql?`,
    );
  }
}

function checkTable(
  name: string,
  declared: readonly string[],
  table: SqlTable,
  where: string,
): void {
  if (name !== table.name) {
    throw new LeiaError(
      'format',
      `${where}: this is table '${shorten(name)}', expected '${table.name}'`,
    );
  }
  if (declared.length > 0 && declared.join() !== table.columns.join()) {
    throw new LeiaError(
      'format',
      `${where}: the table has columns ${shorten(declared.join(', '))}, expected ${table.columns.join(', ')}`,
    );
  }
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  0: '\0',
  Z: '\u001a',
};

/**
 * Reads the rows in a line from the first parenthesis, at `at`. Returns whether the statement ends with the line;
 * otherwise the line ends in a comma and more rows follow.
 */
export function readTuples(
  text: string,
  at: number,
  where: string,
  onRow: (row: SqlValue[]) => void,
): boolean {
  const damaged = (expected: string): LeiaError =>
    new LeiaError(
      'format',
      `${where}, character ${at + 1}: expected ${expected}, got ${at < text.length ? JSON.stringify(text.slice(at, at + 20)) : 'the end of the line'}`,
    );
  for (;;) {
    if (text[at] !== '(') throw damaged('"("');
    const row: SqlValue[] = [];
    do {
      at++;
      if (text.startsWith(BYTES, at)) at += BYTES.length;
      if (text[at] === "'") {
        const [value, end] = readString(text, at);
        if (end < 0) throw damaged('a string that ends');
        row.push(value);
        at = end;
      } else {
        bare.lastIndex = at;
        const token = bare.exec(text)?.[0];
        if (token === undefined) throw damaged('a value');
        row.push(token === 'NULL' ? null : Number(token));
        at += token.length;
      }
    } while (text[at] === ',');
    if (text[at] !== ')') throw damaged('")"');
    at++;
    onRow(row);
    if (text[at] === ';') return true;
    if (text[at] !== ',') throw damaged('"," or ";"');
    at++;
    if (at === text.length) return false;
  }
}

/** What newer versions write before a string that is bytes. */
const BYTES = '_binary ';

const bare = /NULL|0x[0-9A-Fa-f]+|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const stringEnd = /['\\]/g;

/** The string that begins with the quote at `at`, and where it ends; -1 if it does not. */
function readString(text: string, at: number): [string, number] {
  let value = '';
  let from = at + 1;
  for (;;) {
    stringEnd.lastIndex = from;
    const next = stringEnd.exec(text);
    if (next === null) return [value, -1];
    value += text.slice(from, next.index);
    const follower = text[next.index + 1];
    if (next[0] === '\\') {
      if (follower === undefined) return [value, -1];
      value += escapes[follower] ?? follower;
      from = next.index + 2;
    } else if (follower === "'") {
      value += "'";
      from = next.index + 2;
    } else {
      return [value, next.index + 1];
    }
  }
}

/** A title as a table writes it, in memory of its own; '' if it leads to a section and not to a page. */
export function pageTitle(value: string): string {
  return value.includes('#') ? '' : ownCopy(value.replaceAll('_', ' ').trim());
}

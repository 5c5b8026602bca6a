// English titles from a wiki's own `langlinks` table (`xxwiki-…-langlinks.sql.gz`), which says for a page
// id what the page is called in other languages (https://www.mediawiki.org/wiki/Manual:Langlinks_table).
// The file is what mysqldump writes: long INSERT statements, one a line, since line breaks in strings are
// escaped.
import { LeiaError } from '../../core/error.ts';
import { readLines } from './lines.ts';

const insert = /^INSERT INTO `?(\w+)`? (?:\([^)]*\) )?VALUES\s*/;
const columns = ['ll_from', 'll_lang', 'll_title'];

/**
 * English titles by page id. `onRow` hears the number of rows read so far.
 * @throws LeiaError `format` naming the line if the file is another table or damaged, `io`.
 */
export async function readLanglinks(
  path: string,
  onRow: (rows: number) => void = () => {},
): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  const declared: string[] = [];
  let rows = 0;
  let statements = 0;
  let open = false;
  for await (const { text, number } of readLines(path)) {
    const where = `${path}: line ${number}`;
    const column = /^\s+`(ll_\w+)`/.exec(text)?.[1];
    if (column !== undefined) declared.push(column);
    const match = insert.exec(text);
    if (match === null) {
      // mysqldump switches the keys off before the rows and on again after them.
      if (/^\/\*!\d+ ALTER TABLE .* (?:DIS|EN)ABLE KEYS \*\//.test(text)) {
        open = text.includes('DISABLE KEYS');
      }
      continue;
    }
    checkTable(match[1]!, declared, where);
    statements++;
    for (const row of readTuples(text, match[0].length, where)) {
      const [page, language, title] = row;
      if (row.length !== 3 || typeof page !== 'number' || typeof title !== 'string') {
        throw new LeiaError('format', `${where}: expected (page id, language, title)`);
      }
      onRow(++rows);
      if (language === 'en' && title !== '') names.set(page, title.replaceAll('_', ' '));
    }
  }
  if (open) {
    throw new LeiaError('format', `${path}: it ends before the end of the table: cut off?`);
  }
  if (statements === 0) {
    throw new LeiaError(
      'format',
      `${path}: no INSERT INTO \`langlinks\` in it: is it a langlinks.sql?`,
    );
  }
  return names;
}

function checkTable(table: string, declared: readonly string[], where: string): void {
  if (table !== 'langlinks') {
    throw new LeiaError('format', `${where}: this is table '${table}', expected 'langlinks'`);
  }
  if (declared.length > 0 && declared.join() !== columns.join()) {
    throw new LeiaError(
      'format',
      `${where}: the table has columns ${declared.join(', ')}, expected ${columns.join(', ')}`,
    );
  }
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  0: '\0',
  Z: '\u001a',
};

type SqlValue = string | number | null;

/** The rows of an INSERT statement from the first parenthesis, at `at`, to the semicolon. */
export function* readTuples(text: string, at: number, where: string): Generator<SqlValue[]> {
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
    yield row;
    if (text[at] === ';') return;
    if (text[at] !== ',') throw damaged('"," or ";"');
    at++;
  }
}

const bare = /NULL|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
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

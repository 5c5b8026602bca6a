// A user's own table of names: one pair a line, title, tab, English name; further columns are not read.
// Lines that begin with '#' are comments (no title can begin so), empty ones are skipped.
import { LeiaError } from '../../system/error.ts';
import { ownCopy } from '../../system/own-copy.ts';
import { readLines } from '../dump/lines.ts';
import type { Siteinfo } from '../dump/siteinfo.ts';
import { normaliseTitle } from '../dump/title.ts';
import { type Names, noNames } from './names.ts';

/**
 * English titles by normalised title; of two lines for one title the last counts.
 * @throws LeiaError `format` naming the line, `io`.
 */
export async function readTitleTable<Into extends Names<string> = Map<string, string>>(
  path: string,
  wiki: Pick<Siteinfo, 'caseRule' | 'language'>,
  names: Into = noNames<string>() as Names<string> as Into,
  onRead?: (bytes: number) => void,
): Promise<Into> {
  for await (const { text, number } of readLines(path, onRead)) {
    if (text.trim() === '' || text.startsWith('#')) continue;
    const [title = '', name = ''] = text.split('\t').map((column) => column.trim());
    if (title === '' || name === '') {
      throw new LeiaError(
        'format',
        `${path}: line ${number}: expected a title, a tab and an English name, got ${JSON.stringify(text.slice(0, 60))}`,
      );
    }
    names.set(ownCopy(normaliseTitle(title, wiki)), ownCopy(name));
  }
  if (names.size === 0) throw new LeiaError('format', `${path}: no title in it`);
  return names;
}

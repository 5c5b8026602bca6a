// Which articles a model is measured on and never trained on: those whose titles have the smallest hashes. So
// the choice depends on the titles and the seed alone, not on the order of the dump, and an article that is
// held out of a sample is likely held out of a later dump too.
import { createHash } from 'node:crypto';
import { LeiaError } from '../system/error.ts';

/** Articles for training, and those that are held out. */
export interface Split {
  /** Indices of the articles to train on, ascending. */
  readonly training: number[];
  /** Indices of the others, ascending. */
  readonly heldOut: number[];
}

/**
 * Holds out about `fraction` of the articles, at least one.
 *
 * @param titles of all articles, by index.
 * @throws LeiaError `usage` if nothing would be left to train on.
 */
export function splitHeldOut(
  titles: readonly string[],
  { fraction, seed }: { readonly fraction: number; readonly seed: number },
): Split {
  const count = Math.max(1, Math.round(fraction * titles.length));
  if (!(fraction >= 0) || count >= titles.length) {
    throw new LeiaError(
      'usage',
      `cannot hold out ${fraction} of ${titles.length} articles, expected a fraction that leaves some to train on`,
    );
  }
  const hashes = titles.map((title, index) => ({ index, hash: hashOf(title, seed) }));
  hashes.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.index - b.index));
  const ascending = (part: typeof hashes) => part.map(({ index }) => index).sort((a, b) => a - b);
  return { training: ascending(hashes.slice(count)), heldOut: ascending(hashes.slice(0, count)) };
}

function hashOf(title: string, seed: number): string {
  return createHash('sha256').update(`${seed}\n${title}`).digest('hex');
}

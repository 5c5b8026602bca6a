// What a misspelled name was probably meant to be.
import { editDistance } from './edit-distance.ts';

/** The candidate with the least edit distance, whatever the case. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const distances = candidates.map(
    (candidate) =>
      [editDistance(word.toLowerCase(), candidate.toLowerCase(), 1), candidate] as const,
  );
  return distances.sort(([a], [b]) => a - b)[0]?.[1];
}

// What a misspelled name was probably meant to be.

/** The candidate with the least edit distance. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const distances = candidates.map(
    (candidate) => [editDistance(word, candidate), candidate] as const,
  );
  return distances.sort(([a], [b]) => a - b)[0]?.[1];
}

/** Levenshtein's distance, ignoring case. */
function editDistance(a: string, b: string): number {
  const from = a.toLowerCase();
  const to = b.toLowerCase();
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

/**
 * Levenshtein's distance: the least cost of turning one sequence into another, where an insertion or a deletion costs 1.
 *
 * @param substitution what replacing one element costs: 1 as usual; with 2 it is no more than a deletion and an insertion.
 */
export function editDistance(
  from: ArrayLike<string>,
  to: ArrayLike<string>,
  substitution: number,
): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const kept = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : substitution);
      next.push(Math.min(kept, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

// Corrections for making several comparisons at once: with 20 tests at 5 %, one false discovery is to be expected.

export const corrections = ['holm', 'bonferroni', 'none'] as const;
export type Correction = (typeof corrections)[number];

/**
 * Adjusted p values in the order given, to be held against the same level as one p alone. `holm` (Holm 1979) and
 * `bonferroni` bound the probability of any false discovery among all comparisons; Holm's is never the larger.
 */
export function adjust(ps: readonly number[], correction: Correction): number[] {
  const count = ps.length;
  if (correction === 'none') return [...ps];
  if (correction === 'bonferroni') return ps.map((p) => Math.min(1, p * count));
  const order = ps.map((_, i) => i).sort((a, b) => ps[a]! - ps[b]!);
  const adjusted = new Array<number>(count);
  let floor = 0;
  for (const [rank, i] of order.entries()) {
    floor = Math.max(floor, Math.min(1, ps[i]! * (count - rank)));
    adjusted[i] = floor;
  }
  return adjusted;
}

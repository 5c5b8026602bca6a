// Character F, the metric of llm-jp-eval: fuzzywuzzy 0.18's `token_sort_ratio` over NFKC strings, divided by 100. What
// that library does is repeated to the letter, its oddities included, so that scores can be compared with published
// ones: it deletes U+0080 to U+00FF (`café` becomes `caf`), compares in code points, and rounds half to even.
import { editDistance } from '../../system/edit-distance.ts';

/** How alike an answer and the right one are: 0 to 1, a multiple of 0.01. */
export function characterF(answer: string, target: string): number {
  const [a, b] = [sortTokens(answer), sortTokens(target)];
  if (a === b) return 1;
  const [from, to] = [Array.from(a), Array.from(b)];
  if (from.length === 0 || to.length === 0) return 0;
  const total = from.length + to.length;
  // In the order of the original's operations: 100 times the rounded ratio decides what is half.
  return roundHalfToEven(100 * ((total - editDistance(from, to, 2)) / total)) / 100;
}

/** Tokens of letters, digits and underscores, in lower case and in the order of their code points. */
function sortTokens(text: string): string {
  const kept = text.normalize('NFKC').replace(/[\u0080-\u00ff]/g, '');
  const tokens = kept
    .replace(/[^\p{L}\p{N}_]/gu, ' ')
    .toLowerCase()
    .split(' ');
  return tokens.filter(Boolean).sort(byCodePoint).join(' ');
}

/** JavaScript compares UTF-16 units, where U+FF01 comes after U+20000. */
function byCodePoint(a: string, b: string): number {
  const [from, to] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(from.length, to.length); i++) {
    const difference = from[i]!.codePointAt(0)! - to[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return from.length - to.length;
}

/** As Python's `round`: 12.5 becomes 12, 62.5 becomes 62, 13.5 becomes 14. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

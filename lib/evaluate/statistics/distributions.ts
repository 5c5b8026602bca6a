// Student's t and the binomial distribution, by the Cephes library (Moshier 1984 …) that SciPy stands on too, here as
// WebAssembly. Its CommonJS form is ready at once; its ES module has to be waited for and hides its types.
import { createRequire } from 'node:module';

interface Cephes {
  /** The regularised incomplete beta integral I_x(a, b). */
  incbet(a: number, b: number, x: number): number;
  /** The x for which I_x(a, b) = y. */
  incbi(a: number, b: number, y: number): number;
  /** The probability of at most k successes among n trials that each succeed with probability p. */
  bdtr(k: number, n: number, p: number): number;
}

const { bdtr, incbet, incbi } = createRequire(import.meta.url)('cephes') as Cephes;

/**
 * The probability that Student's t is at least as far from 0 as `t`, on either side.
 *
 * @param degrees of freedom, above 0; need not be whole
 */
export function twoSidedT(t: number, degrees: number): number {
  const square = t * t;
  // The integral's argument would be rounded to 1 for small t, its complement's to 0 for large ones.
  if (square < 1) return 1 - incbet(0.5, degrees / 2, square / (degrees + square));
  return incbet(degrees / 2, 0.5, degrees / (degrees + square));
}

/**
 * The t that Student's t exceeds in size with probability `outside`: 2.776 for 0.05 and 4 degrees of freedom.
 *
 * @param outside on both sides together, in (0, 1)
 * @param degrees of freedom, above 0; need not be whole
 */
export function criticalT(outside: number, degrees: number): number {
  const x = incbi(degrees / 2, 0.5, outside);
  return Math.sqrt((degrees * (1 - x)) / x);
}

/** The probability of at most `successes` among `trials` tosses of a fair coin. */
export function fairCoin(successes: number, trials: number): number {
  return bdtr(successes, trials, 0.5);
}

// The seeds of what is drawn: initial weights, masks of dropout. Each draw has a seed of its own, made of the program's and of
// how many were before, so that a program that runs again draws the same.
import { LeiaError } from '../system/error.ts';

const seeds = 2 ** 20;
let seed = 0;
let draws = 0;

/**
 * Begins a new sequence of random numbers for initial weights and dropout, that of seed 0 unless this is called.
 * @throws LeiaError `argument` for what is not a whole number from 0 to 1,048,575.
 * @example
 * manualSeed(42);
 * const layer = new Linear(4, 4);
 */
export function manualSeed(value: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value < seeds)) {
    throw new LeiaError(
      'argument',
      `manualSeed: ${value}, expected a whole number of 0 to ${seeds - 1}`,
    );
  }
  seed = value;
  draws = 0;
}

/** A seed that no other draw has. */
export function nextSeed(): number {
  return seed * 2 ** 32 + draws++;
}

/** Calls `compute` with the draws that followed when `place` was taken; goes on afterwards where it was. */
export function withDrawsFrom<Result>(place: number, compute: () => Result): Result {
  const now = draws;
  draws = place;
  try {
    return compute();
  } finally {
    draws = now;
  }
}

/** The place in the sequence of draws. */
export function drawPlace(): number {
  return draws;
}

// The learning rate of each step: linear warm-up, then half a cosine down to a floor, as in
// Loshchilov & Hutter 2017 without restarts.
import { LeiaError } from '../system/error.ts';

/** How the learning rate goes: linear warm-up, then half a cosine. */
export interface Schedule {
  /** Peak rate. */
  learningRate: number;
  /** Rate at the end of the cosine. */
  minLearningRate: number;
  /** Steps until the peak: step s of the first `warmupSteps` has (s + 1) / warmupSteps of it. */
  warmupSteps: number;
  /** Steps of the whole run. */
  maxSteps: number;
}

/**
 * Learning rate of step `step`, counted from 0.
 *
 * @throws LeiaError with code `argument` for a step that is no whole number of 0 or more.
 * @example
 * const schedule = { learningRate: 1, minLearningRate: 0.1, warmupSteps: 10, maxSteps: 110 };
 * learningRateAt(4, schedule); // 0.5
 * learningRateAt(60, schedule); // 0.55
 */
export function learningRateAt(step: number, schedule: Schedule): number {
  if (!(Number.isInteger(step) && step >= 0)) {
    throw new LeiaError(
      'argument',
      `learningRateAt: step ${step}, expected a whole number of 0 or more`,
    );
  }
  const { learningRate, minLearningRate, warmupSteps, maxSteps } = schedule;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, maxSteps - warmupSteps));
  const cosine = 0.5 * (1 + Math.cos(Math.PI * progress));
  return minLearningRate + (learningRate - minLearningRate) * cosine;
}

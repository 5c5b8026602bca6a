// The learning rate of each step: linear warm-up, then half a cosine down to a floor, as in
// Loshchilov & Hutter 2017 without restarts.

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

/** Learning rate of step `step`, counted from 0. */
export function learningRateAt(step: number, schedule: Schedule): number {
  const { learningRate, minLearningRate, warmupSteps, maxSteps } = schedule;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, maxSteps - warmupSteps));
  const cosine = 0.5 * (1 + Math.cos(Math.PI * progress));
  return minLearningRate + (learningRate - minLearningRate) * cosine;
}

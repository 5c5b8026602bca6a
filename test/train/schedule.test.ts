import { expect, test } from 'vitest';
import { learningRateAt } from '../../lib/train/schedule.ts';

const base = { learningRate: 5e-6, minLearningRate: 0, warmupSteps: 0, maxSteps: 3 };

test('a cosine without warm-up begins at the peak', () => {
  expect([0, 1, 2].map((step) => learningRateAt(step, base))).toEqual([
    5e-6,
    5e-6 * 0.5 * (1 + Math.cos(Math.PI / 3)),
    5e-6 * 0.5 * (1 + Math.cos((2 * Math.PI) / 3)),
  ]);
});

test('warm-up is linear and reaches the peak', () => {
  const schedule = { ...base, learningRate: 1, warmupSteps: 4, maxSteps: 10 };
  expect([0, 1, 2, 3, 4].map((step) => learningRateAt(step, schedule))).toEqual([
    0.25, 0.5, 0.75, 1, 1,
  ]);
});

test('the floor is reached at the end and kept', () => {
  const schedule = { ...base, learningRate: 1, minLearningRate: 0.1, maxSteps: 10 };
  expect(learningRateAt(10, schedule)).toBeCloseTo(0.1, 12);
  expect(learningRateAt(50, schedule)).toBeCloseTo(0.1, 12);
  expect(learningRateAt(5, schedule)).toBeCloseTo(0.55, 12);
});

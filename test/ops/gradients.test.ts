// The float64 backward references agree with finite differences of the forward references.
import { expect, test } from 'vitest';
import { dot, gradientError, randomSource, randomValues } from './case.ts';
import { rmsNormBackwardReference, rmsNormReference } from './cases/rms-norm.ts';

test('rmsNorm', () => {
  const random = randomSource(1);
  const x = randomValues([3, 8], 'float32', random).data;
  const weight = randomValues([8], 'float32', random).data;
  const dy = randomValues([3, 8], 'float32', random).data;
  const { gradInput, gradWeight } = rmsNormBackwardReference(dy, x, weight);
  expect(
    gradientError((moved) => dot(rmsNormReference(moved, weight).output, dy), x, gradInput),
  ).toBeLessThan(1e-7);
  expect(
    gradientError((moved) => dot(rmsNormReference(x, moved).output, dy), weight, gradWeight),
  ).toBeLessThan(1e-7);
});

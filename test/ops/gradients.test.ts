// The float64 backward references agree with finite differences of the forward references.
import { expect, test } from 'vitest';
import { gradientError } from './case.ts';
import { caseFiles } from './run-case.ts';

for (const { gradients = [] } of await caseFiles()) {
  test.each(gradients.map((check) => [check.name, check] as const))(
    '%s',
    (_name, { loss, x, gradient }) => {
      expect(gradientError(loss, x, gradient)).toBeLessThan(1e-7);
    },
  );
}

// The float64 backward references agree with finite differences of the forward references.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type GradientCheck, gradientError } from './case.ts';

const folder = new URL('./cases/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
  const { gradients = [] } = (await import(new URL(file, folder).href)) as {
    gradients?: GradientCheck[];
  };
  test.each(gradients.map((check) => [check.name, check] as const))(
    '%s',
    (_name, { loss, x, gradient }) => {
      expect(gradientError(loss, x, gradient)).toBeLessThan(1e-7);
    },
  );
}

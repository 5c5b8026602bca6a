// Every operation at random shapes, dtypes and settings, against its float64 reference.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Device } from '../../lib/index.ts';
import { deviceNames, relativeError } from './case.ts';
import { caseFiles, runCase } from './run-case.ts';

for (const { name, randomCase } of await caseFiles()) {
  test.each(deviceNames)(`${name} at random shapes on %s`, async (deviceName) => {
    const device = Device.open(deviceName);
    const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const operation = randomCase(seed);
        const actual = await runCase(operation, device);
        for (const [output, values] of Object.entries(operation.reference(operation.inputs))) {
          const error = relativeError(actual.get(output)!, values);
          expect(error, `${output} of ${operation.name}`).toBeLessThanOrEqual(
            operation.tolerance[output] ?? 0,
          );
        }
      }),
      { seed: 20240614, numRuns: 40 },
    );
  });
}

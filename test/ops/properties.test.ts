// Every operation at random shapes, dtypes and settings, against its float64 reference.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Device } from '../../lib/ops.ts';
import { isFull } from '../support/extent.ts';
import { deviceName, errorOf, isAvailable } from './case.ts';
import { caseFiles, runCase } from './run-case.ts';

const files = (await caseFiles()).filter(({ name }) => isAvailable(name));
for (const { name, randomCase } of files) {
  test(`${name} at random shapes on ${deviceName}`, async () => {
    const device = Device.open(deviceName);
    const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const operation = randomCase(seed);
        const actual = await runCase(operation, device);
        for (const [output, values] of Object.entries(operation.reference(operation.inputs))) {
          const error = errorOf(operation, output, actual.get(output)!, values);
          expect(error, `${output} of ${operation.name}`).toBeLessThanOrEqual(
            operation.tolerance[output] ?? 0,
          );
        }
      }),
      { seed: 20240614, numRuns: deviceName === 'emulated' && !isFull ? 8 : 40 },
    );
  });
}

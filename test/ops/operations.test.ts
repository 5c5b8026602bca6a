// Runs the cases of every operation that the device has: all of them on the CPU, on others a selection unless the run is
// full.
import { describe, expect, test } from 'vitest';
import { Device } from '../../lib/ops.ts';
import { isFull } from '../support/extent.ts';
import { deviceName, errorOf, isAvailable } from './case.ts';
import { caseFiles, caseSelection, runCase } from './run-case.ts';

/** Of the Hopper kernels, which there are for attention's forward pass; the backward kernels are those of any other run. */
const isHopper = process.env.LEIA_HOPPER === '1';

for (const file of (await caseFiles()).filter(({ name }) => isAvailable(name))) {
  describe(`${file.name} on ${deviceName}`, () => {
    const device = Device.open(deviceName);
    const selected = deviceName === 'emulated' ? caseSelection(file.cases) : file.cases;
    const cases = selected.filter(({ name }) => isFull || !isHopper || name.includes('Forward'));
    test.each(cases.map((operation) => [operation.name, operation] as const))(
      '%s',
      async (_name, operation) => {
        const expected = operation.reference(operation.inputs);
        const compare = (actual: Awaited<ReturnType<typeof runCase>>, where: string) => {
          for (const [name, values] of Object.entries(expected)) {
            const output = actual.get(name);
            expect(output, `output ${name}${where}`).toBeDefined();
            expect(
              errorOf(operation, name, output!, values),
              `${name}${where}`,
            ).toBeLessThanOrEqual(operation.tolerance[name] ?? 0);
          }
        };
        const actual = await runCase(operation, device);
        compare(actual, '');
        compare(await runCase(operation, device, 1), ', one element into memory');
        for (const [name, again] of await runCase(operation, device)) {
          const same = Buffer.from(again.buffer).equals(Buffer.from(actual.get(name)!.buffer));
          expect(same, `${name}: the bits of a second run`).toBe(true);
        }
      },
    );

    const runs = isFull ? 10 : 3;
    test(`${runs} runs give the same bits`, async () => {
      // A case of middle size stands for all: each of them was run twice above.
      const sorted = cases.toSorted((a, b) => a.flops + a.bytes - b.flops - b.bytes);
      const operation = sorted[Math.floor(sorted.length / 2)]!;
      const bits = async () =>
        [...(await runCase(operation, device)).values()].map((values) =>
          Buffer.from(values.buffer).toString('hex'),
        );
      const first = await bits();
      for (let run = 1; run < runs; run++) expect(await bits(), operation.name).toEqual(first);
    });
  });
}

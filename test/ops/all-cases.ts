// Child process of variants.test.ts and of the emulator's tests: runs the cases that the device has and
// prints one JSON line per output, with the error against the reference, or with the hash of its bits when called with
// `bits`, or with `shifted` for tensors that begin one element into memory. With `ragged` behind it, of each kernel variant
// only a ragged case.
import { createHash } from 'node:crypto';
import { Device } from '../../lib/ops.ts';
import { deviceName, errorOf, isAvailable } from './case.ts';
import { caseFiles, caseSelection, raggedSelection, runCase } from './run-case.ts';

const device = Device.open(deviceName);
const [, , mode, extent] = process.argv;
const select = extent === 'ragged' ? raggedSelection : caseSelection;
for (const file of (await caseFiles()).filter(({ name }) => isAvailable(name))) {
  for (const operation of select(file.cases)) {
    const actual = await runCase(operation, device, mode === 'shifted' ? 1 : 0);
    const expected = mode !== 'errors' ? undefined : operation.reference(operation.inputs);
    for (const [output, values] of actual) {
      const name = `${operation.name}: ${output}`;
      if (!expected) {
        const bits = createHash('sha256').update(Buffer.from(values.buffer)).digest('hex');
        console.log(JSON.stringify({ name, bits }));
      } else if (expected[output]) {
        const error = errorOf(operation, output, values, expected[output]);
        console.log(JSON.stringify({ name, error, tolerance: operation.tolerance[output] ?? 0 }));
      }
    }
  }
}

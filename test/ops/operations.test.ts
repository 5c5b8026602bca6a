// Runs every case of every operation on every device present.
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Device, Tensor } from '../../lib/index.ts';
import { deviceNames, type OperationCase, relativeError } from './case.ts';

const folder = new URL('./cases/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));

async function runCase(operation: OperationCase, device: Device) {
  const tensors = Object.fromEntries(
    Object.entries(operation.inputs).map(([name, { shape, dtype, data }]) => [
      name,
      Tensor.from(Array.from(data), shape, { dtype, device }),
    ]),
  );
  const poisoned: Tensor[] = [];
  const outputs = operation.run(tensors, (shape, dtype = 'float32') => {
    const tensor = Tensor.empty(shape, { dtype, device });
    const count = shape.reduce((product, size) => product * size, 1);
    poisoned.push(
      tensor.write(new Array<number>(count).fill(dtype === 'int32' ? -77 : Number.NaN)),
    );
    return tensor;
  });
  const values = new Map<string, Float32Array | Int32Array>();
  for (const [name, tensor] of Object.entries(outputs)) values.set(name, await tensor.read());
  for (const tensor of new Set([
    ...Object.values(tensors),
    ...poisoned,
    ...Object.values(outputs),
  ])) {
    tensor.dispose();
  }
  return values;
}

for (const file of files) {
  const { cases } = (await import(new URL(file, folder).href)) as { cases: OperationCase[] };
  for (const deviceName of deviceNames) {
    describe(`${file.replace('.ts', '')} on ${deviceName}`, () => {
      const device = Device.open(deviceName);
      test.each(cases.map((operation) => [operation.name, operation] as const))(
        '%s',
        async (_name, operation) => {
          const expected = operation.reference(operation.inputs);
          const actual = await runCase(operation, device);
          for (const [name, values] of Object.entries(expected)) {
            const output = actual.get(name);
            expect(output, `output ${name}`).toBeDefined();
            expect(relativeError(output!, values), name).toBeLessThanOrEqual(
              operation.tolerance[name] ?? 0,
            );
          }
          for (const [name, again] of await runCase(operation, device)) {
            const same = Buffer.from(again.buffer).equals(Buffer.from(actual.get(name)!.buffer));
            expect(same, `${name}: the bits of a second run`).toBe(true);
          }
        },
      );
    });
  }
}

// An optimiser's state goes to a file and back, and training goes on from it with the same bits. What does not fit changes nothing.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { SafetensorsFile, writeSafetensors } from '../../lib/llama/safetensors.ts';
import { AdamW, type MomentDtype } from '../../lib/train/adamw.ts';
import { learningRateAt } from '../../lib/train/schedule.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { deviceName } from '../ops/case.ts';

const device = Device.open(deviceName);

/** An optimiser of two small parameters, after some steps. */
function optimizerOf(dtype: 'float32' | 'bfloat16', moments: MomentDtype, steps: number) {
  const parameters = [
    { name: 'weight', shape: [2, 3], decay: true },
    { name: 'norm', shape: [3], decay: false },
  ].map(({ name, shape, decay }) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const values = Float32Array.from({ length: size }, (_, i) => (i % 2 ? -0.5 : 0.25) * (i + 1));
    const [parameter, gradient] = [0, 1].map(() => Tensor.from(values, shape, { device }));
    return { name, parameter: parameter!.to(dtype), gradient: gradient!, decay };
  });
  const optimizer = new AdamW(parameters, { moments, seed: 3 });
  for (let step = 0; step < steps; step++) optimizer.step({ learningRate: 0.01 });
  return optimizer;
}

async function bitsOf(optimizer: AdamW): Promise<string[]> {
  const tensors = optimizer.parameters.flatMap(({ name, parameter }) => [
    parameter,
    ...Object.values(optimizer.state(name)).filter((tensor) => tensor !== undefined),
  ]);
  const bits = await Promise.all(tensors.map((tensor) => tensor.readBits()));
  return bits.map(({ buffer }) => Buffer.from(buffer).toString('hex'));
}

describe.each([
  ['float32', 'float32', []],
  ['bfloat16', 'float32', ['remainder.norm', 'remainder.weight']],
  ['bfloat16', 'bfloat16', ['remainder.norm', 'remainder.weight']],
] as const)('%s with moments in %s', (dtype, moments, remainders) => {
  test('training goes on with the same bits', async () => {
    const path = join(await temporaryFolder(), 'optimizer.safetensors');
    using first = optimizerOf(dtype, moments, 3);
    await first.save(path);
    await using file = await SafetensorsFile.open(path);
    expect(file.metadata).toEqual({ format: 'pt', step: '3' });
    const names = ['firstMoment.norm', 'firstMoment.weight', 'secondMoment.norm'];
    expect([...file.tensors.keys()].sort()).toEqual(
      [...names, ...remainders, 'secondMoment.weight'].sort(),
    );
    expect(file.entry('firstMoment.weight')).toMatchObject({
      dtype: moments === 'float32' ? 'F32' : 'BF16',
      shape: [2, 3],
    });
    using second = optimizerOf(dtype, moments, 0);
    for (const [index, { parameter }] of second.parameters.entries()) {
      parameter.write(await first.parameters[index]!.parameter.readBits());
    }
    await second.load(path);
    expect(second.stepCount).toBe(3);
    for (const optimizer of [first, second]) optimizer.step({ learningRate: 0.01 });
    expect(await bitsOf(second)).toEqual(await bitsOf(first));
  });
});

test('a state that does not fit is refused, and nothing has changed', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'optimizer.safetensors');
  using saved = optimizerOf('float32', 'float32', 2);
  await saved.save(path);
  const whole = await readFile(path);

  using other = optimizerOf('float32', 'bfloat16', 1);
  const before = await bitsOf(other);
  const refuses = async (optimizer: AdamW, code: 'mismatch' | 'format' | 'io', text: string) =>
    expectError(() => optimizer.load(path), code, text);
  await refuses(other, 'mismatch', '"firstMoment.weight" is F32 [2, 3], expected BF16 [2, 3]');
  using bfloat16 = optimizerOf('bfloat16', 'float32', 0);
  await refuses(bfloat16, 'mismatch', '"remainder.weight" is missing, expected U16 [2, 3]');
  using fewer = new AdamW(saved.parameters.slice(0, 1));
  await refuses(fewer, 'mismatch', '"firstMoment.norm" is of no parameter of this AdamW');

  await writeFile(path, whole.subarray(0, whole.length - 1));
  await refuses(other, 'format', 'is truncated');
  await writeSafetensors(path, []);
  await refuses(other, 'mismatch', 'no number of steps ("step")');
  await expectError(() => other.load(join(folder, 'none')), 'io', 'none');
  expect([other.stepCount, await bitsOf(other)]).toEqual([1, before]);
});

test('slices that ranks share are refused, as they look like whole parameters', async () => {
  using whole = optimizerOf('float32', 'float32', 0);
  using slices = new AdamW(whole.parameters.map((parameter) => ({ ...parameter, first: 0 })));
  const path = join(await temporaryFolder(), 'optimizer.safetensors');
  for (const action of [() => slices.save(path), () => slices.load(path)]) {
    await expectError(action, 'unsupported', '"weight" is a slice of a parameter');
  }
});

test('what cannot be written leaves what was there', async () => {
  const path = join(await temporaryFolder(), 'optimizer.safetensors');
  using optimizer = optimizerOf('float32', 'float32', 1);
  await optimizer.save(path);
  const before = await readFile(path);
  optimizer.step({ learningRate: Number.MAX_VALUE });
  optimizer.state('weight').firstMoment.dispose();
  await expectError(() => optimizer.save(path), 'usage', 'was disposed');
  expect(await readFile(path)).toEqual(before);
});

test('a schedule has no step before the first, nor between two', async () => {
  const schedule = { learningRate: 1, minLearningRate: 0, warmupSteps: 2, maxSteps: 4 };
  expect([0, 1, 2, 3, 4].map((step) => learningRateAt(step, schedule))).toEqual([
    0.5, 1, 1, 0.5, 0,
  ]);
  for (const step of [-1, 0.5, Number.NaN]) {
    await expectError(() => learningRateAt(step, schedule), 'argument', `step ${step}, expected`);
  }
});

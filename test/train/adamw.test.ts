// The optimiser as a class: which parameters it updates how, what it keeps, and that it can be resumed. The
// formula itself is tested with the operation.
import { expect, test } from 'vitest';
import { bfloat16ToFloat32, splitFloat32 } from '../../lib/core/bfloat16.ts';
import { Device } from '../../lib/core/device.ts';
import { bytesOf } from '../../lib/core/layout.ts';
import * as ops from '../../lib/core/ops.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import type { TrainableParameter } from '../../lib/llama/parameters.ts';
import { AdamW, type AdamWOptions, adamwLayout, momentDtypes } from '../../lib/train/adamw.ts';
import { expectError } from '../llama/fixtures.ts';
import { randomSource } from '../ops/case.ts';
import { steadyBytes } from '../support/steady-bytes.ts';

interface Item {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'bfloat16';
  readonly decay: boolean;
}

/** Both dtypes, with and without decay, in an order in which they are not grouped. */
const items: readonly Item[] = [
  { name: 'matrix', shape: [3, 5], dtype: 'bfloat16', decay: true },
  { name: 'norm', shape: [7], dtype: 'float32', decay: false },
  { name: 'exact', shape: [2, 3], dtype: 'float32', decay: true },
  { name: 'half norm', shape: [4], dtype: 'bfloat16', decay: false },
];
const sizeOf = ({ shape }: Item) => shape.reduce((product, size) => product * size, 1);

/** Numbers that the item's dtype holds exactly. */
function valuesOf(item: Item, seed: number): Float32Array {
  const random = randomSource(seed + sizeOf(item));
  const values = Float32Array.from({ length: sizeOf(item) }, () => random() * 2 - 1);
  return item.dtype === 'bfloat16' ? bfloat16ToFloat32(splitFloat32(values).upper) : values;
}

function makeParameters(chosen = items): TrainableParameter[] {
  return chosen.map((item) => ({
    name: item.name,
    parameter: Tensor.from(valuesOf(item, 1), item.shape, { dtype: item.dtype }),
    gradient: Tensor.zeros(item.shape),
    decay: item.decay,
  }));
}

/** Writes the gradients of a step. */
function setGradients(parameters: readonly TrainableParameter[], step: number): void {
  for (const [index, { gradient }] of parameters.entries()) {
    const random = randomSource(100 * step + index);
    const size = gradient.shape.reduce((product, count) => product * count, 1);
    gradient.write(Float32Array.from({ length: size }, () => random() - 0.5));
  }
}

/** AdamW in float64, as torch.optim.AdamW documents it. */
async function reference(
  chosen: readonly Item[],
  steps: number,
  options: Required<Omit<AdamWOptions, 'moments' | 'seed'>> & {
    learningRate: number;
    gradientScale: number;
  },
): Promise<Float64Array[]> {
  const { beta1, beta2, epsilon, weightDecay, learningRate, gradientScale } = options;
  const parameters = makeParameters(chosen);
  const all = chosen.map((item) => Float64Array.from(valuesOf(item, 1)));
  const first = all.map((values) => values.map(() => 0));
  const second = all.map((values) => values.map(() => 0));
  for (let step = 1; step <= steps; step++) {
    setGradients(parameters, step);
    for (const [index, { gradient, decay }] of parameters.entries()) {
      const [p, m, v] = [all[index]!, first[index]!, second[index]!];
      for (const [i, g] of (await gradient.readFloats()).entries()) {
        const scaled = g * gradientScale;
        m[i] = beta1 * m[i]! + (1 - beta1) * scaled;
        v[i] = beta2 * v[i]! + (1 - beta2) * scaled * scaled;
        const mean = m[i]! / (1 - beta1 ** step);
        const spread = Math.sqrt(v[i]! / (1 - beta2 ** step)) + epsilon;
        p[i] =
          p[i]! * (1 - learningRate * (decay ? weightDecay : 0)) - (learningRate * mean) / spread;
      }
    }
  }
  return all;
}

async function mastersOf(optimizer: AdamW): Promise<Float32Array[]> {
  return await Promise.all(optimizer.parameters.map(({ name }) => optimizer.master(name)));
}

const paper = { beta1: 0.9, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1 };

test.each([
  ["the paper's, by default", {}],
  ['others', { beta1: 0.8, beta2: 0.9, epsilon: 1e-3, weightDecay: 0.5 }],
  ['some, and the rest by default', { weightDecay: 0 }],
])('follows float64 over five steps with options: %s', async (_, options) => {
  const parameters = makeParameters();
  using optimizer = new AdamW(parameters, options);
  using gradientScale = Tensor.from([0.25], [1]);
  for (let step = 1; step <= 5; step++) {
    setGradients(parameters, step);
    optimizer.step({ learningRate: 0.01, gradientScale });
  }
  expect(optimizer.stepCount).toBe(5);
  const settings = { ...paper, ...options, learningRate: 0.01, gradientScale: 0.25 };
  const expected = await reference(items, 5, settings);
  for (const [index, master] of (await mastersOf(optimizer)).entries()) {
    for (const [i, value] of master.entries()) {
      // Rounding to float32 in each of five steps, for values up to one.
      expect(Math.abs(value - expected[index]![i]!), items[index]!.name).toBeLessThan(1e-6);
    }
  }
});

test('a bfloat16 parameter is the upper half of its master, which updates smaller than its rounding reach', async () => {
  const parameters = makeParameters();
  using optimizer = new AdamW(parameters);
  const before = await mastersOf(optimizer);
  // Before the first step the master is what the parameter says.
  for (const [index, item] of items.entries()) {
    expect(before[index]).toEqual(valuesOf(item, 1));
  }
  setGradients(parameters, 1);
  for (let step = 0; step < 3; step++) optimizer.step({ learningRate: 1e-6 });
  const after = await mastersOf(optimizer);
  for (const [index, { parameter, name }] of parameters.entries()) {
    const moved = after[index]!.filter((value, i) => value !== before[index]![i]);
    expect(moved.length, name).toBeGreaterThan(after[index]!.length / 2);
    if (parameter.dtype === 'float32') continue;
    expect(await parameter.readBits()).toEqual(splitFloat32(after[index]!).upper);
    expect(optimizer.state(name).masterLowBits?.dtype).toBe('bfloat16');
  }
  expect(optimizer.state('norm').masterLowBits).toBeUndefined();
});

test.each(momentDtypes)(
  'goes on with the same bits from its state in %s and its count of steps',
  async (moments) => {
    const options = { moments, seed: 6 };
    const whole = makeParameters();
    using expected = new AdamW(whole, options);
    const begun = makeParameters();
    const resumed = makeParameters();
    using continued = new AdamW(resumed, options);
    {
      using optimizer = new AdamW(begun, options);
      for (let step = 1; step <= 4; step++) {
        setGradients(whole, step);
        expected.step({ learningRate: 0.01 });
        if (step > 2) continue;
        setGradients(begun, step);
        optimizer.step({ learningRate: 0.01 });
      }
      for (const [index, { name, parameter }] of begun.entries()) {
        resumed[index]!.parameter.write(await parameter.readBits());
        const [from, to] = [optimizer.state(name), continued.state(name)];
        to.firstMoment.write(await from.firstMoment.readBits());
        to.secondMoment.write(await from.secondMoment.readBits());
        if (from.masterLowBits) to.masterLowBits?.write(await from.masterLowBits.readBits());
      }
      continued.stepCount = optimizer.stepCount;
    }
    for (let step = 3; step <= 4; step++) {
      setGradients(resumed, step);
      continued.step({ learningRate: 0.01 });
    }
    expect(await mastersOf(continued)).toEqual(await mastersOf(expected));
    expect(continued.stepCount).toBe(4);
  },
);

test('moments in bfloat16 take half, follow float32 closely, and no two parameters are rounded alike', async () => {
  // Two pairs of one shape and one gradient, with and without decay.
  const twin = { shape: [40, 50], dtype: 'bfloat16' } as const;
  const twins = ['a', 'b', 'c', 'd'].map((name, i) => ({ ...twin, name, decay: i % 2 === 0 }));
  const run = (options: AdamWOptions) => {
    const parameters = makeParameters(twins);
    const optimizer = new AdamW(parameters, options);
    for (let step = 1; step <= 5; step++) {
      setGradients(parameters.slice(0, 1), step);
      for (const { gradient } of parameters.slice(1)) {
        ops.cast({ input: parameters[0]!.gradient, output: gradient });
      }
      optimizer.step({ learningRate: 0.01 });
    }
    return optimizer;
  };
  using exact = run({});
  using rounded = run({ moments: 'bfloat16', seed: 1 });
  using other = run({ moments: 'bfloat16', seed: 2 });
  expect(exact.bytes - rounded.bytes).toBe(4 * 4 * 2000);
  const momentsOf = async (optimizer: AdamW, name: string) => [
    ...(await optimizer.state(name).firstMoment.readFloats()),
  ];
  const seen = new Set<string>();
  for (const { name } of twins) {
    const [expected, actual] = [await exact.master(name), await rounded.master(name)];
    // A step in this direction or that moves a number by 0.01; the moments are off by up to a 128th.
    for (const [i, value] of actual.entries()) {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(5 * 0.01 * (4 / 128));
    }
    for (const optimizer of [rounded, other]) seen.add(String(await momentsOf(optimizer, name)));
  }
  expect(seen.size).toBe(8);
});

test('holds the memory that its layout counts, from its making to its end', async () => {
  const device = Device.open();
  const parameters = makeParameters();
  const before = await steadyBytes(device);
  const counted = bytesOf(adamwLayout(parameters.map(({ name, parameter }) => [name, parameter])));
  // Two moments of 4 bytes for each number, and 2 for those of bfloat16.
  expect(counted).toBe(8 * (15 + 7 + 6 + 4) + 2 * (15 + 4));
  const optimizer = new AdamW(parameters);
  expect(optimizer.bytes).toBe(counted);
  for (let step = 0; step < 3; step++) {
    optimizer.step({ learningRate: 0.01 });
    await device.synchronize();
    expect(device.liveBytes - before).toBe(counted);
  }
  optimizer[Symbol.dispose]();
  await device.synchronize();
  expect(device.liveBytes).toBe(before);
});

test('its state begins with zeros, whatever was in the memory', async () => {
  {
    using used = Tensor.from(new Float32Array(15).fill(7), [3, 5]);
    await used.read();
  }
  using optimizer = new AdamW(makeParameters());
  for (const { name } of optimizer.parameters) {
    const { firstMoment, secondMoment, masterLowBits } = optimizer.state(name);
    for (const tensor of [firstMoment, secondMoment, ...(masterLowBits ? [masterLowBits] : [])]) {
      expect((await tensor.readBits()).every((value) => value === 0)).toBe(true);
    }
  }
});

test('parameters that share a name or have no update are refused, and a refused step does not count', async () => {
  const [matrix, norm] = makeParameters() as [TrainableParameter, TrainableParameter];
  await expectError(
    () => new AdamW([matrix, { ...norm, name: 'matrix' }]),
    'argument',
    'AdamW: two parameters are named "matrix", expected names of their own, as a Module that holds both gives them',
  );
  const half = { ...norm, parameter: Tensor.zeros([7], { dtype: 'float16' }) };
  const message = 'AdamW: "norm" is float16, expected float32 or bfloat16';
  await expectError(() => new AdamW([matrix, half]), 'argument', message);
  using optimizer = new AdamW([matrix, norm]);
  await expectError(() => optimizer.step({ learningRate: Number.NaN }), 'argument', 'learningRate');
  expect(optimizer.stepCount).toBe(0);
});

test('a name that is no parameter, and no parameters at all, are refused', async () => {
  using optimizer = new AdamW(makeParameters());
  const message = 'AdamW: there is no parameter "toString"';
  await expectError(() => optimizer.state('toString'), 'argument', message);
  await expectError(() => optimizer.master('toString'), 'argument', message);
  await expectError(() => new AdamW([]), 'argument', 'there are no parameters');
});

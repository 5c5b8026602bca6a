// AdamW's moments in bfloat16: that rounding them at random is right on average and goes up and down where it should,
// and that nothing but seed, step and place decides how. The bits themselves are compared in the operation's cases.
import { expect, test } from 'vitest';
import { Device, ops, Tensor } from '../../lib/ops.ts';
import { deviceName, randomSource } from './case.ts';

const device = Device.open(deviceName);
const plain = { learningRate: 0, epsilon: 1e-8, weightDecay: 0, step: 1 };

interface State {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  readonly firstMoment: Tensor;
  readonly secondMoment: Tensor;
}

/** Moments in bfloat16, zero, of one parameter with that gradient. */
function stateOf(gradient: Float32Array): State {
  const shape = [gradient.length];
  const moment = () => Tensor.zeros(shape, { dtype: 'bfloat16', device });
  return {
    parameter: Tensor.zeros(shape, { device }),
    gradient: Tensor.from(gradient, shape, { device }),
    firstMoment: moment(),
    secondMoment: moment(),
  };
}

type Options = {
  beta1: number;
  beta2: number;
  step?: number;
  seed?: number;
  firstParameter?: number;
  firstElements?: readonly number[];
};

function step(states: readonly State[], options: Options): void {
  ops.adamw({
    ...plain,
    parameters: states.map(({ parameter }) => parameter),
    gradients: states.map(({ gradient }) => gradient),
    firstMoments: states.map(({ firstMoment }) => firstMoment),
    secondMoments: states.map(({ secondMoment }) => secondMoment),
    ...options,
  });
}

async function momentsOf(states: readonly State[]) {
  return await Promise.all(
    states.flatMap(({ firstMoment, secondMoment }) => [
      firstMoment.readFloats(),
      secondMoment.readFloats(),
    ]),
  );
}

const mean = (values: Float32Array) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

test('a moment between two bfloat16 becomes either, and the mean is kept', async () => {
  const count = 60_000;
  // Above 1 the neighbours are 2^-7 apart: a fraction of the way from one to the next.
  for (const fraction of [0, 1 / 8, 1 / 2, 0.9]) {
    const value = 1 + fraction / 128;
    const state = stateOf(new Float32Array(count).fill(value));
    // Both moments take the gradient and its square whole.
    step([state], { beta1: 0, beta2: 0, seed: 3 });
    const [first, second] = (await momentsOf([state])) as [Float32Array, Float32Array];
    expect([...new Set(first)].sort()).toEqual(fraction === 0 ? [1] : [1, 1 + 1 / 128]);
    // Five standard deviations of the mean of so many draws.
    const spread = (5 * Math.sqrt(fraction * (1 - fraction))) / 128 / Math.sqrt(count) + 1e-12;
    expect(Math.abs(mean(first) - value)).toBeLessThanOrEqual(spread);
    // The square is up to 2 / 128 above 1: at most half of 1 / 128 from the mean, too.
    const widest = 5 * (0.5 / 128 / Math.sqrt(count)) + 1e-7;
    expect(Math.abs(mean(second) - value * value)).toBeLessThanOrEqual(widest);
    if (fraction !== 1 / 2) continue;
    // The two moments go up and down independently of each other.
    const [ups, both] = [first.map((x) => (x > 1 ? 1 : 0)), new Float32Array(count)];
    const middle = mean(second);
    for (let i = 0; i < count; i++) both[i] = ups[i]! * (second[i]! > middle ? 1 : 0);
    const expected = mean(ups) * mean(second.map((x) => (x > middle ? 1 : 0)));
    expect(Math.abs(mean(both) - expected)).toBeLessThan(5 * (0.5 / Math.sqrt(count)));
  }
});

test('a second moment that changes by less than half a step follows its gradient on average', async () => {
  const count = 2048;
  const state = stateOf(new Float32Array(count).fill(1));
  // Each step adds a thousandth of the distance to 1; rounded to nearest it would stand still at 1/4.
  for (let i = 1; i <= 1500; i++) step([state], { beta1: 0.9, beta2: 0.999, step: i, seed: 8 });
  const [, second] = (await momentsOf([state])) as [Float32Array, Float32Array];
  expect(mean(second)).toBeCloseTo(1 - 0.999 ** 1500, 2);
});

test('seed, step and number of the parameter decide; how parameters are shared out does not', async () => {
  const random = randomSource(1);
  const gradients = [1000, 4099, 37].map((count) =>
    Float32Array.from({ length: count }, () => random() - 0.5),
  );
  const run = async (options: Partial<Options>, together = true) => {
    const states = gradients.map(stateOf);
    const all = { beta1: 0.9, beta2: 0.95, seed: 5, ...options };
    if (together) step(states, all);
    else for (const [i, state] of states.entries()) step([state], { ...all, firstParameter: i });
    return await momentsOf(states);
  };
  const expected = await run({});
  expect(await run({})).toEqual(expected);
  expect(await run({}, false)).toEqual(expected);
  for (const other of [{ seed: 6 }, { firstParameter: 1 }]) {
    expect(await run(other)).not.toEqual(expected);
  }
  // Two parameters of one gradient are not rounded alike, nor is one of them in two steps.
  const twins = [gradients[0]!, gradients[0]!].map(stateOf);
  step(twins, { beta1: 0, beta2: 0, seed: 5 });
  const [first, , other] = await momentsOf(twins);
  expect(first).not.toEqual(other);
  step(twins, { beta1: 0, beta2: 0, seed: 5, step: 2 });
  expect((await momentsOf(twins))[0]).not.toEqual(first);
});

test('a slice is rounded as the whole is there', async () => {
  const random = randomSource(2);
  const gradient = Float32Array.from({ length: 4099 }, () => random() - 0.5);
  const options = { beta1: 0.9, beta2: 0.95, seed: 5, firstParameter: 2 };
  const whole = stateOf(gradient);
  step([whole], options);
  const expected = await momentsOf([whole]);
  const begins = [0, 8, 1032, 4096];
  const slices = begins.map((begin, i) => stateOf(gradient.slice(begin, begins[i + 1])));
  // Each is a part of the same parameter, which a list of parameters cannot say.
  for (const [i, slice] of slices.entries()) {
    step([slice], { ...options, firstElements: [begins[i]!] });
  }
  const parts = await momentsOf(slices);
  for (const [moment, values] of expected.entries()) {
    const together = parts.filter((_, i) => i % 2 === moment).flatMap((part) => [...part]);
    expect(together).toEqual([...values]);
  }
  const elsewhere = stateOf(gradient);
  step([elsewhere], { ...options, firstElements: [8] });
  expect(await momentsOf([elsewhere])).not.toEqual(expected);
});

test('zero stays zero, infinity infinite, and a NaN a NaN', async () => {
  const state = stateOf(
    Float32Array.of(0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, NaN),
  );
  step([state], { beta1: 0.9, beta2: 0.5 });
  const [first, second] = await momentsOf([state]);
  expect([...first!]).toEqual([0, Infinity, -Infinity, NaN]);
  expect([...second!]).toEqual([0, Infinity, Infinity, NaN]);
});

// What the tape keeps and frees, how gradients add up, and what it says to wrong use.
import { describe, expect, test } from 'vitest';
import {
  cast,
  checkpoint,
  crossEntropy,
  customFunction,
  dropout,
  manualSeed,
  matmul,
  noGrad,
  residualAdd,
  swiglu,
  Variable,
} from '../../lib/autograd.ts';
import { Device, ops, Tensor } from '../../lib/index.ts';
import { expectError } from '../llama/fixtures.ts';
import { deviceName } from '../ops/case.ts';
import { steadyBytes } from '../support/steady-bytes.ts';

const device = Device.open(deviceName);

function leaf(values: readonly number[], shape: readonly number[] = [1, values.length]): Variable {
  return new Variable(Tensor.from(values, shape, { device }), { requiresGrad: true });
}
const constant = (values: readonly number[], shape: readonly number[]) =>
  Tensor.from(values, shape, { device });
const valuesOf = async (tensor: Tensor) => Array.from(await tensor.read());

describe('gradients', () => {
  test('of a leaf are summed until they are set to zero, always in one tensor', async () => {
    const weight = leaf([1, 2], [2, 1]);
    const { gradient } = weight;
    expect(await valuesOf(gradient)).toEqual([0, 0]);
    for (const [pass, expected] of [
      [1, [3, 4]],
      [2, [6, 8]],
    ] as const) {
      matmul(constant([3, 4], [1, 2]), weight).backward();
      expect(await valuesOf(gradient), `pass ${pass}`).toEqual(expected);
    }
    weight.zeroGradient();
    matmul(constant([3, 4], [1, 2]), weight).backward({ scale: 0.5 });
    expect(await valuesOf(gradient)).toEqual([1.5, 2]);
    expect(weight.gradient).toBe(gradient);
  });

  test('of bfloat16 leaves are summed in float32', async () => {
    const value = Tensor.from([1], [1, 1], { dtype: 'bfloat16', device });
    const weight = new Variable(value, { requiresGrad: true });
    const one = Tensor.from([1], [1, 1], { dtype: 'bfloat16', device });
    // In bfloat16, 256 + 1 is 256.
    for (const scale of [256, 1]) matmul(one, weight).backward({ scale });
    expect([weight.gradient.dtype, await weight.gradient.item()]).toEqual(['float32', 257]);
    residualAdd(weight, weight).backward();
    expect(await weight.gradient.item()).toBe(259);
  });

  test('that meet are added, whoever else reads them', async () => {
    const x = leaf([1, 2]);
    const doubled = residualAdd(x, x);
    // The gradient of the last sum goes to three places; adding to one must not change it for the others.
    const stream = residualAdd(doubled, matmul(doubled, constant([1, 0, 0, 1], [2, 2])));
    residualAdd(residualAdd(stream, doubled), stream.view([1, 2])).backward();
    expect(await valuesOf(x.gradient)).toEqual([10, 10]);
  });

  test('are computed for what wants them alone', async () => {
    const [frozen, trained] = [new Variable(constant([2, 3], [1, 2])), leaf([5, 7])];
    const product = swiglu(frozen, trained);
    expect([frozen.requiresGrad, product.requiresGrad]).toEqual([false, true]);
    product.backward();
    await expectError(() => frozen.gradient, 'usage', 'does not require a gradient');
    const silu = (x: number) => x / (1 + Math.exp(-x));
    const [first, second] = await valuesOf(trained.gradient);
    expect(first).toBeCloseTo(silu(2), 6);
    expect(second).toBeCloseTo(silu(3), 6);
  });

  test('stop at detach', async () => {
    const x = leaf([1, 2]);
    const double = residualAdd(x, x);
    residualAdd(double, double.detach()).backward();
    expect(await valuesOf(x.gradient)).toEqual([2, 2]);
  });

  test('of a loss that is multiplied afterwards are multiplied, too', async () => {
    const labels = Int32Array.of(1, 0);
    const gradientOf = async (use: (loss: Variable) => void) => {
      const logits = leaf([0.5, -1, 2, 0.25, 0, 1], [2, 3]);
      use(crossEntropy(logits, labels));
      return valuesOf(logits.gradient);
    };
    const expected = await gradientOf((loss) => loss.backward({ scale: 2 }));
    const actual = await gradientOf((loss) =>
      matmul(loss.view([1, 1]), constant([2], [1, 1])).backward(),
    );
    for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 6);
  });
});

describe('memory', () => {
  /** Some layers of which each needs its input again. */
  function deep(x: Variable, weights: readonly Variable[], layer = layerOf): Variable {
    return weights.reduce((input, weight) => layer(input, weight), x);
  }
  function layerOf(input: Variable, weight: Variable): Variable {
    return residualAdd(input, swiglu(matmul(input, weight), matmul(input, weight)));
  }
  const width = 64;
  const bytes = 4 * width * width;
  const weightsOf = (count: number) =>
    Array.from({ length: count }, (_, seed) => {
      const output = Tensor.empty([width, width], { device });
      ops.randomNormal({ output, seed, standardDeviation: 0.1 });
      const weight = new Variable(output, { requiresGrad: true });
      weight.zeroGradient();
      return weight;
    });

  test('is that of leaves, their gradients and the loss after backward', async () => {
    const weights = weightsOf(4);
    const before = await steadyBytes(device);
    const step = () => {
      const output = deep(new Variable(weights[0]!.value), weights);
      const seen = output.detach();
      residualAdd(output, output).backward();
      return seen;
    };
    for (let i = 0; i < 3; i++) {
      const seen = step();
      // Not by the garbage collector, which has had no time: the two results that are left are these.
      await device.synchronize();
      expect(device.liveBytes - before).toBeLessThanOrEqual((2 + i) * bytes);
      expect((await seen.read()).some(Number.isNaN)).toBe(false);
      seen.dispose();
    }
    expect(await steadyBytes(device)).toBe(before);
  });

  test('of a checkpoint is that of its inputs until backward', async () => {
    const weights = weightsOf(6);
    const recorded = async (layer: typeof layerOf) => {
      const before = await steadyBytes(device);
      const output = deep(new Variable(weights[0]!.value), weights, layer);
      await device.synchronize();
      const held = device.liveBytes - before;
      for (const weight of weights) weight.zeroGradient();
      output.backward();
      const gradients = await Promise.all(weights.map(({ gradient }) => gradient.read()));
      output.dispose();
      return { held, gradients };
    };
    const whole = await recorded(layerOf);
    const parts = await recorded((input, weight) =>
      checkpoint((input) => layerOf(input, weight), input),
    );
    // Of each layer four results, or one.
    expect([whole.held, parts.held]).toEqual([24 * bytes, 6 * bytes]);
    expect(parts.gradients).toEqual(whole.gradients);
  });

  test('of noGrad is what it returns', async () => {
    const weights = weightsOf(4);
    const before = await steadyBytes(device);
    const { last, list } = noGrad(() => {
      const last = deep(new Variable(weights[0]!.value), weights);
      for (const dtype of ['int32', 'float16'] as const) cast(weights[0]!, dtype);
      return { last, list: [residualAdd(last, last)] };
    });
    await device.synchronize();
    expect(device.liveBytes - before).toBe(2 * bytes);
    expect([last.requiresGrad, list[0]!.requiresGrad]).toEqual([false, false]);
    // And nothing stays of one that fails.
    const mistake = () => noGrad(() => matmul(residualAdd(last, last), leaf([1, 2])));
    await expectError(mistake, 'argument', 'matmul');
    last.dispose();
    list[0]!.dispose();
    expect(await steadyBytes(device)).toBe(before);
  });

  test('comes back from a backward that fails', async () => {
    const weights = weightsOf(3);
    const broken = customFunction({
      forward: (x: Tensor) => ({ output: ops.cast({ input: x }).output, saved: [] }),
      backward: () => [Tensor.zeros([3], { device })],
    });
    const before = await steadyBytes(device);
    const output = deep(broken(deep(weights[0]!, weights)), weights);
    const failure = 'for input 0, expected the shape [64, 64]';
    await expectError(() => output.backward(), 'argument', failure);
    output.dispose();
    expect(await steadyBytes(device)).toBe(before);
  });
});

test('dropout drops the same in forward and backward, in a checkpoint too, and anew in each call', async () => {
  const ones = Array.from({ length: 1000 }, () => 1);
  const drawn = async (compute: (x: Variable) => Variable) => {
    manualSeed(3);
    const x = leaf(ones);
    const output = compute(x);
    const values = await valuesOf(output.value);
    output.backward();
    return { values, gradient: await valuesOf(x.gradient) };
  };
  const twice = (x: Variable) => dropout(dropout(x, 0.25), 0.5);
  const plain = await drawn(twice);
  expect(plain.gradient).toEqual(plain.values);
  const kept = plain.values.filter((value) => value !== 0);
  expect(kept.length / 1000).toBeCloseTo(0.375, 1);
  for (const value of kept) expect(value).toBeCloseTo(1 / 0.375, 5);
  expect(await drawn((x) => checkpoint(twice, x))).toEqual(plain);
});

describe('wrong use', () => {
  test('backward of what is not recorded', async () => {
    const x = leaf([1, 2]);
    await expectError(() => x.backward(), 'usage', 'no operation on what requires a gradient');
    const output = noGrad(() => residualAdd(x, x));
    await expectError(() => output.backward(), 'usage', 'no operation on what requires a gradient');
  });

  test('backward twice', async () => {
    const x = leaf([1, 2]);
    const output = residualAdd(x, x);
    output.backward();
    await expectError(() => output.backward(), 'usage', 'each backward needs a forward');
    const later = residualAdd(output, x);
    await expectError(() => later.backward(), 'usage', 'each backward needs a forward');
  });

  test('whole numbers, results, and functions that wait', async () => {
    const ids = Tensor.from(Int32Array.of(1), [1], { device });
    const make = () => new Variable(ids, { requiresGrad: true });
    await expectError(make, 'argument', 'expected float32 or bfloat16');
    const x = leaf([1]);
    const result = residualAdd(x, x);
    await expectError(() => result.gradient, 'usage', 'is the result of an operation');
    await expectError(() => cast(x, 'float16'), 'unsupported', 'no gradient goes through float16');
    expect(cast(x, 'int32').requiresGrad).toBe(false);
    await expectError(() => noGrad(async () => x), 'usage', 'noGrad: expected a function');
  });
});

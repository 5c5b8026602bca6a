// Hooks see each activation and its gradient, may change both, and change nothing if they only look. What is built with them,
// the adapter of examples/, has the numbers of peft.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LowRank } from '../../examples/adapter/low-rank.ts';
import * as ops from '../../lib/core/ops.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { type Recompute, recomputations } from '../../lib/llama/activations.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import {
  type LayerHook,
  type LayerPoint,
  type ProjectionPoint,
  projectionPoints,
  streamPoints,
} from '../../lib/llama/hooks.ts';
import { Decoder } from '../../lib/llama/inference.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { deviceName, randomSource, randomValues } from '../ops/case.ts';
import { expectError, fixtures, relativeError, rowsOf } from './fixtures.ts';
import { passShape, passRows as rows } from './small-config.ts';

const config = parseLlamaConfig({ ...passShape, initializer_range: 0.1 }, 'config.json');
const points: readonly LayerPoint[] = [...streamPoints, ...projectionPoints];

function modelOf(recompute: Recompute = 'none', dtype: 'float32' | 'bfloat16' = 'float32') {
  return LlamaModel.initialize(config, { device: deviceName, dtype, recompute, seed: 2 });
}

/** The bytes of each, in hexadecimal digits. */
async function bitsOf(tensors: Iterable<readonly [string, Tensor]>): Promise<Map<string, string>> {
  const bits = new Map<string, string>();
  for (const [name, tensor] of tensors) {
    bits.set(name, Buffer.from((await tensor.readBits()).buffer).toString('hex'));
  }
  return bits;
}

async function gradientsOf(model: LlamaModel): Promise<Map<string, string>> {
  const { loss } = model.forwardBackward(rows, rows);
  return await bitsOf([['loss', loss], ...model.gradients.entries()]);
}

/** A hook of a point, whichever it is. */
const hookAt = (point: LayerPoint, functions: Omit<LayerHook, 'point'>): LayerHook => ({
  point,
  ...functions,
});

/** Multiplies a tensor in place. */
const scaled = (factor: number) => (tensor: Tensor) => {
  ops.multiply({ a: tensor, b: factor, output: tensor });
};

test.each(recomputations)('who only looks changes no bit, with %s', async (recompute) => {
  using model = modelOf(recompute, 'bfloat16');
  const expected = await gradientsOf(model);
  model.zeroGradients();
  const seen: string[] = [];
  const hooks = points.map((point) => {
    const note = (pass: string) => (tensor: Tensor) =>
      void seen.push(`${pass} ${point} ${tensor.shape}`);
    return model.addHook(hookAt(point, { forward: note('forward'), backward: note('backward') }));
  });
  expect(await gradientsOf(model)).toEqual(expected);
  for (const point of points) {
    const [forward, backward] = ['forward', 'backward'].map((pass) =>
      seen.filter((entry) => entry.startsWith(`${pass} ${point} `)),
    ) as [string[], string[]];
    expect([point, backward.length]).toEqual([point, 3]);
    expect(forward.length, point).toBeGreaterThanOrEqual(3);
    const shapes = new Set([...forward, ...backward].map((entry) => entry.split(' ').at(-1)));
    expect([...shapes], point).toHaveLength(1);
  }
  for (const hook of hooks) hook[Symbol.dispose]();
  seen.length = 0;
  await gradientsOf(model);
  expect(seen).toEqual([]);
});

describe.each(points)('%s', (point) => {
  test('has the gradient that differences of the loss have', async () => {
    for (const [layer, recompute] of [
      [0, 'none'],
      [1, 'layer'],
    ] as const) {
      using model = modelOf(recompute).freeze();
      let length = 0;
      let direction: Tensor | undefined;
      let slope: Promise<Float32Array> | undefined;
      model.addHook(
        hookAt(point, {
          layers: [layer],
          forward: (activation) => {
            const { data } = randomValues(activation.shape, 'float32', randomSource(layer + 5));
            direction ??= Tensor.from(Float32Array.from(data), activation.shape, activation);
            using change = ops.multiply({ a: direction, b: length }).output;
            ops.residualAdd({ a: activation, b: change, output: activation });
          },
          backward: (gradient) => {
            using product = ops.multiply({ a: gradient, b: direction! }).output;
            using flat = product.view([-1]);
            using sum = ops.sumForward({ input: flat, dimension: 0 }).output;
            slope = sum.readFloats();
          },
        }),
      );
      model.forwardBackward(rows, rows);
      const [expected] = await slope!;
      const at = async (distance: number) => {
        length = distance;
        return (await model.forward(rows, rows).loss.readFloats())[0]!;
      };
      const difference = async (distance: number) =>
        ((await at(distance)) - (await at(-distance))) / (2 * distance);
      // Two distances cancel the error that grows with the square of the distance (Richardson).
      const measured = (4 * (await difference(0.003)) - (await difference(0.006))) / 3;
      expect(Math.abs(measured - expected!), `layer ${layer}`).toBeLessThan(
        0.02 * Math.abs(expected!) + 3e-4,
      );
    }
  });
});

const weightAt: Readonly<Record<ProjectionPoint, string>> = {
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  attentionOutput: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  mlpOutput: 'mlp.down_proj',
};

test.each(recomputations)(
  'to halve what projections give is to halve their weights, with %s',
  async (recompute) => {
    for (const point of projectionPoints) {
      const name = `model.layers.1.${weightAt[point]}.weight`;
      using hooked = modelOf(recompute, 'bfloat16');
      const half = scaled(0.5);
      hooked.addHook({ point, layers: [1], forward: half, backward: half });
      using plain = modelOf(recompute, 'bfloat16');
      scaled(0.5)(plain.parameter(name));
      const actual = await gradientsOf(hooked);
      half(plain.gradient(name));
      const expected = await gradientsOf(plain);
      half(plain.gradient(name));
      expected.set(name, (await bitsOf([[name, plain.gradient(name)]])).get(name)!);
      expect(actual, point).toEqual(expected);
    }
  },
);

test('the adapter of the example has the loss and the gradients of peft', async () => {
  await using file = await SafetensorsFile.open(join(fixtures, 'peft/lora.safetensors'));
  const [ids, labels] = [await rowsOf(file, 'ids'), await rowsOf(file, 'labels')];
  const [loss] = await file.readFloat32('loss');
  for (const recompute of ['none', 'layer'] as const) {
    using model = await LlamaModel.load(join(fixtures, 'tiny-llama'), {
      device: deviceName,
      recompute,
    });
    model.freeze();
    const adapters = new Map<string, LowRank>();
    for (let layer = 0; layer < model.config.numHiddenLayers; layer++) {
      for (const point of projectionPoints) {
        const name = `layers.${layer}.${weightAt[point]}`;
        const adapter = new LowRank(model, `model.${name}.weight`, { rank: 3 });
        for (const [part, { value }] of adapter.namedParameters()) {
          value.write(await file.readFloat32(`${name}.${part}`));
        }
        adapter.attach(model, layer, point);
        adapters.set(name, adapter);
      }
    }
    const actual = model.forwardBackward(ids, labels).loss;
    expect((await actual.readFloats())[0]! / loss! - 1).toBeCloseTo(0, 6);
    for (const [name, adapter] of adapters) {
      for (const [part, { gradient }] of adapter.namedParameters()) {
        const expected = await file.readFloat32(`gradient.${name}.${part}`);
        expect(
          relativeError(await gradient.readFloats(), expected),
          `${name}.${part}`,
        ).toBeLessThan(2e-5);
      }
    }
    expect([...model.gradients.entries()]).toEqual([]);
  }
});

test('generation sees hooks as well', async () => {
  using model = modelOf();
  const plain = await model.forward(rows[0]!).logits.readFloats();
  model.addHook({ point: 'value', layers: [1], forward: scaled(3) });
  const logits = await model.forward(rows[0]!).logits.readFloats();
  expect(relativeError(logits, plain)).toBeGreaterThan(1e-3);
  using decoder = new Decoder(model, 21);
  await decoder.feed([...rows[0]!.subarray(0, 20)]);
  const last = await decoder.feed([rows[0]![20]!]);
  expect(relativeError(last, logits.slice(-70))).toBeLessThan(1e-5);
});

test('a gradient that is changed is what goes on down, and to the products above it', async () => {
  using plain = modelOf();
  const expected = await gradientsOf(plain);
  using model = modelOf();
  model.addHook({ point: 'afterAttention', layers: [1], backward: scaled(0) });
  const actual = await gradientsOf(model);
  const isZero = (name: string) => /^(000000[08]0)+$/.test(actual.get(name)!);
  for (const name of expected.keys()) {
    const isBelow = /embed_tokens|layers\.0|layers\.1\.(self_attn|input_layernorm)/.test(name);
    expect(isZero(name), name).toBe(isBelow);
    if (!isBelow) expect(actual.get(name), name).toEqual(expected.get(name));
  }
});

test.each(['none', 'layer'] as const)(
  'a backward has the hooks of its forward, with %s',
  async (recompute) => {
    const hook: LayerHook = {
      point: 'gate',
      layers: [0],
      forward: scaled(0.5),
      backward: scaled(0.5),
    };
    for (const isHooked of [false, true]) {
      using same = modelOf(recompute);
      if (isHooked) same.addHook(hook);
      same.forward(rows, rows);
      same.backward();
      using changed = modelOf(recompute);
      const added = isHooked ? changed.addHook(hook) : undefined;
      changed.forward(rows, rows);
      if (added) added[Symbol.dispose]();
      else changed.addHook(hook);
      changed.backward();
      const expected = await bitsOf(same.gradients.entries());
      expect(await bitsOf(changed.gradients.entries())).toEqual(expected);
    }
  },
);

test('what fits no point or layer is refused, and so is a hook that waits', async () => {
  using model = modelOf();
  const wrong = (hook: object) => () => model.addHook(hook as LayerHook);
  await expectError(wrong({ point: 'mlp' }), 'argument', 'no point "mlp", expected one of query');
  await expectError(wrong({ point: 'query', layers: [3] }), 'argument', 'layer 3, expected 0 to 2');
  using _ = model.addHook({ point: 'gate', forward: async () => {} });
  await expectError(() => model.forward(rows), 'usage', 'hook at "gate" returned a promise');
});

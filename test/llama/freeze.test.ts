// Frozen parameters have no gradient and no optimiser state, and backward computes nothing for them. The gradients of the
// others keep their bits, and so do those of the embeddings, which can be asked for by themselves.
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../lib/core/layout.ts';
import { observeOperations } from '../../lib/core/operation.ts';
import * as ops from '../../lib/core/ops.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { passLayout, type Recompute, recomputations } from '../../lib/llama/activations.ts';
import { lowestTrained } from '../../lib/llama/backward.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { gradientLayout, llamaParameters, parameterLayout } from '../../lib/llama/parameters.ts';
import { ropeLayout } from '../../lib/llama/rope.ts';
import type { ParameterSelection } from '../../lib/llama/select-parameters.ts';
import { AdamW, adamwLayout } from '../../lib/train/adamw.ts';
import { deviceName } from '../ops/case.ts';
import { steadyBytes } from '../support/steady-bytes.ts';
import { expectError } from './fixtures.ts';
import { passShape, passRows as rows } from './small-config.ts';

const config = parseLlamaConfig(passShape, 'config.json');
const tied = parseLlamaConfig({ ...passShape, tie_word_embeddings: true }, 'config.json');
const names = llamaParameters(config).map(({ name }) => name);
const [batch, sequence] = [2, 21];
type Dtype = 'float32' | 'bfloat16';

function modelOf(dtype: Dtype = 'float32', recompute: Recompute = 'none', of = config) {
  return LlamaModel.initialize(of, { device: deviceName, dtype, recompute, seed: 2 });
}

/** The bits of the loss and of every gradient, by name; computed in one call, or in two. */
async function resultsOf(model: LlamaModel, together = true): Promise<Map<string, Buffer>> {
  model.zeroGradients();
  const { loss } = together ? model.forwardBackward(rows, rows) : model.forward(rows, rows);
  if (!together) model.backward();
  const bits = new Map([['loss', Buffer.from((await loss.readBits()).buffer)]]);
  for (const [name, gradient] of model.gradients.entries()) {
    bits.set(name, Buffer.from((await gradient.readBits()).buffer));
  }
  return bits;
}

function expectSameBits(actual: Map<string, Buffer>, expected: Map<string, Buffer>): void {
  for (const [name, bits] of actual) expect(bits.equals(expected.get(name)!), name).toBe(true);
}

function idsOn({ device }: LlamaModel): Tensor {
  const values = Int32Array.from(rows.flatMap((row) => [...row]));
  return Tensor.from(values, [batch, sequence], { device });
}

/** The operations that a call queues. */
function operationsOf(call: () => unknown): string[] {
  const called: string[] = [];
  observeOperations((name, run) => {
    called.push(name);
    run();
  });
  try {
    call();
  } finally {
    observeOperations(undefined);
  }
  return called;
}

test.each([
  ['float32', 'none', config],
  ['bfloat16', 'layer', config],
  ['float32', 'norms', tied],
] as const)(
  'each parameter trained alone has its gradient, in %s, recompute %s',
  async (dtype, recompute, of) => {
    using whole = modelOf(dtype, recompute, of);
    const expected = await resultsOf(whole, recompute !== 'layer');
    for (const { name } of llamaParameters(of)) {
      using model = modelOf(dtype, recompute, of);
      model.freeze('*', { except: name });
      const actual = await resultsOf(model, recompute !== 'layer');
      expect([...actual.keys()]).toEqual(['loss', name]);
      expectSameBits(actual, expected);
    }
  },
);

test.each(recomputations)(
  'parts of layers keep the bits of the others with %s',
  async (recompute) => {
    using whole = modelOf('bfloat16', recompute);
    const expected = await resultsOf(whole);
    for (const frozen of [
      '*.self_attn.*',
      '*norm*',
      /layers\.[01]\./,
      ['*.up_proj.*', names[0]!],
    ]) {
      using model = modelOf('bfloat16', recompute).freeze(frozen);
      expectSameBits(await resultsOf(model), expected);
    }
  },
);

test('backward makes the products that are asked for and no others', () => {
  const backwardOf = (selection: ParameterSelection, except: ParameterSelection) => {
    using model = modelOf().freeze(selection, { except });
    model.forwardBackward(rows, rows);
    const all = operationsOf(() => model.forwardBackward(rows, rows));
    const loss = all.indexOf('crossEntropy');
    const later = all.slice(loss + 1).filter((name) => name !== 'fill');
    const count = (name: string) => later.filter((one) => one === name).length;
    // One product sums the losses.
    return [count('matmul') - 1, count('flashAttentionBackward'), count('rmsNormBackward')];
  };
  // Of each layer's seven matrices the product of its gradient and that of its input's; of the output matrix too.
  expect(backwardOf([], [])).toEqual([2 * (7 * 3 + 1), 3, 7]);
  expect(backwardOf('*', 'model.embed_tokens.weight')).toEqual([7 * 3 + 1, 3, 7]);
  expect(backwardOf('*', 'lm_head.weight')).toEqual([1, 0, 0]);
  expect(backwardOf('*', 'model.norm.weight')).toEqual([1, 0, 1]);
  expect(backwardOf('*', 'model.layers.2.mlp.down_proj.weight')).toEqual([2, 0, 1]);
  expect(backwardOf('*', 'model.layers.2.mlp.up_proj.weight')).toEqual([3, 0, 1]);
  expect(backwardOf('*', 'model.layers.2.post_attention_layernorm.weight')).toEqual([4, 0, 2]);
  expect(backwardOf('*', 'model.layers.2.self_attn.o_proj.weight')).toEqual([5, 0, 2]);
  expect(backwardOf('*', 'model.layers.2.self_attn.v_proj.weight')).toEqual([6, 1, 2]);
  expect(backwardOf('*', 'model.layers.2.input_layernorm.weight')).toEqual([8, 1, 3]);
  expect(backwardOf('*', 'model.layers.1.mlp.down_proj.weight')).toEqual([9, 1, 3]);
  expect(backwardOf('*', [])).toEqual([0, 0, 0]);
});

test.each([
  ['float32', 'all but the embedding', 'model.embed_tokens.weight'],
  ['bfloat16', 'all but the last layer', 'model.layers.2.*'],
  ['bfloat16', 'all but the head', 'lm_head.weight'],
] as const)('memory in %s is what the layouts count: %s', async (dtype, _, except) => {
  const model = modelOf(dtype);
  const { device } = model;
  model.dispose();
  const before = await steadyBytes(device);
  using frozen = modelOf(dtype).freeze('*', { except });
  using optimizer = new AdamW(frozen.trainableParameters());
  frozen.forwardBackward(rows, rows);
  optimizer.step({ learningRate: 1e-3 });
  await device.synchronize();
  const parameters = parameterLayout(config, dtype);
  const trained = Object.entries(parameters.byName).filter(([name]) => !frozen.frozen.has(name));
  const lowest = lowestTrained(config, frozen.frozen);
  const layouts = [
    parameters,
    gradientLayout(config, frozen.frozen),
    adamwLayout(trained),
    ropeLayout(config, sequence),
    passLayout(config, { batch, sequence, dtype, lowest }, 'step'),
  ];
  expect(device.liveBytes - before).toBe(layouts.reduce((sum, one) => sum + bytesOf(one), 0));
  expect(frozen.bytes + optimizer.bytes).toBe(device.liveBytes - before);
});

test('layers below the lowest that trains keep nothing', () => {
  const bytes = (lowest: number) =>
    bytesOf(passLayout(config, { batch, sequence, dtype: 'float32', lowest }, 'step'));
  expect(bytes(0)).toBe(bytes(-1));
  expect(bytes(0) - bytes(1)).toBe(bytes(1) - bytes(2));
  expect(bytes(1)).toBeGreaterThan(bytes(2));
  expect(bytes(4)).toBe(bytes(2));
});

test('an optimiser moves what trains and nothing else', async () => {
  using model = modelOf('bfloat16').freeze(/./, { except: ['*.v_proj.weight', 'model.norm.*'] });
  using optimizer = new AdamW(model.trainableParameters());
  const bits = async () => {
    const values = await Promise.all(names.map((name) => model.parameter(name).readBits()));
    return values.map(({ buffer }) => Buffer.from(buffer));
  };
  const before = await bits();
  model.forwardBackward(rows, rows);
  optimizer.step({ learningRate: 0.01 });
  const after = await bits();
  const moved = names.filter((_, i) => !after[i]!.equals(before[i]!));
  expect(moved).toEqual(names.filter((name) => /v_proj|model\.norm/.test(name)));
  expect(optimizer.parameters.map(({ name }) => name)).toEqual(moved);
});

test('what is frozen can train again', async () => {
  using model = modelOf().freeze();
  expect([model.frozen.size, model.trainableParameters()]).toEqual([names.length, []]);
  await expectError(() => new AdamW(model.trainableParameters()), 'argument', 'no parameters');
  model.unfreeze('model.layers.1.*');
  expect(model.trainableParameters()).toHaveLength(9);
  using whole = modelOf();
  expectSameBits(await resultsOf(model), await resultsOf(whole));
  expect(model.unfreeze().frozen.size).toBe(0);
  expectSameBits(await resultsOf(model), await resultsOf(whole));
});

test('what fits no parameter is refused, and so is the gradient of a frozen one', async () => {
  using model = modelOf();
  await expectError(
    () => model.freeze('model.norm.weigth'),
    'argument',
    'no parameter is named "model.norm.weigth"; did you mean "model.norm.weight"?',
  );
  await expectError(() => model.freeze('*.lora*'), 'argument', 'no parameter is named "*.lora*"');
  await expectError(() => model.freeze(['*', /bias/]), 'argument', 'named /bias/; names are those');
  await expectError(() => model.freeze('*', { except: 'x' }), 'argument', 'no parameter is named');
  expect(model.frozen.size).toBe(0);
  model.freeze('lm_head.weight');
  await expectError(() => model.gradient('lm_head.weight'), 'argument', 'is frozen, so it has no');
  using same = modelOf('float32', 'none', tied).freeze('model.embed_tokens.weight');
  await expectError(() => same.gradient('lm_head.weight'), 'argument', 'is frozen, so it has no');
});

describe('the gradient of the embeddings', () => {
  test.each(['float32', 'bfloat16'] as const)(
    'adds up to that of the table in %s',
    async (dtype) => {
      const inOne = (model: LlamaModel) =>
        model.forwardBackward(rows, rows, { scale: 0.5, gradInputEmbeddings: true })
          .gradInputEmbeddings;
      const inTwo = (model: LlamaModel) => {
        model.forward(rows, rows, { gradInputEmbeddings: true });
        return model.backward({ scale: 0.5 }).gradInputEmbeddings!;
      };
      for (const gradientOf of [inOne, inTwo]) {
        using whole = modelOf(dtype);
        gradientOf(whole);
        const expected = await whole.gradient('model.embed_tokens.weight').read();
        for (const frozen of [[], '*'] as const) {
          using model = modelOf(dtype).freeze(frozen);
          const gradOutput = gradientOf(model);
          expect([gradOutput.shape, gradOutput.dtype]).toEqual([[batch, sequence, 32], dtype]);
          using ids = idsOn(model);
          using gradWeight = Tensor.zeros([70, 32], { device: model.device });
          ops.embeddingBackward({ gradOutput, ids, gradWeight });
          expect(await gradWeight.read()).toEqual(expected);
        }
      }
    },
  );

  test('is not there unless it is asked for', () => {
    using model = modelOf();
    expect(model.forwardBackward(rows, rows).gradInputEmbeddings).toBeUndefined();
    model.forward(rows, rows);
    expect(model.backward().gradInputEmbeddings).toBeUndefined();
  });

  test('of embeddings that are given instead of ids trains a prompt on a frozen model', async () => {
    using model = modelOf().freeze();
    using ids = idsOn(model);
    const weight = model.parameter('model.embed_tokens.weight');
    using embeddings = ops.embeddingForward({ ids, weight }).output;
    const first = async (loss: Tensor) => (await loss.read())[0]!;
    expect(await first(model.forward(embeddings, rows).loss)).toBe(
      await first(model.forward(rows, rows).loss),
    );
    expect(await model.forward(embeddings).logits.read()).toEqual(
      await model.forward(ids).logits.read(),
    );
    const losses: number[] = [];
    for (let step = 0; step < 12; step++) {
      const { loss, gradInputEmbeddings: gradient } = model.forwardBackward(embeddings, rows, {
        gradInputEmbeddings: true,
      });
      using change = ops.multiply({ a: gradient, b: -20 }).output;
      losses.push(await first(loss));
      ops.residualAdd({ a: embeddings, b: change, output: embeddings });
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
    // Its slope along the gradient is the gradient's square.
    const at = async (length: number, gradient: Tensor) => {
      using change = ops.multiply({ a: gradient, b: length }).output;
      using moved = ops.residualAdd({ a: embeddings, b: change }).output;
      return await first(model.forward(moved, rows).loss);
    };
    const { gradInputEmbeddings } = model.forwardBackward(embeddings, rows, {
      gradInputEmbeddings: true,
    });
    using gradient = ops.cast({ input: gradInputEmbeddings }).output;
    const square = (await gradient.readFloats()).reduce((sum, value) => sum + value ** 2, 0);
    const slope = (await at(0.5, gradient)) - (await at(-0.5, gradient));
    expect(Math.abs(slope / square - 1)).toBeLessThan(0.02);
  });

  test('wants embeddings of the model', async () => {
    using model = modelOf();
    using narrow = Tensor.zeros([batch, sequence, 31], { device: model.device });
    const text = 'expected ids, int32 [batch, sequence], or embeddings, float32 or bfloat16';
    await expectError(() => model.forward(narrow), 'argument', text);
    for (const dtype of ['float16', 'int64', 'uint8'] as const) {
      using stored = Tensor.zeros([batch, sequence, 32], { dtype, device: model.device });
      await expectError(() => model.forward(stored), 'argument', `a tensor of ${dtype}, of shape`);
    }
  });
});

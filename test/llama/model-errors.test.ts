import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Tensor } from '../../lib/index.ts';
import { changeLlamaConfig, parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import {
  SafetensorsFile,
  type SafetensorsSource,
  writeSafetensors,
} from '../../lib/llama/safetensors.ts';
import { expectError, fixtures, readJson, temporaryFolder } from './fixtures.ts';

const tiny = join(fixtures, 'tiny-llama');

/** A copy of tiny-llama with one element of a tensor replaced. */
async function withElement(name: string, index: number, value: number): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await mkdir(folder);
  await copyFile(join(tiny, 'config.json'), join(folder, 'config.json'));
  const bytes = await readFile(join(tiny, 'model.safetensors'));
  await using file = await SafetensorsFile.open(join(tiny, 'model.safetensors'));
  bytes.writeFloatLE(value, file.entry(name).start + 4 * index);
  await writeFile(join(folder, 'model.safetensors'), bytes);
  return folder;
}

describe('loading', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d in a weight', async (value) => {
    const name = 'model.layers.1.mlp.up_proj.weight';
    const folder = await withElement(name, 77, value);
    await expectError(
      () => LlamaModel.load(folder),
      'format',
      `tensor "${name}" has a NaN or infinity (element 77)`,
    );
  });

  test('reads float16 weights exactly', async () => {
    const folder = await temporaryFolder();
    await copyFile(join(tiny, 'config.json'), join(folder, 'config.json'));
    await using file = await SafetensorsFile.open(join(tiny, 'model.safetensors'));
    const norm = 'model.norm.weight';
    const halves = Uint16Array.from({ length: 64 }, (_, i) => 0x3c00 + i);
    const sources = [...file.tensors].map(([name, { dtype, shape }]): SafetensorsSource => {
      if (name !== norm) return { name, dtype, shape, read: () => file.read(name) };
      return { name, dtype: 'F16', shape, read: () => new Uint8Array(halves.buffer) };
    });
    await writeSafetensors(join(folder, 'model.safetensors'), sources);
    using model = await LlamaModel.load(folder);
    const expected = Float32Array.from({ length: 64 }, (_, i) => 1 + i / 1024);
    expect(await model.parameter(norm).readFloats()).toEqual(expected);
    halves[5] = 0x7c01;
    await writeSafetensors(join(folder, 'model.safetensors'), sources);
    await expectError(() => LlamaModel.load(folder), 'format', 'has a NaN or infinity (element 5)');
  });

  test('names an unknown device', async () => {
    await expectError(() => LlamaModel.load(tiny, { device: 'abacus' }), 'usage', 'abacus');
  });
});

describe('forward', () => {
  test.each<[string, number[][], number[][] | undefined, string]>([
    [
      'an id beyond the vocabulary',
      [
        [1, 2],
        [3, 512],
      ],
      undefined,
      '512 at row 1, position 1',
    ],
    ['a negative id', [[1, -1]], undefined, '-1 at row 0, position 1'],
    ['a fraction', [[1, 2.5]], undefined, '2.5 at row 0, position 1 is no id'],
    ['an id beyond int32', [[1, 2 ** 32]], undefined, '4294967296 at row 0, position 1 is no id'],
    ['ragged rows', [[1, 2], [3]], undefined, 'row 1 has 1 tokens, row 0 has 2'],
    ['no tokens', [[]], undefined, 'at least one token'],
    ['no rows', [], undefined, 'at least one token'],
    ['a label out of range', [[1, 2]], [[1, 512]], 'labels: 512'],
    ['a negative label', [[1, 2]], [[1, -1]], 'labels: -1'],
    ['labels of another shape', [[1, 2]], [[1, 2, 3]], 'labels: 1 rows of 3, expected 1 of 2'],
    ['labels all ignored', [[1, 2]], [[2, -100]], 'every label is ignored'],
    ['too long a sequence', [new Array(257).fill(1)], undefined, 'max_position_embeddings 256'],
  ])('refuses %s', async (_, ids, labels, text) => {
    using model = await LlamaModel.load(tiny);
    await expectError(
      () => (labels ? model.forward(ids, labels) : model.forward(ids)),
      'argument',
      text,
    );
  });

  test('refuses tensors that are no ids', async () => {
    using model = await LlamaModel.load(tiny);
    const floats = Tensor.from(new Float32Array(4), [1, 4]);
    await expectError(
      () => model.forward(floats),
      'argument',
      'expected ids, int32 [batch, sequence], or embeddings',
    );
    const flat = Tensor.from(new Int32Array(4), [4]);
    await expectError(
      () => model.forward(flat),
      'argument',
      'expected ids, int32 [batch, sequence], or embeddings',
    );
  });

  test('refuses document starts that make no sense', async () => {
    using model = await LlamaModel.load(tiny);
    for (const starts of [
      [1, 1, 1],
      [0, 0, 1],
      [0, 5, 5],
    ]) {
      await expectError(
        () => model.forward([[1, 2, 3]], undefined, { documentStarts: [starts] }),
        'argument',
        'documentStarts',
      );
    }
  });

  test('refuses a label count that is none', async () => {
    using model = await LlamaModel.load(tiny);
    const ids = [[1, 2, 3]];
    await expectError(
      () => model.forward(ids, ids, { labelTokens: 0 }),
      'argument',
      'labelTokens: 0',
    );
  });
});

test('backward needs a forward with labels, each its own', async () => {
  using model = await LlamaModel.load(tiny);
  await expectError(() => model.backward(), 'argument', 'call forward with labels first');
  model.forward([[1, 2]]);
  await expectError(() => model.backward(), 'argument', 'call forward with labels first');
  model.forward([[1, 2]], [[1, 2]]);
  model.backward();
  await expectError(() => model.backward(), 'argument', 'once for each backward');
});

test('parameters are found by their Hugging Face names only', async () => {
  using model = await LlamaModel.load(join(fixtures, 'tiny-llama-tied'));
  expect(model.parameter('lm_head.weight')).toBe(model.parameter('model.embed_tokens.weight'));
  await expectError(() => model.gradient('lm_head'), 'argument', 'no parameter "lm_head"');
});

describe('LlamaModel.initialize', () => {
  const config = parseLlamaConfig({
    model_type: 'llama',
    vocab_size: 128,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: 64,
  });

  test('draws weights by seed and saves what transformers can load', async () => {
    using model = LlamaModel.initialize(config, { seed: 7 });
    using same = LlamaModel.initialize(config, { seed: 7 });
    using other = LlamaModel.initialize(config, { seed: 8 });
    const name = 'model.layers.1.mlp.down_proj.weight';
    const values = await model.parameter(name).readFloats();
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    expect(deviation).toBeGreaterThan(0.018);
    expect(deviation).toBeLessThan(0.022);
    expect(await same.parameter(name).readFloats()).toEqual(values);
    expect(await other.parameter(name).readFloats()).not.toEqual(values);
    const neighbour = await model.parameter('model.layers.0.mlp.down_proj.weight').readFloats();
    expect(neighbour).not.toEqual(values);
    expect(new Set(await model.parameter('model.norm.weight').readFloats())).toEqual(new Set([1]));

    const folder = await temporaryFolder();
    await model.save(folder);
    expect(await readJson(join(folder, 'config.json'))).toEqual({
      ...config.source,
      architectures: ['LlamaForCausalLM'],
      torch_dtype: 'float32',
    });
    using loaded = await LlamaModel.load(folder);
    const ids = [[1, 2, 3]];
    expect(await loaded.forward(ids).logits.readFloats()).toEqual(
      await model.forward(ids).logits.readFloats(),
    );
  });

  test('bfloat16 models are saved as they are, or widened', async () => {
    using model = LlamaModel.initialize(config, { seed: 7, dtype: 'bfloat16' });
    const [half, full] = [await temporaryFolder(), await temporaryFolder()];
    await model.save(half);
    await model.save(full, { dtype: 'float32' });
    for (const [folder, dtype] of [
      [half, 'BF16'],
      [full, 'F32'],
    ] as const) {
      await using file = await SafetensorsFile.open(join(folder, 'model.safetensors'));
      expect(file.entry('lm_head.weight').dtype).toBe(dtype);
      using loaded = await LlamaModel.load(folder, { dtype: 'bfloat16' });
      expect(await loaded.parameter('lm_head.weight').readBits()).toEqual(
        await model.parameter('lm_head.weight').readBits(),
      );
    }
    using narrow = await LlamaModel.load(half);
    expect([narrow.dtype, narrow.config.dtype]).toEqual(['bfloat16', 'bfloat16']);
  });

  test('odd sizes run forward and backward', async () => {
    const odd = changeLlamaConfig(config, {
      vocab_size: 131,
      intermediate_size: 37,
      tie_word_embeddings: true,
    });
    using model = LlamaModel.initialize(odd, { seed: 1 });
    const { loss } = model.forward([[1, 130, 3, 5, 7]], [[1, 130, 3, -100, 7]]);
    model.backward();
    const [value] = await loss.readFloats();
    expect(value).toBeGreaterThan(4);
    expect(value).toBeLessThan(6);
    const gradient = await model.gradient('lm_head.weight').readFloats();
    expect(gradient.every(Number.isFinite)).toBe(true);
  });
});

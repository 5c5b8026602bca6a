// The layouts of a pass: what they count is what a device holds once they are allocated.
import { describe, expect, test, vi } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { allocate, bytesOf, listTensors } from '../../lib/core/layout.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { activationLayout, lossLayout, passLayout } from '../../lib/llama/activations.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { parameterLayout } from '../../lib/llama/parameters.ts';
import { ropeLayout } from '../../lib/llama/rope.ts';
import { deviceName } from '../ops/case.ts';
import { steadyBytes } from '../support/steady-bytes.ts';
import { smallShape } from './small-config.ts';

const config = (change: object) => parseLlamaConfig({ ...smallShape, ...change }, 'config.json');
const configs = {
  'one key head for each query head': config({}),
  'grouped queries': config({ num_key_value_heads: 2 }),
  'one key head for all': config({ num_key_value_heads: 1, num_hidden_layers: 1 }),
  'tied embeddings': config({ tie_word_embeddings: true, num_key_value_heads: 2 }),
  'heads wider than the residual stream': config({ head_dim: 32 }),
};
// Its logits do not fit into one chunk.
const largeVocabulary = config({ vocab_size: 200_000, num_hidden_layers: 1 });
const purposes = ['logits', 'forward', 'step'] as const;

test.each(
  [...Object.entries(configs), ['a large vocabulary', largeVocabulary] as const].flatMap(
    ([name, config]) => purposes.map((purpose) => ({ name, purpose, config })),
  ),
)('a pass for $purpose counts what it allocates: $name', async ({ purpose, config }) => {
  const device = Device.open(deviceName);
  await steadyBytes(device);
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const shape = { batch: 3, sequence: 77, dtype };
    const layout = passLayout(config, shape, purpose);
    const before = device.liveBytes;
    using memory = allocate(layout, device);
    expect(bytesOf(layout)).toBe(device.liveBytes - before);
    expect(memory.bytes).toBe(bytesOf(layout));
  }
});

describe.each(Object.entries(configs))('%s', (_, config) => {
  test('a model holds what the layouts count, for every kind of pass', async () => {
    const device = Device.open(deviceName);
    const [batch, sequence, dtype] = [2, 9, 'bfloat16'] as const;
    const rows = Array.from({ length: batch }, () =>
      Int32Array.from({ length: sequence }, (_, i) => i),
    );
    const before = await steadyBytes(device);
    const held = async () => {
      await device.synchronize();
      return device.liveBytes - before;
    };
    using model = LlamaModel.initialize(config, { device, dtype, seed: 1 });
    let expected = bytesOf(parameterLayout(config, dtype));
    expect(await held()).toBe(expected);
    const pass = (purpose: (typeof purposes)[number]) =>
      bytesOf(passLayout(config, { batch, sequence, dtype }, purpose));
    model.forward(rows);
    expected += bytesOf(ropeLayout(config, sequence));
    expect(await held()).toBe(expected + pass('logits'));
    model.forward(rows, rows, { documentStarts: rows.map((row) => row.map(() => 0)) });
    expect(await held()).toBe(expected + pass('forward'));
    expected += bytesOf(parameterLayout(config, 'float32'));
    model.forwardBackward(rows, rows);
    expect(await held()).toBe(expected + pass('step'));
    expect(model.bytes).toBe(await held());
  });
});

test('the list says what shares memory with what', () => {
  const shape = { batch: 2, sequence: 5, dtype: 'float32' } as const;
  const config = configs['grouped queries'];
  const shared = (layout: object) =>
    Object.fromEntries(
      listTensors(layout).flatMap(({ name, sharesWith }) =>
        sharesWith ? [[name, sharesWith]] : [],
      ),
    );
  const training = shared(activationLayout(config, { ...shape, training: true }));
  expect(training).toMatchObject({
    embedded: 'layers.0.input',
    'layers.2.key.heads': 'layers.2.key.rows',
  });
  expect(training).not.toHaveProperty(['layers.2.input']);
  const inference = shared(activationLayout(config, { ...shape, training: false }));
  expect(inference).toMatchObject({
    'layers.2.input': 'layers.0.input',
    'layers.2.gate': 'layers.0.gate',
    output: 'layers.0.input',
  });
  expect(shared(lossLayout(config, { ...shape, keepLogits: true }))).toMatchObject({
    'kept.byPosition': 'kept.logits',
    lossRow: 'losses',
    lossValue: 'loss',
  });
});

test('layers of inference share one set: more layers take no more memory', () => {
  const bytes = (layers: number, training: boolean) =>
    bytesOf(
      activationLayout(config({ num_hidden_layers: layers }), {
        batch: 2,
        sequence: 5,
        dtype: 'float32',
        training,
      }),
    );
  expect(bytes(9, false)).toBe(bytes(1, false));
  // Beside its layers, training holds the same with one layer as with nine.
  expect(bytes(9, true) - bytes(5, true)).toBe(4 * (bytes(2, true) - bytes(1, true)));
});

test('counting allocates nothing, however large the model', () => {
  const open = vi.spyOn(Device, 'open');
  const empty = vi.spyOn(Tensor, 'empty');
  const llama70b = config({
    vocab_size: 32_000,
    hidden_size: 8192,
    intermediate_size: 28_672,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    max_position_embeddings: 4096,
  });
  const shape = { batch: 64, sequence: 4096, dtype: 'bfloat16' } as const;
  expect(bytesOf(passLayout(llama70b, shape, 'step'))).toBeGreaterThan(1e12);
  expect(open).not.toHaveBeenCalled();
  expect(empty).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

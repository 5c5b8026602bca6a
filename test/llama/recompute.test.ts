// What backward computes again instead of keeping it changes memory and nothing else: loss and gradients keep their bits.
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../lib/core/layout.ts';
import type { Tensor } from '../../lib/core/tensor.ts';
import { activationLayout, recomputations } from '../../lib/llama/activations.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { deviceName } from '../ops/case.ts';

// The emulator takes its time.
const isSlow = deviceName === 'emulated';

const base = {
  model_type: 'llama',
  vocab_size: 70,
  hidden_size: 48,
  intermediate_size: 100,
  num_hidden_layers: isSlow ? 2 : 3,
  num_attention_heads: 4,
};
const configOf = (change: object) => parseLlamaConfig({ ...base, ...change }, 'config.json');
const configs = {
  'grouped queries': configOf({ num_key_value_heads: 2 }),
  'tied embeddings': configOf({ tie_word_embeddings: true }),
  'one layer': configOf({ num_hidden_layers: 1 }),
};
const [batch, sequence] = [2, isSlow ? 17 : 37];
const rows = Array.from({ length: batch }, (_, row) =>
  Int32Array.from({ length: sequence }, (_, i) => (i * 13 + row * 31) % 70),
);
const documentStarts = rows.map((row) => row.map((_, i) => (i < 11 ? 0 : 11)));

describe.each(Object.entries(configs))('%s', (_, config) => {
  test.each([
    ['float32', 'whole rows', {}],
    ['bfloat16', 'documents in a row', { documentStarts }],
  ] as const)('loss and gradients in %s keep their bits: %s', async (dtype, _, options) => {
    const results = async (recompute: (typeof recomputations)[number]) => {
      using model = LlamaModel.initialize(config, {
        device: deviceName,
        dtype,
        recompute,
        seed: 2,
      });
      const bits: Buffer[] = [];
      const add = async (tensor: Tensor) => {
        const { buffer } = await tensor.readBits();
        bits.push(Buffer.from(buffer));
      };
      for (const together of [true, false]) {
        model.zeroGradients();
        const { loss } = together
          ? model.forwardBackward(rows, rows, options)
          : model.forward(rows, rows, options);
        if (!together) model.backward();
        await add(loss);
        for (const { gradient } of model.trainableParameters()) await add(gradient);
      }
      return bits;
    };
    const expected = await results('none');
    expect(expected.every((values) => values.some((value) => value !== 0))).toBe(true);
    for (const recompute of recomputations.slice(1)) {
      const actual = await results(recompute);
      expect(
        actual.map((bits, i) => bits.equals(expected[i]!)),
        recompute,
      ).not.toContain(false);
    }
  });
});

test('each choice takes less memory than the one before, layer by layer', () => {
  const layer = (recompute: (typeof recomputations)[number]) => {
    const bytes = (layers: number) =>
      bytesOf(
        activationLayout(
          configOf({
            hidden_size: 4096,
            intermediate_size: 11_008,
            num_attention_heads: 32,
            num_hidden_layers: layers,
          }),
          { batch: 1, sequence: 2048, dtype: 'bfloat16', training: true, recompute },
        ),
      );
    return bytes(3) - bytes(2);
  };
  // Of one token in LLaMA-2-7B's layer: 16-bit numbers of 8 times hidden and 3 times intermediate size; two inverse norms
  // and 32 logsumexps in 32 bits.
  const all = 2 * (8 * 4096 + 3 * 11_008) + 4 * (2 + 32);
  const norms = all - 2 * (2 * 4096 + 11_008);
  expect(recomputations.map((name) => layer(name) / 2048)).toEqual([
    all,
    norms,
    2 * (2 * 4096) + 4 * 32,
    2 * 4096,
  ]);
  expect(norms / all).toBeCloseTo(0.71, 2);
});

test('without backward there is nothing to keep, so the choice changes nothing', () => {
  const config = configs['grouped queries'];
  const bytes = recomputations.map((recompute) =>
    bytesOf(
      activationLayout(config, { batch, sequence, dtype: 'float32', training: false, recompute }),
    ),
  );
  expect(new Set(bytes).size).toBe(1);
});

// A LLaMA on the tape has the loss and the gradients of the explicit trainer, bit for bit; so the tape adds, drops and
// reorders nothing. With checkpoints too.
import { describe, expect, test } from 'vitest';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { deviceName } from '../ops/case.ts';
import { tapeLlama } from './llama.ts';

// The emulator takes its time.
const isSlow = deviceName === 'emulated';
const shape = {
  model_type: 'llama',
  vocab_size: 70,
  hidden_size: 48,
  intermediate_size: 100,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};
const configOf = (change: object) => parseLlamaConfig({ ...shape, ...change }, 'config.json');
const [batch, sequence] = [2, isSlow ? 17 : 37];
const ids = Array.from({ length: batch }, (_, row) =>
  Int32Array.from({ length: sequence }, (_, i) => (i * 13 + row * 31) % 70),
);
// Some labels are ignored.
const labels = ids.map((row) => row.map((id, i) => (i % 7 === 3 ? -100 : id)));
const documentStarts = ids.map((row) => row.map((_, i) => (i < 11 ? 0 : 11)));

describe.each([
  ['grouped queries', configOf({ num_key_value_heads: 2 }), undefined],
  ['tied embeddings and documents', configOf({ tie_word_embeddings: true }), documentStarts],
] as const)('%s', (_, config, starts) => {
  const options = starts && { documentStarts: starts };
  test.each(['float32', 'bfloat16'] as const)('bit for bit in %s', async (dtype) => {
    using model = LlamaModel.initialize(config, { device: deviceName, dtype, seed: 2 });
    // Twice, as gradients are added to those that are there.
    const losses: unknown[] = [];
    for (let pass = 0; pass < 2; pass++) {
      const { loss } = model.forward(ids, labels, options);
      losses.push(await loss.read());
      model.backward({ scale: 0.5 });
    }
    for (const recompute of [false, true]) {
      const { parameters, loss } = tapeLlama(model, { recompute });
      for (let pass = 0; pass < 2; pass++) {
        const mean = loss(ids, labels, starts);
        expect(await mean.read()).toEqual(losses[pass]);
        mean.backward({ scale: 0.5 });
      }
      expect(parameters.size).toBe(model.trainableParameters().length);
      for (const [name, { gradient }] of parameters) {
        expect(await gradient.read(), name).toEqual(await model.gradient(name).read());
      }
    }
  });
});

// The output matrix and the logits of a training step are padded in device memory. What is asked here: that the
// padding changes nothing but speed, and that it stays zero.
import { describe, expect, test } from 'vitest';
import { type Allocated, allocate } from '../../lib/core/layout.ts';
import * as ops from '../../lib/core/ops.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { passLayout } from '../../lib/llama/activations.ts';
import { lossWithGradient } from '../../lib/llama/backward.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { padVocabulary } from '../../lib/llama/parameters.ts';
import type { LlamaGradients, LlamaWeights } from '../../lib/llama/weights.ts';
import { AdamW } from '../../lib/train/adamw.ts';
import { deviceName } from '../ops/case.ts';
import { relativeError } from './fixtures.ts';

const configOf = (vocabulary: number, tied = false) =>
  parseLlamaConfig(
    {
      model_type: 'llama',
      vocab_size: vocabulary,
      hidden_size: 48,
      intermediate_size: 100,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      tie_word_embeddings: tied,
    },
    'config.json',
  );
const [batch, sequence] = [2, 33];
const rows = batch * sequence;
const ids = Array.from({ length: batch }, (_, row) =>
  Int32Array.from({ length: sequence }, (_, i) => (7 * i + 5 * row) % 300),
);

test.each([
  [32_000, 32_000],
  [32_002, 32_064],
  [1, 64],
])('a vocabulary of %i takes %i columns', (vocabulary, columns) => {
  expect(padVocabulary(vocabulary)).toBe(columns);
});

describe.each(['float32', 'bfloat16'] as const)('%s', (dtype) => {
  test('loss and gradients are those without padding', async () => {
    const config = configOf(301);
    using model = LlamaModel.initialize(config, { device: deviceName, dtype, seed: 4 });
    const { device, weights, gradients } = model;
    const layout = passLayout(config, { batch, sequence, dtype }, 'step');
    using memory = allocate(layout, device);
    const { activations, loss } = memory.tensors;
    ops.randomNormal({ output: activations.final, seed: 9 });

    const run = async (padded: boolean) => {
      const { labels, rowWeights, logitsChunk } = loss as NonNullable<typeof loss>;
      labels.write(Int32Array.from({ length: rows }, (_, i) => (i % 5 ? (i * 11) % 301 : -100)));
      ops.fill({ output: rowWeights, value: 1 / rows });
      model.zeroGradients();
      using narrow = Tensor.empty([rows, 301], { dtype, device });
      // Without padding: as if the matrix ended with the vocabulary.
      const whole = <Parameters extends LlamaWeights | LlamaGradients>({ head }: Parameters) =>
        ({ head, paddedHead: head }) as Parameters;
      lossWithGradient(
        { config, gradients: padded ? gradients : whole(gradients), lowest: -1 },
        padded ? weights : whole(weights),
        activations,
        loss as Allocated<NonNullable<typeof layout.loss>>,
        padded ? (logitsChunk as Tensor) : narrow,
        0.01,
      );
      const outputs = [loss!.losses, loss!.loss, loss!.gradients.normOutput, gradients.head!];
      return await Promise.all(outputs.map((tensor) => tensor.readFloats()));
    };
    const expected = await run(false);
    const actual = await run(true);
    for (const [i, values] of actual.entries()) {
      // On a GPU, threads share the columns in another way where they are read 16 bytes at a time.
      if (deviceName === 'cpu') expect(values).toEqual(expected[i]);
      else
        expect(relativeError(values, expected[i]!)).toBeLessThan(dtype === 'float32' ? 1e-6 : 4e-3);
    }
  });

  test.each([false, true])('training leaves it zero, tied embeddings: %s', async (tied) => {
    const config = configOf(301, tied);
    using model = LlamaModel.initialize(config, { device: deviceName, dtype, seed: 4 });
    using optimizer = new AdamW(model.trainableParameters(), {});
    for (let step = 0; step < 2; step++) {
      model.zeroGradients();
      model.forwardBackward(ids, ids);
      optimizer.step({ learningRate: 0.1 });
    }
    for (const { head, paddedHead } of [model.weights, model.gradients]) {
      if (!(head && paddedHead)) throw new Error('there is none');
      expect(paddedHead.shape).toEqual([320, 48]);
      expect(head.shape).toEqual([301, 48]);
      const values = await paddedHead.readFloats();
      const [own, padding] = [values.slice(0, 301 * 48), values.slice(301 * 48)];
      expect(await head.readFloats()).toEqual(own);
      expect(own.every((value) => value !== 0 && Number.isFinite(value))).toBe(true);
      expect(padding.every((value) => value === 0)).toBe(true);
    }
    expect(optimizer.state(optimizer.parameters.at(-1)!.name).firstMoment.shape).not.toContain(320);
  });
});

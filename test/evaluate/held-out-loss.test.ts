import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HeldOutArticle, heldOutLoss } from '../../lib/evaluate/held-out-loss.ts';
import { RandomStream } from '../../lib/leia/random.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { expectError, fixtures } from '../llama/fixtures.ts';

let model: LlamaModel;
beforeAll(async () => {
  model = await LlamaModel.load(join(fixtures, 'tiny-llama'));
});
afterAll(() => model.dispose());

/** An article of random ids, of so many tokens with BOS. */
function article(tokens: number, seed: number): HeldOutArticle {
  const draws = RandomStream.of(seed);
  const inputIds = Int32Array.from({ length: tokens }, () => Math.floor(draws.next() * 512));
  inputIds[0] = 1;
  return { inputIds, characters: 2 * tokens };
}

/** The sum of -log p over an article, in float64 from the logits of one unpacked window after the other. */
async function plainSum({ inputIds }: HeldOutArticle, length: number): Promise<number> {
  const { vocabSize } = model.config;
  let sum = 0;
  for (let start = 0; start + 1 < inputIds.length; start += length - 1) {
    const window = inputIds.subarray(start, start + length);
    const logits = await model.forward([window]).logits.readFloats();
    for (let t = 0; t + 1 < window.length; t++) {
      const row = Array.from(logits.subarray(t * vocabSize, (t + 1) * vocabSize));
      const logsumexp = Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0));
      sum += logsumexp - (row[window[t + 1] as number] as number);
    }
  }
  return sum;
}

test('is the mean over every token but BOS, as unpacked windows give it', async () => {
  const lengths = fc.array(fc.integer({ min: 2, max: 90 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      lengths,
      fc.integer({ min: 2, max: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(),
      async (tokens, sequenceLength, batchSize, seed) => {
        const articles = tokens.map((count, i) => article(count, seed + i));
        const result = await heldOutLoss(model, articles, { sequenceLength, batchSize });
        let sum = 0;
        for (const each of articles) sum += await plainSum(each, sequenceLength);
        const predicted = tokens.reduce((total, count) => total + count - 1, 0);
        expect(result.tokens).toBe(predicted);
        expect(result.articles).toBe(tokens.length);
        expect(Math.abs(result.loss / (sum / predicted) - 1)).toBeLessThan(1e-5);
        const bits = sum / Math.LN2 / result.characters;
        expect(Math.abs(result.bitsPerCharacter / bits - 1)).toBeLessThan(1e-5);
      },
    ),
    { numRuns: 25 },
  );
});

test('tells a text that the model has learned from one that it has not', async () => {
  // Greedy text of the model itself is more likely to it than random ids.
  const own = Int32Array.of(1, ...new Int32Array(30));
  for (let t = 1; t < own.length; t++) {
    const logits = await model.forward([own.subarray(0, t)]).logits.readFloats();
    const last = logits.subarray(-model.config.vocabSize);
    own[t] = last.indexOf(Math.max(...last));
  }
  const options = { sequenceLength: 31, batchSize: 2 };
  const greedy = await heldOutLoss(model, [{ inputIds: own, characters: 30 }], options);
  const random = await heldOutLoss(model, [article(31, 7)], options);
  expect(greedy.loss).toBeLessThan(random.loss - 0.1);
});

test('leaves parameters and gradients as they are', async () => {
  const name = 'model.layers.0.mlp.up_proj.weight';
  const rows = [article(16, 1).inputIds];
  model.zeroGradients();
  model.forward(rows, rows);
  model.backward();
  const before = [
    await model.gradient(name).readFloats(),
    await model.parameter(name).readFloats(),
  ];
  await heldOutLoss(model, [article(40, 2)], { sequenceLength: 16, batchSize: 1 });
  expect(await model.gradient(name).readFloats()).toEqual(before[0]);
  expect(await model.parameter(name).readFloats()).toEqual(before[1]);
});

test('refuses articles without text, rows too short, and ids of another vocabulary', async () => {
  const options = { sequenceLength: 8, batchSize: 1 };
  await expectError(() => heldOutLoss(model, [], options), 'argument', 'no token to predict');
  await expectError(
    () => heldOutLoss(model, [article(1, 0)], options),
    'argument',
    'no token to predict',
  );
  await expectError(
    () => heldOutLoss(model, [article(9, 0)], { ...options, sequenceLength: 1 }),
    'argument',
    'rows of 1 tokens',
  );
  const foreign = { inputIds: Int32Array.of(1, 512), characters: 1 };
  await expectError(() => heldOutLoss(model, [foreign], options), 'argument', '512');
});

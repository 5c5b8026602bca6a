import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import * as ops from '../../lib/core/ops.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { type GenerateOptions, generate, type SamplingOptions } from '../../lib/llama/generate.ts';
import { Decoder, Inference, type PassOutput } from '../../lib/llama/inference.ts';
import { KeyValueCache } from '../../lib/llama/key-value-cache.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { deviceName } from '../ops/case.ts';
import { expectError, fixtures, readJson, relativeError } from './fixtures.ts';

let model: LlamaModel;

beforeAll(async () => {
  model = await LlamaModel.load(join(fixtures, 'tiny-llama'), { device: deviceName });
  return () => model.dispose();
});

async function run(
  prompt: number[],
  options: GenerateOptions,
  of: LlamaModel = model,
): Promise<number[]> {
  const ids: number[] = [];
  for await (const id of generate(of, prompt, options)) ids.push(id);
  return ids;
}

test('greedy tokens are those of transformers', async () => {
  const { prompts, new_tokens: maxNewTokens } = (await readJson(
    join(fixtures, 'scoring', 'greedy.json'),
  )) as unknown as { prompts: { prompt: number[]; generated: number[] }[]; new_tokens: number };
  expect(prompts.length).toBe(5);
  for (const { prompt, generated } of prompts) {
    expect(await run(prompt, { maxNewTokens })).toEqual(generated);
  }
  const { prompt, generated } = prompts[0]!;
  const stop = generated[5]!;
  const stopped = await run(prompt, { maxNewTokens, stopIds: [stop] });
  expect(stopped).toEqual(generated.slice(0, generated.indexOf(stop)));
});

test("the decoder's cache gives the logits of the whole sequence", async () => {
  const ids = [1, 447, 452, 45, 204, 192, 507, 361, 384];
  const whole = await model.forward(ids).logits.readFloats();
  const { vocabSize } = model.config;
  const row = (position: number) => whole.slice(position * vocabSize, (position + 1) * vocabSize);
  using decoder = new Decoder(model, ids.length);
  for (const [start, end] of [
    [0, 4],
    [4, 5],
    [5, 8],
    [8, 9],
  ] as const) {
    const logits = await decoder.feed(ids.slice(start, end));
    expect(relativeError(logits, row(end - 1))).toBeLessThan(1e-5);
  }
  await expectError(() => decoder.feed([1]), 'argument', '10 tokens, the cache has room for 9');
  expect(decoder.length).toBe(9);
  for (const capacity of [0, 1.5, -1, Number.NaN]) {
    await expectError(() => new Decoder(model, capacity), 'argument', `capacity ${capacity}`);
  }
});

test("a sliding window sees as many tokens of the cache as transformers' Mistral", async () => {
  const folder = join(fixtures, 'tiny-mistral');
  using mistral = await LlamaModel.load(folder, { device: deviceName });
  expect(mistral.config.slidingWindow).toBe(7);
  const { greedy } = (await readJson(join(folder, 'expected.json'))) as unknown as {
    greedy: { prompt: number[]; generated: number[] };
  };
  const { prompt, generated } = greedy;
  expect(await run(prompt, { maxNewTokens: generated.length }, mistral)).toEqual(generated);
});

/** Logits of a sequence alone, [sequence, vocab], in one pass without a cache. */
async function logitsAlone(ids: readonly number[]): Promise<Float32Array[]> {
  const logits = await model.forward(ids).logits.readFloats();
  const { vocabSize } = model.config;
  return ids.map((_, at) => logits.slice(at * vocabSize, (at + 1) * vocabSize));
}

test('rows of a batch are what they are alone, padding or not', async () => {
  const ids = [1, 447, 452, 45];
  using inference = new Inference(model);
  const output = inference.begin([[1, 9, 9, 9, 9], ids]);
  using logits = inference.logits(output, [8, 6, 0]);
  const rows = await logits.readFloats();
  const alone = await logitsAlone(ids);
  const expected = [3, 1, 0].flatMap((at) => [...(alone[at] as Float32Array)]);
  expect(relativeError(rows, Float32Array.from(expected))).toBeLessThan(1e-5);
});

test('rows of a cache go on from beginnings of different lengths', async () => {
  const beginnings = [
    [1, 447, 452, 45],
    [1, 9],
    [1, 204, 192, 507, 361, 384, 12, 13, 14, 15, 16],
  ];
  const endings = [[5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15, 16, 17], [3]];
  using inference = new Inference(model);
  using first = new KeyValueCache(model, { rows: 3, capacity: 11 });
  inference.begin(beginnings, first);
  // The second beginning twice, and in another order; with room to spare.
  const from = [1, 0, 2, 1];
  using cache = KeyValueCache.copy(first, from, 30);
  const rows = from.map((row, i) => endings[(i + row) % 3]!);
  const lengths = from.map((row) => beginnings[row]!.length);
  const { vocabSize } = model.config;
  const check = async (output: PassOutput, done: readonly number[][], added: number[][]) => {
    const places = added.map(({ length }, row) => row * output.sequence + length - 1);
    using logits = inference.logits(output, places);
    const values = await logits.readFloats();
    for (const [row, ids] of done.entries()) {
      const own = values.subarray(row * vocabSize, (row + 1) * vocabSize);
      expect(relativeError(own, (await logitsAlone(ids)).at(-1)!)).toBeLessThan(1e-5);
    }
  };
  const whole = from.map((row, i) => [...beginnings[row]!, ...rows[i]!]);
  await check(inference.extend(cache, rows, lengths), whole, rows);
  // The last row takes the place of the first, and goes on alone with the second.
  cache.moveRow(3, 0, whole[3]!.length);
  const rest = [whole[3]!, whole[1]!];
  const more = [[21, 22], [23]];
  const output = inference.extend(
    cache,
    more,
    rest.map(({ length }) => length),
  );
  await check(
    output,
    rest.map((ids, i) => [...ids, ...more[i]!]),
    more,
  );
});

describe('sampling', () => {
  const logits = Float32Array.from([0, 3, 1, 2, -50]);
  const draw = async (options: SamplingOptions, count = 4000) => {
    const rows = Array.from({ length: count }, () => [...logits]).flat();
    using table = Tensor.from(rows, [count, logits.length]);
    using tokens = ops.sampleToken({ ...options, logits: table }).tokens;
    const counts = new Array<number>(logits.length).fill(0);
    for (const token of await tokens.read()) counts[token]!++;
    return counts.map((n) => n / count);
  };

  test('follows the distribution', async () => {
    const total = Math.exp(0) + Math.exp(3) + Math.exp(1) + Math.exp(2);
    for (const [i, share] of (await draw({ seed: 1 })).entries()) {
      expect(Math.abs(share - Math.exp(logits[i]!) / total)).toBeLessThan(0.03);
    }
    const cold = await draw({ seed: 1, temperature: 0.5 });
    const squares = Math.exp(0) + Math.exp(6) + Math.exp(2) + Math.exp(4);
    expect(Math.abs(cold[1]! - Math.exp(6) / squares)).toBeLessThan(0.03);
  });

  test('keeps to the top k and the top p', async () => {
    expect(await draw({ seed: 2, topK: 1 })).toEqual([0, 1, 0, 0, 0]);
    const two = await draw({ seed: 2, topK: 2 });
    expect([two[0], two[2], two[4]]).toEqual([0, 0, 0]);
    expect(two[3]).toBeGreaterThan(0.2);
    // The likeliest has 0.64, the two likeliest 0.88.
    expect(await draw({ seed: 2, topP: 0.6 })).toEqual([0, 1, 0, 0, 0]);
    const most = await draw({ seed: 2, topP: 0.7 });
    expect(most[1]! + most[3]!).toBe(1);
    expect(most[3]).toBeGreaterThan(0.2);
  });

  test('the seed decides', async () => {
    const options = { maxNewTokens: 12, sampling: { seed: 5, temperature: 2 } };
    const first = await run([1, 2], options);
    expect(await run([1, 2], options)).toEqual(first);
    expect(await run([1, 2], { ...options, sampling: { seed: 6, temperature: 2 } })).not.toEqual(
      first,
    );
  });

  test.each([
    [{ temperature: 0 }, 'temperature is 0'],
    [{ topK: 0 }, 'topK is 0'],
    [{ topP: 0 }, 'topP is 0'],
    [{ topP: 1.5 }, 'topP is 1.5'],
  ])('refuses %j', async (options, text) => {
    const sampling = { seed: 1, ...options };
    await expectError(() => run([1], { maxNewTokens: 1, sampling }), 'argument', text);
  });
});

test.each<[number[], GenerateOptions, string]>([
  [[], { maxNewTokens: 1 }, 'the prompt is empty'],
  [[1], { maxNewTokens: 0 }, 'maxNewTokens is 0'],
  [[1], { maxNewTokens: 257 }, 'max_position_embeddings 256'],
  [[512], { maxNewTokens: 1 }, '512 at row 0, position 0 is outside the vocabulary'],
])('generate refuses %j %j', async (prompt, options, text) => {
  await expectError(() => run(prompt, options), 'argument', text);
});

import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import * as ops from '../../../lib/core/ops.ts';
import { generateBatch } from '../../../lib/evaluate/engine/generate-batch.ts';
import { logLikelihoods } from '../../../lib/evaluate/engine/log-likelihoods.ts';
import type {
  GenerationRequest,
  LogLikelihood,
  LogLikelihoodRequest,
} from '../../../lib/evaluate/engine/requests.ts';
import { fitRequests } from '../../../lib/evaluate/requests.ts';
import { LlamaModel } from '../../../lib/llama/llama-model.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import {
  expectError,
  fixtures,
  readJson,
  recordedScores,
  tinyLlamas,
} from '../../llama/fixtures.ts';
import { deviceName, type Random, randomInteger, randomSource } from '../../ops/case.ts';
import { plainGeneration, plainLogLikelihood } from './plain.ts';

const options = { batchTokens: 'auto' } as const;
let model: LlamaModel;
let tokenizer: Tokenizer;

beforeAll(async () => {
  model = await LlamaModel.load(join(fixtures, 'tiny-llama'), { device: deviceName });
  tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  return () => model.dispose();
});

test('log-likelihoods are those that were recorded', async () => {
  const requests = await recordedScores();
  expect(requests).toHaveLength(20);
  // One of them is too long and was cut on the left.
  const fitting = fitRequests(requests, { maxLength: 256, emptyContext: undefined });
  const scores = await logLikelihoods(model, fitting, options);
  for (const [i, { log_likelihood, is_greedy, continuation }] of requests.entries()) {
    const { logLikelihood, isGreedy, tokens } = scores[i] as LogLikelihood;
    expect(Math.abs(logLikelihood - log_likelihood)).toBeLessThan(1e-4);
    expect([isGreedy, tokens]).toEqual([is_greedy, continuation.length]);
  }
});

test('greedy continuations are those that were recorded', async () => {
  const { prompts, new_tokens: maxNewTokens } = (await readJson(
    join(fixtures, 'scoring', 'greedy.json'),
  )) as unknown as { prompts: { prompt: number[]; generated: number[] }[]; new_tokens: number };
  const requests = prompts.map(({ prompt }) => ({ prompt, maxNewTokens, stops: [] }));
  const results = await generateBatch(model, tokenizer, requests, options);
  for (const [i, { generated }] of prompts.entries()) {
    // transformers was told not to end at EOS.
    const end = generated.indexOf(model.config.eosTokenIds[0] as number);
    expect(results[i]?.ids).toEqual(end < 0 ? generated : generated.slice(0, end));
  }
});

/** Ids from `least` to the end of the vocabulary. */
function randomIds(random: Random, count: number, vocabSize: number): number[] {
  return Array.from({ length: count }, () => randomInteger(random, 3, vocabSize - 1));
}

/** Questions with choices behind few-shot examples, some of which several questions have; and what stands alone. */
function mixedRequests(seed: number, vocabSize: number): LogLikelihoodRequest[] {
  const random = randomSource(seed);
  const ids = (count: number) => randomIds(random, count, vocabSize);
  const description = ids(9);
  const requests: LogLikelihoodRequest[] = [];
  for (let question = 0; question < 6; question++) {
    const shots = question % 3 === 2 ? [] : [...description, ...ids(question % 3 === 0 ? 0 : 14)];
    const context = [1, ...shots, ...ids(randomInteger(random, 4, 20))];
    for (let choice = 0; choice < 4; choice++) {
      requests.push({ context, continuation: ids(choice === 3 ? 1 : randomInteger(random, 1, 6)) });
    }
  }
  const [first] = requests as [LogLikelihoodRequest];
  requests.push(first, { context: [2], continuation: ids(11) });
  // A continuation that another goes on from, and one that is another's context.
  const whole = [...first.context, ...first.continuation];
  requests.push({ context: first.context, continuation: [...first.continuation, ...ids(9)] });
  requests.push({ context: whole, continuation: ids(3) });
  return requests;
}

function expectEqual(actual: readonly LogLikelihood[], expected: readonly LogLikelihood[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, { logLikelihood, isGreedy, tokens }] of actual.entries()) {
    const plain = expected[i] as LogLikelihood;
    expect(Math.abs(logLikelihood - plain.logLikelihood)).toBeLessThan(1e-5 * plain.tokens);
    expect([isGreedy, tokens]).toEqual([plain.isGreedy, plain.tokens]);
  }
}

test.each(tinyLlamas)('%s: log-likelihoods are those of one request at a time', async (name) => {
  using model = await LlamaModel.load(join(fixtures, name), { device: deviceName });
  const requests = mixedRequests(3, model.config.vocabSize);
  const plain: LogLikelihood[] = [];
  for (const request of requests) plain.push(await plainLogLikelihood(model, request));
  for (const batchTokens of ['auto', 200, 30, 1] as const) {
    for (const sharePrefixes of [true, false]) {
      const progress: number[] = [];
      const result = await logLikelihoods(model, requests, {
        batchTokens,
        sharePrefixes,
        onProgress: (done, total) => progress.push(done / total),
      });
      expectEqual(result, plain);
      expect(progress.at(-1)).toBe(1);
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    }
  }
});

test('a greedy continuation is known as such, for all of its tokens', async () => {
  const prompt = [1, 27, 216, 19];
  const [own] = await generateBatch(
    model,
    tokenizer,
    [{ prompt, maxNewTokens: 8, stops: [] }],
    options,
  );
  const ids = own?.ids ?? [];
  expect(ids.length).toBe(8);
  const other = ids.with(5, (ids[5] as number) ^ 1);
  const scores = await logLikelihoods(
    model,
    [ids, other, ids.slice(0, 5)].map((continuation) => ({ context: prompt, continuation })),
    options,
  );
  expect(scores.map(({ isGreedy }) => isGreedy)).toEqual([true, false, true]);
});

test('a score does not depend on what else is asked', async () => {
  const requests = mixedRequests(4, model.config.vocabSize);
  const together = await logLikelihoods(model, requests, options);
  for (const [i, request] of requests.entries()) {
    const [alone] = await logLikelihoods(model, [request], options);
    const { logLikelihood } = together[i] as LogLikelihood;
    expect(Math.abs(logLikelihood - (alone as LogLikelihood).logLikelihood)).toBeLessThan(1e-5);
  }
});

function mixedPrompts(seed: number, stops: string[] = []): GenerationRequest[] {
  const random = randomSource(seed);
  const shots = [1, ...randomIds(random, 12, model.config.vocabSize)];
  return Array.from({ length: 9 }, (_, i) => ({
    prompt: [...(i < 8 ? shots : []), ...randomIds(random, 1 + 5 * (i % 4), 512)],
    maxNewTokens: 3 + 4 * (i % 5),
    stops,
  }));
}

test('continuations are those of one prompt at a time, and end at texts', async () => {
  // All prompts share their beginning, or not all of them do.
  for (const prompts of [mixedPrompts(5), mixedPrompts(6).slice(0, 8)]) {
    const texts: string[] = [];
    for (const request of prompts) {
      texts.push((await plainGeneration(model, tokenizer, request)).text);
    }
    // Texts that some of the continuations have, within a token or across two.
    const stops = texts.map((text) => text.slice(text.length / 2, text.length / 2 + 2));
    for (const asked of [
      prompts,
      prompts.map((each) => ({ ...each, stops: stops.filter(Boolean) })),
    ]) {
      const plain = [];
      for (const request of asked) plain.push(await plainGeneration(model, tokenizer, request));
      for (const batchTokens of ['auto', 20, 1] as const) {
        for (const sharePrefixes of [true, false]) {
          const progress: number[] = [];
          const result = await generateBatch(model, tokenizer, asked, {
            batchTokens,
            sharePrefixes,
            onProgress: (done) => progress.push(done),
          });
          expect(result).toEqual(plain);
          expect(progress.at(-1)).toBe(asked.length);
        }
      }
      if (asked !== prompts) expect(plain.map(({ text }) => text)).not.toEqual(texts);
    }
  }
});

test('weights that are not finite are an error that names the request', async () => {
  using broken = await LlamaModel.load(join(fixtures, 'tiny-llama'), { device: deviceName });
  ops.fill({ output: broken.parameter('model.norm.weight'), value: Number.NaN });
  await expectError(
    () => logLikelihoods(broken, [{ context: [1], continuation: [2, 3] }], options),
    'execution',
    "request 1: the model's output is not finite",
  );
});

test('refuses a number of tokens that is none', async () => {
  const request = { context: [1], continuation: [2] };
  await expectError(
    () => logLikelihoods(model, [request], { batchTokens: 0 }),
    'argument',
    'batchTokens is 0, expected auto or 1 or more',
  );
  await expectError(
    () => logLikelihoods(model, [request], { batchTokens: 'auto', maxLength: 1.5 }),
    'argument',
    'maxLength is 1.5',
  );
  expect(await logLikelihoods(model, [], options)).toEqual([]);
  expect(await generateBatch(model, tokenizer, [], options)).toEqual([]);
});

test.each<[number[], number[], string]>([
  [[], [1], 'request 2: the context is empty'],
  [[1], [], 'request 2: the continuation is empty'],
  [[512], [1], 'request 2: token id 512 is outside'],
  [[1], [-3], 'request 2: token id -3 is outside'],
  [new Array(250).fill(3), new Array(8).fill(3), 'have 258 tokens, the model takes 256'],
])('refuses to score %j and %j', async (context, continuation, text) => {
  const requests = [
    { context: [1], continuation: [2] },
    { context, continuation },
  ];
  await expectError(() => logLikelihoods(model, requests, options), 'argument', text);
});

test.each<[number[], number, string[], string]>([
  [[], 1, [], 'request 2: the prompt is empty'],
  [[1], 0, [], 'request 2: maxNewTokens is 0'],
  [[1], 1, [''], 'request 2: a stop is an empty text'],
  [[1, 2], 256, [], 'a prompt of 2 tokens and 256 new ones, the model takes 256'],
])('refuses to continue %j by %d', async (prompt, maxNewTokens, stops, text) => {
  const requests = [
    { prompt: [1], maxNewTokens: 1, stops: [] },
    { prompt, maxNewTokens, stops },
  ];
  await expectError(() => generateBatch(model, tokenizer, requests, options), 'argument', text);
});

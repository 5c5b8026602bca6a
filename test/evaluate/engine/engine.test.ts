import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { generateBatch } from '../../../lib/evaluate/engine/generate-batch.ts';
import { logLikelihoods } from '../../../lib/evaluate/engine/log-likelihoods.ts';
import type { LogLikelihood } from '../../../lib/evaluate/engine/requests.ts';
import { LlamaModel } from '../../../lib/llama/llama-model.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { expectError, fixtures, readJson } from '../../llama/fixtures.ts';

const options = { batchTokens: 'auto' } as const;
let model: LlamaModel;
let tokenizer: Tokenizer;

beforeAll(async () => {
  model = await LlamaModel.load(join(fixtures, 'tiny-llama'));
  tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  return () => model.dispose();
});

test('log-likelihoods are those that were recorded', async () => {
  const { requests } = (await readJson(
    join(fixtures, 'scoring', 'loglikelihood.json'),
  )) as unknown as {
    requests: {
      context: number[];
      continuation: number[];
      log_likelihood: number;
      is_greedy: boolean;
    }[];
  };
  const fitting = requests.filter(
    ({ context, continuation }) => context.length + continuation.length <= 257,
  );
  expect(fitting.length).toBeGreaterThan(15);
  const scores = await logLikelihoods(model, fitting, options);
  for (const [i, { log_likelihood, is_greedy, continuation }] of fitting.entries()) {
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

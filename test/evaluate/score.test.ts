import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Score, scoreRequests } from '../../lib/evaluate/score.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { expectError, fixtures, readJson } from '../llama/fixtures.ts';

interface Reference {
  max_length: number;
  requests: {
    context: number[];
    continuation: number[];
    log_likelihood: number;
    is_greedy: boolean;
  }[];
}

async function open() {
  const path = join(fixtures, 'scoring', 'loglikelihood.json');
  return {
    model: await LlamaModel.load(join(fixtures, 'tiny-llama')),
    reference: (await readJson(path)) as unknown as Reference,
  };
}

test.each([4096, 300, 1])(
  'agrees with lm-evaluation-harness in batches of %d tokens',
  async (batchTokens) => {
    const { model, reference } = await open();
    const progress: number[] = [];
    const scores = await scoreRequests(model, reference.requests, {
      batchTokens,
      onProgress: (done) => progress.push(done),
    });
    expect(progress.at(-1)).toBe(20);
    for (const [i, { log_likelihood, is_greedy, continuation }] of reference.requests.entries()) {
      const { logLikelihood, isGreedy, tokens } = scores[i] as Score;
      expect(Math.abs(logLikelihood - log_likelihood)).toBeLessThan(
        1e-5 * Math.abs(log_likelihood),
      );
      expect([isGreedy, tokens]).toEqual([is_greedy, continuation.length]);
    }
    expect(scores.some(({ isGreedy }) => isGreedy)).toBe(true);
    model.dispose();
  },
);

test('an empty context is the BOS token, or another that is asked for', async () => {
  const { model } = await open();
  const continuation = [5, 6, 7];
  const score = async (context: number[], emptyContext?: number) =>
    (await scoreRequests(model, [{ context, continuation }], { emptyContext }))[0];
  expect(await score([])).toEqual(await score([1]));
  expect(await score([], 2)).toEqual(await score([2]));
  model.dispose();
});

test('refuses what cannot be scored, by its number', async () => {
  const { model } = await open();
  const good = { context: [1], continuation: [2] };
  const refuse = (request: { context: number[]; continuation: number[] }, text: string) =>
    expectError(() => scoreRequests(model, [good, request]), 'argument', `request 2: ${text}`);
  await refuse({ context: [1], continuation: [] }, 'the continuation is empty');
  await refuse({ context: [512], continuation: [1] }, 'token id 512 is outside');
  await refuse({ context: [1], continuation: [-3] }, 'token id -3 is outside');
  await refuse(
    { context: [1], continuation: new Array(257).fill(3) },
    'the continuation has 257 tokens',
  );
  model.dispose();
});

// lm-evaluation-harness's own numbers; see the fixture's ORIGIN.md.
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { generateBatch } from '../../../lib/evaluate/engine/generate-batch.ts';
import { logLikelihoods } from '../../../lib/evaluate/engine/log-likelihoods.ts';
import { encodeChoices, protocols } from '../../../lib/evaluate/tasks/protocol.ts';
import { LlamaModel } from '../../../lib/llama/llama-model.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { fixtures, readJson } from '../../llama/fixtures.ts';

interface Recorded {
  max_length: number;
  requests: {
    kind: string;
    context: string;
    continuation: string;
    context_ids: number[];
    continuation_ids: number[];
    log_likelihood: number;
    is_greedy: boolean;
  }[];
  generations: {
    prompt: string;
    prompt_ids: number[];
    max_new_tokens: number;
    stops: string[];
    text: string;
  }[];
}

let recorded: Recorded;
let model: LlamaModel;
let tokenizer: Tokenizer;

beforeAll(async () => {
  const path = join(fixtures, 'lm-eval-requests', 'requests.json');
  recorded = (await readJson(path)) as unknown as Recorded;
  model = await LlamaModel.load(join(fixtures, 'tiny-llama'));
  tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  return () => model.dispose();
});

test('log-likelihoods of its 200 requests, from texts', async () => {
  const { requests, max_length } = recorded;
  expect(requests.length).toBe(200);
  const asked = [];
  let cut = 0;
  for (const { context, continuation, context_ids, continuation_ids } of requests) {
    const parts = { description: '', examples: [], question: context };
    const protocol = protocols['lm-eval'];
    const encoded = await encodeChoices(protocol, tokenizer, parts, [continuation], max_length);
    const [request] = encoded.requests;
    const room = max_length + 1 - continuation_ids.length;
    expect(request).toEqual({
      context: context_ids.slice(-room),
      continuation: continuation_ids,
    });
    cut += context_ids.length > room ? 1 : 0;
    asked.push(request!);
  }
  expect(cut).toBeGreaterThan(5);
  const scores = await logLikelihoods(model, asked, { batchTokens: 'auto' });
  for (const [i, { log_likelihood, is_greedy }] of requests.entries()) {
    expect(Math.abs(scores[i]!.logLikelihood - log_likelihood)).toBeLessThan(1e-4);
    expect(scores[i]!.isGreedy).toBe(is_greedy);
  }
});

test('texts of its generations', async () => {
  const { generations } = recorded;
  expect(generations.length).toBeGreaterThan(15);
  const asked = generations.map(({ prompt_ids, max_new_tokens, stops }) => ({
    prompt: prompt_ids,
    maxNewTokens: max_new_tokens,
    stops,
  }));
  const results = await generateBatch(model, tokenizer, asked, { batchTokens: 'auto' });
  expect(results.map(({ text }) => text)).toEqual(generations.map(({ text }) => text));
});

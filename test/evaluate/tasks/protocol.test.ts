import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PromptParts } from '../../../lib/evaluate/tasks/prompt.ts';
import { encodeChoices, encodePrompt, protocols } from '../../../lib/evaluate/tasks/protocol.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { fixtures } from '../../llama/fixtures.ts';

const tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
const textOnly = (question: string): PromptParts => ({ description: '', examples: [], question });

const parts: PromptParts = {
  description: 'Choose.\n\n',
  examples: [
    'Question: a\nAnswer: b\n\n',
    'Question: c\nAnswer: d\n\n',
    'Question: e\nAnswer: f\n\n',
  ],
  question: 'Question: g\nAnswer:',
};
const ids = async (text: string) => [...(await tokenizer.encode(text)).ids];

test('paper: no BOS, apart, and EOS for an empty context', async () => {
  const encoded = await encodeChoices(protocols.paper, tokenizer, textOnly('a b '), [' c'], 100);
  expect(encoded.requests).toEqual([{ context: await ids('a b '), continuation: await ids(' c') }]);
  const empty = await encodeChoices(protocols.paper, tokenizer, textOnly(''), ['c', 'd e'], 100);
  expect(empty.requests[1]).toEqual({ context: [tokenizer.eosId], continuation: await ids('d e') });
});

test('paper: a long prompt loses examples from the front, then tokens on the left, never the choice', async () => {
  const choices = [' x', ' y z and more words'];
  const context = async (first: number) =>
    await ids(parts.description + parts.examples.slice(first).join('') + parts.question);
  const longest = (await ids(choices[1]!)).length;
  for (const dropped of [0, 1, 2, 3]) {
    const whole = await context(dropped);
    const fits = whole.length + longest - 1;
    const { requests, losses } = await encodeChoices(
      protocols.paper,
      tokenizer,
      parts,
      choices,
      fits,
    );
    expect(losses).toEqual({ examples: dropped, tokens: 0 });
    expect(requests.map((request) => request.context)).toEqual([whole, whole]);
  }
  const whole = await context(3);
  const room = whole.length + longest - 1 - 5;
  const cut = await encodeChoices(protocols.paper, tokenizer, parts, choices, room);
  expect(cut.losses).toEqual({ examples: 3, tokens: 5 });
  expect(cut.requests[1]).toEqual({
    context: whole.slice(5),
    continuation: await ids(choices[1]!),
  });
  // The shorter choice leaves more of the context.
  const shorter = longest - cut.requests[0]!.continuation.length;
  expect(cut.requests[0]!.context).toEqual(whole.slice(Math.max(0, 5 - shorter)));
  for (const { context: kept, continuation } of cut.requests) {
    expect(kept.length + continuation.length).toBeLessThanOrEqual(room + 1);
  }
});

test('a prompt to continue has BOS by default, and leaves room for what is generated', async () => {
  const lengths = { maxNewTokens: 10, maxLength: 1000 };
  const { prompt, losses } = await encodePrompt(protocols.paper, tokenizer, parts, lengths);
  const whole = await ids(parts.description + parts.examples.join('') + parts.question);
  expect(prompt).toEqual([tokenizer.bosId, ...whole]);
  expect(losses).toEqual({ examples: 0, tokens: 0 });
  const short = { maxNewTokens: 10, maxLength: whole.length + 10 };
  const dropped = await encodePrompt(protocols.paper, tokenizer, parts, short);
  expect(dropped.losses).toEqual({ examples: 1, tokens: 0 });
  expect(dropped.prompt[0]).toBe(tokenizer.bosId);
  const cut = await encodePrompt(protocols['lm-eval'], tokenizer, parts, short);
  expect(cut.prompt).toEqual(whole);
});

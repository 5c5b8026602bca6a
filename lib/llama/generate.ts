// Continues a sequence of tokens: greedily, or by drawing from the distribution after temperature, top-k and
// top-p. Draws come from one seed, so the same call gives the same tokens.
//
// Sources: Fan et al. 2018 (top-k); Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"
// (top-p).
import { LeiaError } from '../system/error.ts';
import { Decoder } from './inference.ts';
import type { LlamaModel } from './llama-model.ts';

/** How a token is drawn; the likeliest unless a temperature is given. */
export interface SamplingOptions {
  /** Divides the logits; below 1 sharper, above 1 flatter. 1 unless given. */
  readonly temperature?: number;
  /** Draws only from this many of the likeliest tokens. */
  readonly topK?: number;
  /** Draws only from the likeliest tokens that together reach this probability. */
  readonly topP?: number;
  readonly seed: number;
}

/** How {@link generate} continues a prompt. */
export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** How tokens are drawn; without it, the likeliest token is taken each time. */
  readonly sampling?: SamplingOptions | undefined;
  /** Ends when the next token is one of these, and does not yield it. */
  readonly stopIds?: readonly number[];
}

/**
 * Yields new token ids one by one.
 *
 * @throws LeiaError `argument` for an empty prompt, ids outside the vocabulary, options out of range, or
 *   more tokens than the model has positions.
 */
export async function* generate(
  model: LlamaModel,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number, void, undefined> {
  const { maxNewTokens, sampling, stopIds = [] } = options;
  if (prompt.length === 0) throw new LeiaError('argument', 'generate: the prompt is empty');
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new LeiaError(
      'argument',
      `generate: maxNewTokens is ${maxNewTokens}, expected 1 or more`,
    );
  }
  if (sampling) checkSampling(sampling);
  const choice = sampling ?? { temperature: 0 };
  // The last new token is never fed back, so it needs no room.
  using decoder = new Decoder(model, prompt.length + maxNewTokens - 1);
  let fed = prompt;
  for (let position = 0; position < maxNewTokens; position++) {
    const id = await decoder.next(fed, { ...choice, position });
    if (stopIds.includes(id)) return;
    yield id;
    fed = [id];
  }
}

function checkSampling({ temperature = 1, topK = 1, topP = 1, seed }: SamplingOptions): void {
  const refuse = (name: string, value: number, expected: string) => {
    throw new LeiaError('argument', `generate: ${name} is ${value}, expected ${expected}`);
  };
  if (!(temperature > 0)) refuse('temperature', temperature, 'a positive number');
  if (!Number.isInteger(topK) || topK < 1) refuse('topK', topK, '1 or more');
  if (!(topP > 0 && topP <= 1)) refuse('topP', topP, 'more than 0 and at most 1');
  if (!Number.isSafeInteger(seed)) refuse('seed', seed, 'a whole number');
}

// Continues a sequence of tokens: greedily, or by drawing from the distribution after temperature, top-k and
// top-p. Draws come from one seed, so the same call gives the same tokens.
//
// Sources: Fan et al. 2018 (top-k); Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"
// (top-p).
import { LeiaError } from '../core/error.ts';
import { Decoder } from './inference.ts';
import type { LlamaModel } from './llama-model.ts';

export interface SamplingOptions {
  /** Divides the logits; below 1 sharper, above 1 flatter. 1 unless given. */
  readonly temperature?: number;
  /** Draws only from so many likeliest tokens. */
  readonly topK?: number;
  /** Draws only from the likeliest tokens that together reach this probability. */
  readonly topP?: number;
  readonly seed: number;
}

export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** Draws; greedy without. */
  readonly sampling?: SamplingOptions | undefined;
  /** Ends before any of these tokens. */
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
  const choose = sampling ? sampler(sampling) : likeliest;
  // The last new token is never fed.
  using decoder = new Decoder(model, prompt.length + maxNewTokens - 1);
  let logits = await decoder.feed(prompt);
  for (let count = 1; ; count++) {
    const id = choose(logits);
    if (stopIds.includes(id)) return;
    yield id;
    if (count === maxNewTokens) return;
    logits = await decoder.feed([id]);
  }
}

/** The index of the largest value, the first of equals. */
export function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) {
    if ((logits[i] as number) > (logits[best] as number)) best = i;
  }
  return best;
}

/** A function that draws one token from logits, with a random sequence of its own. */
export function sampler(options: SamplingOptions): (logits: Float32Array) => number {
  const { temperature = 1, topK = Number.POSITIVE_INFINITY, topP = 1, seed } = options;
  const refuse = (name: string, value: number, expected: string) => {
    throw new LeiaError('argument', `generate: ${name} is ${value}, expected ${expected}`);
  };
  if (!(temperature > 0)) refuse('temperature', temperature, 'a positive number');
  if (!(topK >= 1)) refuse('topK', topK, '1 or more');
  if (!(topP > 0 && topP <= 1)) refuse('topP', topP, 'more than 0 and at most 1');
  const random = randomNumbers(seed);
  return (logits) => {
    const ids = Array.from(logits.keys()).sort(
      (a, b) => (logits[b] as number) - (logits[a] as number) || a - b,
    );
    const highest = logits[ids[0] as number] as number;
    const weights = ids
      .slice(0, Math.min(topK, ids.length))
      .map((id) => Math.exp(((logits[id] as number) - highest) / temperature));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let kept = 0;
    let mass = 0;
    while (kept < weights.length && (kept === 0 || mass < topP * total)) {
      mass += weights[kept++] as number;
    }
    let left = random() * mass;
    for (let i = 0; i < kept; i++) {
      left -= weights[i] as number;
      if (left < 0) return ids[i] as number;
    }
    return ids[kept - 1] as number;
  };
}

/** Uniform numbers in [0, 1): the SplitMix64 sequence of a seed, 53 bits each (Steele et al. 2014). */
function randomNumbers(seed: number): () => number {
  let state = BigInt.asUintN(64, BigInt(seed));
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
  };
}

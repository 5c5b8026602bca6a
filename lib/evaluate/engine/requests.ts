// What the engine is asked for: log-likelihoods of continuations and greedy continuations of prompts, both over token
// ids. How a text becomes ids, and what a too long one loses, is decided before, by the evaluation's protocol: the
// engine refuses what does not fit into the model.
import { z } from 'zod';
import type { LlamaModel } from '../../llama/llama-model.ts';
import { LeiaError } from '../../system/error.ts';
import type { KeptResults } from './kept-results.ts';

/** A continuation to be scored, and what it continues. */
export interface LogLikelihoodRequest {
  /** Token ids, at least one. */
  readonly context: readonly number[];
  /** Token ids, at least one. */
  readonly continuation: readonly number[];
}

/** A kept {@link LogLikelihood}. */
export const logLikelihoodSchema = z.object({
  logLikelihood: z.number(),
  isGreedy: z.boolean(),
  tokens: z.int().positive(),
});

/** How likely a model finds a continuation. */
export interface LogLikelihood {
  /** Natural logarithm, summed over the continuation. */
  readonly logLikelihood: number;
  /** Whether every token of the continuation is the likeliest at its place. */
  readonly isGreedy: boolean;
  /** Tokens of the continuation. */
  readonly tokens: number;
}

/** A prompt to be continued. */
export interface GenerationRequest {
  /** Token ids, at least one. */
  readonly prompt: readonly number[];
  readonly maxNewTokens: number;
  /** Texts at which the continuation ends; it does not contain them. */
  readonly stops: readonly string[];
}

/** What a model has written. */
export interface Generation {
  /** The new tokens, with those that spell a stop and without the model's end token. */
  readonly ids: number[];
  /** Their text up to the first stop, without control tokens. */
  readonly text: string;
}

/** A kept {@link Generation}. */
export const generationSchema = z.object({
  ids: z.array(z.int().nonnegative()),
  text: z.string(),
});

/** How requests are computed. */
export interface EngineOptions {
  /** Tokens computed at once, padding included. `auto`: as many as the device has memory for, within reason. */
  readonly batchTokens: 'auto' | number;
  /** Longest input in tokens; the model's `max_position_embeddings` unless given, and never more. */
  readonly maxLength?: number;
  /** Compute what requests have in common at their beginning once; on unless false. The results are the same. */
  readonly sharePrefixes?: boolean;
  /** Where results are kept, so that a later call has them at once. */
  readonly keep?: KeptResults;
  /** Called after every batch with the number of requests done. */
  onProgress?(done: number, total: number): void;
}

/** @throws LeiaError `argument`, naming the request by its number from 1. */
export function checkLogLikelihoods(
  model: LlamaModel,
  requests: readonly LogLikelihoodRequest[],
  options: EngineOptions,
): void {
  const longest = longestInput(model, options);
  for (const [index, { context, continuation }] of requests.entries()) {
    if (context.length === 0) refuse(index, 'the context is empty');
    if (continuation.length === 0) refuse(index, 'the continuation is empty');
    checkIds(model, index, context);
    checkIds(model, index, continuation);
    const fed = context.length + continuation.length - 1;
    if (fed > longest) {
      refuse(
        index,
        `context and continuation have ${fed + 1} tokens, the model takes ${longest} and predicts one more; shorten the context`,
      );
    }
  }
}

/** @throws LeiaError `argument`, naming the request by its number from 1. */
export function checkGenerations(
  model: LlamaModel,
  requests: readonly GenerationRequest[],
  options: EngineOptions,
): void {
  const longest = longestInput(model, options);
  for (const [index, { prompt, maxNewTokens, stops }] of requests.entries()) {
    if (prompt.length === 0) refuse(index, 'the prompt is empty');
    if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) {
      refuse(index, `maxNewTokens is ${maxNewTokens}, expected 1 or more`);
    }
    if (stops.includes('')) refuse(index, 'a stop is an empty text');
    checkIds(model, index, prompt);
    // The last new token is never fed.
    if (prompt.length + maxNewTokens - 1 > longest) {
      refuse(
        index,
        `a prompt of ${prompt.length} tokens and ${maxNewTokens} new ones, the model takes ${longest}; shorten the prompt or ask for fewer`,
      );
    }
  }
}

function longestInput({ config }: LlamaModel, { maxLength }: EngineOptions): number {
  const { maxPositionEmbeddings } = config;
  if (maxLength === undefined) return maxPositionEmbeddings;
  if (Number.isInteger(maxLength) && maxLength > 0) {
    return Math.min(maxLength, maxPositionEmbeddings);
  }
  throw new LeiaError('argument', `maxLength is ${maxLength}, expected 1 or more`);
}

function checkIds({ config }: LlamaModel, index: number, ids: readonly number[]): void {
  const { vocabSize } = config;
  const outside = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (outside === undefined) return;
  refuse(index, `token id ${outside} is outside the vocabulary of ${vocabSize}`);
}

function refuse(index: number, what: string): never {
  throw new LeiaError('argument', `request ${index + 1}: ${what}`);
}

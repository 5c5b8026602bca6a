// Greedy continuations of many prompts, which end at a text, at the model's end token, or after so many tokens.
import { generate } from '../../llama/generate.ts';
import { endTokenIds } from '../../llama/generation-config.ts';
import type { LlamaModel } from '../../llama/llama-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import {
  checkGenerations,
  type EngineOptions,
  type Generation,
  type GenerationRequest,
} from './requests.ts';

/**
 * Continues every prompt greedily; results are in the order of the requests.
 *
 * @throws LeiaError `argument` for what does not fit into the model: an empty prompt, ids outside the vocabulary, more
 *   tokens than the model takes.
 */
export async function generateBatch(
  model: LlamaModel,
  tokenizer: Tokenizer,
  requests: readonly GenerationRequest[],
  options: EngineOptions,
): Promise<Generation[]> {
  checkGenerations(model, requests, options);
  const stopIds = await endIdsOf(model, tokenizer);
  const results: Generation[] = [];
  for (const { prompt, maxNewTokens, stops } of requests) {
    const ids: number[] = [];
    let text = '';
    for await (const id of generate(model, prompt, { maxNewTokens, stopIds })) {
      ids.push(id);
      const whole = await tokenizer.decode(ids, { skipSpecialTokens: true });
      text = beforeStop(whole, stops);
      if (text !== whole) break;
    }
    results.push({ ids, text });
    options.onProgress?.(results.length, requests.length);
  }
  return results;
}

/** The ids that end a continuation: those the model's folder names, else the tokenizer's EOS. */
async function endIdsOf(model: LlamaModel, tokenizer: Tokenizer): Promise<readonly number[]> {
  const { folder, config } = model;
  const named = folder === undefined ? config.eosTokenIds : await endTokenIds(folder, config);
  return named.length > 0 ? named : [tokenizer.eosId];
}

/** A text up to the first stop in it. */
function beforeStop(text: string, stops: readonly string[]): string {
  const places = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return places.length === 0 ? text : text.slice(0, Math.min(...places));
}

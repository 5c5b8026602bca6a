// What the engine must give, computed as plainly as possible: one request at a time, in one pass without a cache, sums
// in float64.
import type {
  Generation,
  GenerationRequest,
  LogLikelihood,
  LogLikelihoodRequest,
} from '../../../lib/evaluate/engine/requests.ts';
import type { LlamaModel } from '../../../lib/llama/llama-model.ts';
import type { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';

/** The logits of a sequence's last tokens, one row for each. */
async function lastLogits(model: LlamaModel, ids: readonly number[], count: number) {
  const logits = await model.forward(ids).logits.readFloats();
  const { vocabSize } = model.config;
  return Array.from({ length: count }, (_, i) => {
    const at = ids.length - count + i;
    return logits.slice(at * vocabSize, (at + 1) * vocabSize);
  });
}

/** The index of the largest value, the first of equals. */
function argmax(values: Float32Array): number {
  return values.indexOf(values.reduce((a, b) => Math.max(a, b)));
}

export async function plainLogLikelihood(
  model: LlamaModel,
  { context, continuation }: LogLikelihoodRequest,
): Promise<LogLikelihood> {
  const tokens = continuation.length;
  const fed = [...context, ...continuation].slice(0, -1);
  let logLikelihood = 0;
  let isGreedy = true;
  for (const [i, row] of (await lastLogits(model, fed, tokens)).entries()) {
    const target = continuation[i] as number;
    const highest = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, logit) => total + Math.exp(logit - highest), 0);
    logLikelihood += (row[target] as number) - highest - Math.log(sum);
    isGreedy &&= argmax(row) === target;
  }
  return { logLikelihood, isGreedy, tokens };
}

export async function plainGeneration(
  model: LlamaModel,
  tokenizer: Tokenizer,
  { prompt, maxNewTokens, stops }: GenerationRequest,
  endIds: readonly number[] = model.config.eosTokenIds,
): Promise<Generation> {
  const ids: number[] = [];
  let text = '';
  while (ids.length < maxNewTokens) {
    const [row] = await lastLogits(model, [...prompt, ...ids], 1);
    const id = argmax(row as Float32Array);
    if (endIds.includes(id)) break;
    ids.push(id);
    text = await tokenizer.decode(ids, { skipSpecialTokens: true });
    const stop = stops.filter((each) => text.includes(each)).map((each) => text.indexOf(each));
    if (stop.length > 0) return { ids, text: text.slice(0, Math.min(...stop)) };
  }
  return { ids, text };
}

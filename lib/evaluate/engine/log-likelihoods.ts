// Log-likelihoods of continuations given contexts.
import { argmax } from '../../llama/generate.ts';
import { LogitsReader } from '../../llama/inference.ts';
import type { LlamaModel } from '../../llama/llama-model.ts';
import { LeiaError } from '../../system/error.ts';
import {
  checkLogLikelihoods,
  type EngineOptions,
  type LogLikelihood,
  type LogLikelihoodRequest,
} from './requests.ts';

/**
 * Sums of the continuations' log-probabilities, in the order of the requests.
 *
 * @throws LeiaError `argument` for what does not fit into the model: an empty part, ids outside the vocabulary, more
 *   tokens than the model takes; `execution` if the model's output is not finite.
 */
export async function logLikelihoods(
  model: LlamaModel,
  requests: readonly LogLikelihoodRequest[],
  options: EngineOptions,
): Promise<LogLikelihood[]> {
  checkLogLikelihoods(model, requests, options);
  const results: LogLikelihood[] = [];
  using reader = new LogitsReader(model);
  for (const request of requests) {
    results.push(await scoreOne(reader, request, model.config.vocabSize));
    options.onProgress?.(results.length, requests.length);
  }
  return results;
}

async function scoreOne(
  reader: LogitsReader,
  { context, continuation }: LogLikelihoodRequest,
  vocabSize: number,
): Promise<LogLikelihood> {
  const positions = continuation.map((_, i) => context.length - 1 + i);
  const logits = await reader.read([...context, ...continuation].slice(0, -1), positions);
  let logLikelihood = 0;
  let isGreedy = true;
  for (const [i, target] of continuation.entries()) {
    const row = logits.subarray(i * vocabSize, (i + 1) * vocabSize);
    const best = argmax(row);
    logLikelihood += logProbability(row, target, row[best] as number);
    isGreedy &&= best === target;
  }
  if (!Number.isFinite(logLikelihood)) {
    throw new LeiaError('execution', "the model's output is not finite");
  }
  return { logLikelihood, isGreedy, tokens: continuation.length };
}

/** `log softmax(logits)[target]`, in float64. */
function logProbability(logits: Float32Array, target: number, highest: number): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - highest);
  return (logits[target] as number) - highest - Math.log(sum);
}

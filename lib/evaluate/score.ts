// Log-likelihood of continuations given contexts, as lm-evaluation-harness computes it: context and
// continuation are joined, cut on the left to the model's length, and the log-probabilities of the
// continuation's tokens are summed, in float64, without normalising by length.
import { argmax } from '../llama/generate.ts';
import { LogitsReader } from '../llama/inference.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import { LeiaError } from '../system/error.ts';

export interface ScoreRequest {
  /** An empty context becomes one token, so that the first token of the continuation has something before it. */
  readonly context: readonly number[];
  readonly continuation: readonly number[];
}

export interface Score {
  /** Natural logarithm, summed over the continuation. */
  readonly logLikelihood: number;
  /** Whether every token of the continuation is the likeliest at its place. */
  readonly isGreedy: boolean;
  /** Tokens of the continuation. */
  readonly tokens: number;
}

export interface ScoreOptions {
  /** Longest input of the model, in tokens; its `max_position_embeddings` unless given. */
  readonly maxLength?: number;
  /** What stands for an empty context: the model's BOS, or EOS if it has none, unless given. */
  readonly emptyContext?: number | undefined;
  /** Tokens computed at once, padding included. */
  readonly batchTokens?: number;
  /** Called after every batch with the number of requests done. */
  readonly onProgress?: (done: number) => void;
}

/** A request as the model gets it: `inputs` are all tokens but the last, `targets` are those of the continuation. */
interface Prepared {
  readonly index: number;
  readonly inputs: readonly number[];
  readonly targets: readonly number[];
}

/**
 * Scores requests, similar lengths together; results are in the order of the requests.
 *
 * @throws LeiaError `argument` for an empty continuation, one longer than the model takes, or ids outside
 *   the vocabulary.
 */
export async function scoreRequests(
  model: LlamaModel,
  requests: readonly ScoreRequest[],
  options: ScoreOptions = {},
): Promise<Score[]> {
  const { batchTokens = 4096 } = options;
  const prepared = requests.map((request, index) => prepare(model, request, index, options));
  // Longest first: what does not fit into memory fails at once, not at the end.
  prepared.sort((a, b) => b.inputs.length - a.inputs.length || a.index - b.index);
  const scores = new Array<Score>(requests.length);
  using reader = new LogitsReader(model);
  for (let start = 0; start < prepared.length; ) {
    const sequence = prepared[start]?.inputs.length ?? 1;
    const count = Math.max(1, Math.floor(batchTokens / sequence));
    const group = prepared.slice(start, start + count);
    await scoreGroup(model, reader, group, sequence, scores);
    start += group.length;
    options.onProgress?.(start);
  }
  return scores;
}

function prepare(
  model: LlamaModel,
  { context, continuation }: ScoreRequest,
  index: number,
  options: ScoreOptions,
): Prepared {
  const { config } = model;
  const refuse = (what: string): never => {
    throw new LeiaError('argument', `request ${index + 1}: ${what}`);
  };
  const { maxLength = config.maxPositionEmbeddings } = options;
  const outside = [...context, ...continuation].find((id) => !(id >= 0 && id < config.vocabSize));
  if (outside !== undefined) {
    refuse(`token id ${outside} is outside the vocabulary of ${config.vocabSize}`);
  }
  if (continuation.length === 0) refuse('the continuation is empty');
  if (continuation.length > maxLength) {
    refuse(`the continuation has ${continuation.length} tokens, the model takes ${maxLength}`);
  }
  const stand = options.emptyContext ?? config.bosTokenId ?? config.eosTokenIds[0];
  if (context.length === 0 && stand === undefined) {
    refuse('the context is empty and the model has neither BOS nor EOS to stand for it');
  }
  const before = context.length === 0 ? [stand as number] : context;
  const kept = [...before, ...continuation].slice(-(maxLength + 1));
  return { index, inputs: kept.slice(0, -1), targets: continuation };
}

async function scoreGroup(
  model: LlamaModel,
  reader: LogitsReader,
  group: readonly Prepared[],
  sequence: number,
  scores: Score[],
): Promise<void> {
  const rows = group.map(({ inputs }) => {
    const row = new Int32Array(sequence);
    row.set(inputs);
    return row;
  });
  const positions = group.flatMap(({ inputs, targets }, row) =>
    targets.map((_, i) => row * sequence + inputs.length - targets.length + i),
  );
  const logits = await reader.read(rows, positions);
  const { vocabSize } = model.config;
  let at = 0;
  for (const { index, targets } of group) {
    let logLikelihood = 0;
    let isGreedy = true;
    for (const target of targets) {
      const row = logits.subarray(at * vocabSize, ++at * vocabSize);
      const best = argmax(row);
      logLikelihood += logProbability(row, target, row[best] as number);
      isGreedy &&= best === target;
    }
    if (!Number.isFinite(logLikelihood)) {
      throw new LeiaError('execution', `request ${index + 1}: the model's output is not finite`);
    }
    scores[index] = { logLikelihood, isGreedy, tokens: targets.length };
  }
}

/** `log softmax(logits)[target]`, in float64. */
function logProbability(logits: Float32Array, target: number, highest: number): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - highest);
  return (logits[target] as number) - highest - Math.log(sum);
}

// Greedy continuations of many prompts at once, which end at a text, at the model's end token, or after so many
// tokens. Prompts of similar lengths share a batch; what they all begin with is computed once. A row that is finished
// leaves the batch, and the last one takes its place.
import * as ops from '../../core/ops.ts';
import { endTokenIds } from '../../llama/generation-config.ts';
import { Inference, type PassOutput } from '../../llama/inference.ts';
import { KeyValueCache } from '../../llama/key-value-cache.ts';
import type { LlamaModel } from '../../llama/llama-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { type BatchPlan, planBatches } from './batch-tokens.ts';
import { sharedLength } from './prefix-tree.ts';
import {
  checkGenerations,
  type EngineOptions,
  type Generation,
  type GenerationRequest,
  generationSchema,
} from './requests.ts';

/** A prompt and what follows it so far. */
interface Sequence extends GenerationRequest {
  readonly index: number;
  readonly ids: number[];
}

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
  const { keep, onProgress, sharePrefixes = true } = options;
  const plan = planBatches(model, options.batchTokens);
  const endIds = await endIdsOf(model, tokenizer);
  const keyOf = ({ prompt, maxNewTokens, stops }: GenerationRequest) => ({
    generation: [prompt, maxNewTokens, stops, endIds, tokenizer.hash],
  });
  const results = requests.map(
    (request) => generationSchema.safeParse(keep?.get(keyOf(request))).data,
  );
  const sequences = requests.flatMap((request, index): Sequence[] =>
    results[index] === undefined ? [{ ...request, index, ids: [] }] : [],
  );
  let done = requests.length - sequences.length;
  if (done > 0) onProgress?.(done, requests.length);
  using generator = new BatchGenerator(model, tokenizer, plan, endIds, sharePrefixes);
  for (const batch of batchesOf(sequences, plan)) {
    for await (const finished of generator.generate(batch)) {
      for (const { index, ids, text } of finished) results[index] = { ids, text };
      await keep?.add(
        finished.map(({ index }) => [keyOf(requests[index]!), results[index]] as const),
      );
      done += finished.length;
      onProgress?.(done, requests.length);
    }
  }
  return results as Generation[];
}

/** The ids that end a continuation: those the model's folder names, else the tokenizer's EOS. */
async function endIdsOf(model: LlamaModel, tokenizer: Tokenizer): Promise<readonly number[]> {
  const { folder, config } = model;
  const named = folder === undefined ? config.eosTokenIds : await endTokenIds(folder, config);
  return named.length > 0 ? named : [tokenizer.eosId];
}

/** Similar lengths together, the longest first, as many as a cache has room for. */
function* batchesOf(
  sequences: readonly Sequence[],
  { cacheTokens }: BatchPlan,
): Generator<Sequence[]> {
  const sorted = sequences.toSorted((a, b) => b.prompt.length - a.prompt.length);
  let batch: Sequence[] = [];
  for (const sequence of sorted) {
    const next = [...batch, sequence];
    if (batch.length > 0 && next.length * capacityOf(next) > cacheTokens) {
      yield batch;
      batch = [sequence];
    } else batch = next;
  }
  if (batch.length > 0) yield batch;
}

/** Tokens that each row needs room for. The last new token is never fed. */
function capacityOf(sequences: readonly Sequence[]): number {
  return Math.max(...sequences.map(({ prompt, maxNewTokens }) => prompt.length + maxNewTokens - 1));
}

type Finished = { readonly index: number } & Generation;

class BatchGenerator implements Disposable {
  readonly #tokenizer: Tokenizer;
  readonly #plan: BatchPlan;
  readonly #endIds: readonly number[];
  readonly #share: boolean;
  readonly #inference: Inference;

  constructor(
    model: LlamaModel,
    tokenizer: Tokenizer,
    plan: BatchPlan,
    endIds: readonly number[],
    share: boolean,
  ) {
    this.#tokenizer = tokenizer;
    this.#plan = plan;
    this.#endIds = endIds;
    this.#share = share;
    this.#inference = new Inference(model);
  }

  /** Yields sequences of a batch as they end. */
  async *generate(batch: readonly Sequence[]): AsyncGenerator<Finished[], void, undefined> {
    const shared = this.#share ? sharedLength(batch.map(({ prompt }) => prompt)) : 0;
    using cache = this.#cacheOf(batch, shared);
    const active = [...batch];
    let next = await this.#feedPrompts(cache, batch, shared);
    for (;;) {
      const finished = await this.#append(active, next);
      this.#remove(cache, active, finished);
      if (finished.length > 0) yield finished;
      if (active.length === 0) return;
      const rows = active.map(({ ids }) => ids.slice(-1));
      const lengths = active.map(({ prompt, ids }) => prompt.length + ids.length - 1);
      const output = this.#inference.extend(cache, rows, lengths);
      next = await this.#likeliest(
        output,
        active.map((_, row) => row),
      );
    }
  }

  /** A row for each sequence, with the tokens that all prompts begin with. */
  #cacheOf(batch: readonly Sequence[], shared: number): KeyValueCache {
    const { model } = this.#inference;
    const capacity = capacityOf(batch);
    if (shared === 0) return new KeyValueCache(model, { rows: batch.length, capacity });
    using beginning = new KeyValueCache(model, { rows: 1, capacity: shared });
    this.#inference.begin([(batch[0] as Sequence).prompt.slice(0, shared)], beginning);
    return KeyValueCache.copy(
      beginning,
      batch.map(() => 0),
      capacity,
    );
  }

  /** Feeds what is left of the prompts, and gives each one's first new token. */
  async #feedPrompts(
    cache: KeyValueCache,
    batch: readonly Sequence[],
    shared: number,
  ): Promise<number[]> {
    const tokens: number[] = [];
    // The longest come first.
    const longest = (batch[0] as Sequence).prompt.length - shared;
    const count = Math.max(1, Math.floor(this.#plan.batchTokens / longest));
    for (let first = 0; first < batch.length; first += count) {
      const rows = batch.slice(first, first + count).map(({ prompt }) => prompt.slice(shared));
      const lengths = rows.map(() => shared);
      const output = this.#inference.extend(cache, rows, lengths, first);
      const last = rows.map(({ length }, row) => row * output.sequence + length - 1);
      tokens.push(...(await this.#likeliest(output, last)));
    }
    return tokens;
  }

  async #likeliest(output: PassOutput, places: readonly number[]): Promise<number[]> {
    using logits = this.#inference.logits(output, places);
    using tokens = ops.sampleToken({ logits, temperature: 0 }).tokens;
    return [...(await tokens.read())];
  }

  /** Gives each sequence its next token, and those that end with it. */
  async #append(active: readonly Sequence[], next: readonly number[]): Promise<Finished[]> {
    const finished: Finished[] = [];
    for (const [row, { index, ids, stops, maxNewTokens }] of active.entries()) {
      const id = next[row] as number;
      const isEnd = this.#endIds.includes(id);
      if (!isEnd) ids.push(id);
      const isLast = isEnd || ids.length === maxNewTokens;
      if (!isLast && stops.length === 0) continue;
      const whole = await this.#textOf(ids);
      const text = beforeStop(whole, stops);
      if (isLast || text !== whole) finished.push({ index, ids, text });
    }
    return finished;
  }

  /** A model may have rows that its tokenizer knows nothing of. */
  async #textOf(ids: readonly number[]): Promise<string> {
    const { vocabSize } = this.#tokenizer;
    const known = ids.filter((id) => id < vocabSize);
    return await this.#tokenizer.decode(known, { skipSpecialTokens: true });
  }

  /** Takes finished sequences out of the batch: the last one's tokens go where theirs were. */
  #remove(cache: KeyValueCache, active: Sequence[], finished: readonly Finished[]): void {
    const ended = new Set(finished.map(({ index }) => index));
    for (let row = active.length - 1; row >= 0; row--) {
      if (!ended.has((active[row] as Sequence).index)) continue;
      const last = active.pop() as Sequence;
      if (row === active.length) continue;
      cache.moveRow(active.length, row, last.prompt.length + last.ids.length - 1);
      active[row] = last;
    }
  }

  [Symbol.dispose](): void {
    this.#inference[Symbol.dispose]();
  }
}

/** A text up to the first stop in it. */
function beforeStop(text: string, stops: readonly string[]): string {
  const places = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return places.length === 0 ? text : text.slice(0, Math.min(...places));
}

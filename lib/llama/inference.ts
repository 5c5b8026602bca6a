// Passes without gradients over a batch of sequences, with a cache of keys and values or without. Rows of a batch may
// differ in length: they are padded at the end, where causal attention keeps padding out of what comes before it, and
// each row sees as many keys of its cache as it has tokens. So what a row gives does not depend on the others.
//
// The output matrix, which costs the most with a large vocabulary, is applied only to the positions that are asked for.
import { type Allocation, allocate } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { type Activations, activationLayout } from './activations.ts';
import { packIds } from './batch.ts';
import { KeyValueCache } from './key-value-cache.ts';
import type { LlamaModel } from './llama-model.ts';
import { type CachedLayer, forwardTrunk, linear } from './model.ts';

type TokenRow = readonly number[];

/** What a pass computed, in memory that the next pass overwrites. */
export interface PassOutput {
  /** [rows * sequence, hidden], normalised, what the output matrix sees. */
  readonly final: Tensor;
  /** Tokens of a row, padding included. */
  readonly sequence: number;
}

/** Runs passes of a model; memory is kept for the next pass of the same shape. */
export class Inference implements Disposable {
  readonly model: LlamaModel;
  #memory: Allocation<ReturnType<typeof activationLayout>> | undefined;

  constructor(model: LlamaModel) {
    this.model = model;
  }

  /**
   * Computes rows from their first token on. With `cache`, of exactly as many rows, and room for exactly the longest of
   * them, their keys and values are left there.
   *
   * @throws LeiaError `argument` for ids outside the vocabulary, or more tokens than the model has positions.
   */
  begin(rows: readonly TokenRow[], cache?: KeyValueCache): PassOutput {
    const { config, device, hooks } = this.model;
    const { batch, sequence, values } = packIds(padded(rows), config.vocabSize);
    this.model.checkLength(sequence);
    const activations = this.#activations(batch, sequence);
    using ids = Tensor.from(values, [batch, sequence], { device });
    const layers = activations.layers.map((own, index) => ({ ...own, ...cache?.layers[index] }));
    const { cos, sin } = this.model.ropeTables(sequence);
    const { listener } = this.model;
    const context = { config, ids, cos, sin, hooks, listener };
    forwardTrunk(context, this.model.weights, { ...activations, layers });
    return { final: activations.final, sequence };
  }

  /**
   * Computes tokens that continue rows of a cache, from row `first` on, and adds their keys and values. `lengths` says
   * how many tokens each of these rows has so far.
   *
   * @throws LeiaError `argument` for ids outside the vocabulary, or more tokens than the cache has room for, padding
   *   included.
   */
  extend(
    cache: KeyValueCache,
    rows: readonly TokenRow[],
    lengths: readonly number[],
    first = 0,
  ): PassOutput {
    const { config, device, weights, hooks } = this.model;
    const { batch, sequence, values } = packIds(padded(rows), config.vocabSize);
    const longest = Math.max(...lengths) + sequence;
    if (longest > cache.capacity) {
      throw new LeiaError(
        'argument',
        `${longest} tokens, the cache has room for ${cache.capacity}`,
      );
    }
    const positions = Int32Array.from(
      values,
      (_, i) => (lengths[Math.floor(i / sequence)] as number) + (i % sequence),
    );
    const places = positions.map(
      (position, i) => Math.floor(i / sequence) * cache.capacity + position,
    );
    const activations = this.#activations(batch, sequence);
    const layers = cache.slice(first, first + batch);
    using ids = Tensor.from(values, [batch, sequence], { device });
    using positionTensor = Tensor.from(positions, [batch, sequence], { device });
    using placeTensor = Tensor.from(places, [batch * sequence], { device });
    using lengthTensor = Tensor.from(
      Int32Array.from(lengths, (length) => length + sequence),
      [batch],
      { device },
    );
    const context = {
      config,
      ids,
      ...this.model.ropeTables(cache.capacity),
      hooks,
      listener: this.model.listener,
      cache: { positions: positionTensor, rows: placeTensor, lengths: lengthTensor, layers },
    };
    forwardTrunk(context, weights, activations);
    disposeLayers(layers);
    return { final: activations.final, sequence };
  }

  /**
   * The logits of some rows of a pass: [places, vocab], float32 also where the model is bfloat16, to be disposed of.
   *
   * @param places `row * sequence + position`, in any order.
   */
  logits({ final }: PassOutput, places: readonly number[]): Tensor {
    const { config, device, weights } = this.model;
    const count = places.length;
    using rows = Tensor.from(Int32Array.from(places), [count], { device });
    // The embedding's operation picks rows of any matrix.
    using chosen = ops.embeddingForward({ ids: rows, weight: final }).output;
    const logits = Tensor.empty([count, config.vocabSize], { device });
    linear(chosen, weights.head, logits);
    return logits;
  }

  /** Memory for a pass of this shape: what is there if it fits exactly, otherwise new. */
  #activations(batch: number, sequence: number): Activations {
    const { config, dtype, device } = this.model;
    const [heldBatch, heldSequence] = this.#memory?.tensors.embedded.shape ?? [];
    if (this.#memory === undefined || heldBatch !== batch || heldSequence !== sequence) {
      this.#memory?.[Symbol.dispose]();
      this.#memory = undefined;
      const layout = activationLayout(config, { batch, sequence, dtype, training: false });
      this.#memory = allocate(layout, device);
    }
    return this.#memory.tensors;
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.#memory?.[Symbol.dispose]();
    this.#memory = undefined;
  }
}

/** Rows as long as the longest, with a token at their end that nothing depends on. */
function padded(rows: readonly TokenRow[]): Int32Array[] {
  const sequence = Math.max(...rows.map(({ length }) => length));
  return rows.map((row) => {
    const whole = new Int32Array(sequence);
    whole.set(row);
    return whole;
  });
}

function disposeLayers(layers: readonly CachedLayer[]): void {
  for (const { key, value } of layers) {
    for (const { rows, heads } of [key, value]) {
      rows.dispose();
      heads.dispose();
    }
  }
}

/**
 * One sequence that grows: each call feeds further tokens and costs only those, since the keys and values of those before
 * are kept. For many sequences at once there is `generateBatch`.
 *
 * @throws LeiaError see the constructor and the methods.
 * @example
 * using decoder = new Decoder(model, 16);
 * const logits = await decoder.feed([5, 6, 7]);
 * logits.length === model.config.vocabSize; // true
 * const likeliest = await decoder.next([8], { temperature: 0 });
 * decoder.length; // 4
 */
export class Decoder implements Disposable {
  /** Tokens fed so far. */
  length = 0;
  readonly #inference: Inference;
  readonly #cache: KeyValueCache;

  /**
   * @param capacity tokens there is room for.
   * @throws LeiaError `argument` when the capacity is no positive whole number, or beyond the model's positions.
   */
  constructor(model: LlamaModel, capacity: number) {
    if (!(Number.isInteger(capacity) && capacity > 0)) {
      throw new LeiaError(
        'argument',
        `Decoder: capacity ${capacity}, expected a positive whole number`,
      );
    }
    model.checkLength(capacity);
    this.#inference = new Inference(model);
    this.#cache = new KeyValueCache(model, { rows: 1, capacity });
  }

  /**
   * Feeds tokens and returns the logits [vocab] of the one that comes next, float32.
   *
   * @param ids one or more.
   * @throws LeiaError `argument` for ids outside the vocabulary, none, or more than there is room for.
   */
  async feed(ids: TokenRow): Promise<Float32Array> {
    using logits = this.#advance(ids);
    return await logits.readFloats();
  }

  /**
   * Feeds tokens and chooses the one that comes next on the device: one number is read, no logits.
   *
   * @param choice as for {@link ops.sampleToken}: the likeliest with `{ temperature: 0 }`. `position` makes further draws.
   * @throws LeiaError `argument` as {@link feed}, or for a choice out of range.
   */
  async next(ids: TokenRow, choice: Omit<ops.SampleToken, 'logits'>): Promise<number> {
    using logits = this.#advance(ids);
    using tokens = ops.sampleToken({ ...choice, logits }).tokens;
    const [token] = await tokens.read();
    return token as number;
  }

  #advance(ids: TokenRow): Tensor {
    const output = this.#inference.extend(this.#cache, [ids], [this.length]);
    this.length += ids.length;
    return this.#inference.logits(output, [ids.length - 1]);
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.#inference[Symbol.dispose]();
    this.#cache[Symbol.dispose]();
  }
}

// Passes without gradients: logits of chosen positions for scoring, and token-by-token decoding with a cache
// of keys and values. The output matrix, which costs the most with a large vocabulary, is applied only to the
// positions that are asked for.
import { type Allocation, allocate } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { type Activations, activationLayout, type Heads } from './activations.ts';
import { packIds, type TokenRows } from './batch.ts';
import type { LlamaModel } from './llama-model.ts';
import { forwardTrunk, linear } from './model.ts';

type ActivationMemory = Allocation<ReturnType<typeof activationLayout>>;

/** Memory for a pass of this shape without gradients: what is `there` if it fits exactly, otherwise new. */
function activationMemory(
  { config, dtype, device }: LlamaModel,
  { batch, sequence }: { batch: number; sequence: number },
  there: ActivationMemory | undefined,
): ActivationMemory {
  const [heldBatch, heldSequence] = there?.tensors.embedded.shape ?? [];
  if (there && heldBatch === batch && heldSequence === sequence) return there;
  there?.[Symbol.dispose]();
  const layout = activationLayout(config, { batch, sequence, dtype, training: false });
  return allocate(layout, device);
}

/** Computes logits of some positions of a batch. Memory is kept for the next batch of the same shape. */
export class LogitsReader implements Disposable {
  readonly #model: LlamaModel;
  #memory: ActivationMemory | undefined;

  constructor(model: LlamaModel) {
    this.#model = model;
  }

  /**
   * @param ids rows of equal length; pad them at the end, where padding changes no position before it.
   * @param positions row-major places `row * sequence + position`, in any order.
   * @returns float32 [positions, vocab], row-major.
   */
  async read(ids: TokenRows, positions: readonly number[]): Promise<Float32Array> {
    const { config, weights, device, dtype } = this.#model;
    const packed = packIds(ids, config.vocabSize);
    const { batch, sequence } = packed;
    this.#model.checkLength(sequence);
    this.#memory = activationMemory(this.#model, { batch, sequence }, this.#memory);
    const activations = this.#memory.tensors;
    using idTensor = Tensor.from(packed.values, [batch, sequence], { device });
    const { cos, sin } = this.#model.ropeTables(sequence);
    forwardTrunk({ config, ids: idTensor, cos, sin }, weights, activations);
    // The embedding's operation picks rows of any matrix.
    using rows = Tensor.from(Int32Array.from(positions), [positions.length], { device });
    using chosen = ops.embeddingForward({ ids: rows, weight: activations.final }).output;
    using logits = Tensor.empty([positions.length, config.vocabSize], { dtype, device });
    linear(chosen, weights.head, logits);
    return await logits.readFloats();
  }

  [Symbol.dispose](): void {
    this.#memory?.[Symbol.dispose]();
  }
}

/** One sequence that grows: each call feeds further tokens and costs only those. */
export class Decoder implements Disposable {
  /** Tokens the cache has room for. */
  readonly capacity: number;
  /** Tokens fed so far. */
  length = 0;
  readonly #model: LlamaModel;
  readonly #keys: readonly Tensor[];
  readonly #values: readonly Tensor[];
  readonly #logits: Tensor;
  readonly #token: Tensor;
  #memory: ActivationMemory | undefined;

  /** @throws LeiaError `argument` when the capacity is beyond the model's positions. */
  constructor(model: LlamaModel, capacity: number) {
    model.checkLength(capacity);
    const { config, device, dtype } = model;
    const cache = () =>
      Array.from({ length: config.numHiddenLayers }, () =>
        Tensor.empty([capacity, config.numKeyValueHeads * config.headDim], { device, dtype }),
      );
    this.capacity = capacity;
    this.#model = model;
    this.#keys = cache();
    this.#values = cache();
    this.#logits = Tensor.empty([1, config.vocabSize], { device, dtype });
    this.#token = Tensor.empty([1], { device, dtype: 'int32' });
  }

  /** Feeds tokens and returns the logits [vocab] of the one that comes next. */
  async feed(ids: readonly number[]): Promise<Float32Array> {
    this.#advance(ids);
    return await this.#logits.readFloats();
  }

  /** Feeds tokens and chooses the one that comes next on the device: one number is read, no logits. */
  async next(ids: readonly number[], choice: Omit<ops.SampleToken, 'logits'>): Promise<number> {
    this.#advance(ids);
    ops.sampleToken({ ...choice, logits: this.#logits, tokens: this.#token });
    const [token] = await this.#token.read();
    return token as number;
  }

  #advance(ids: readonly number[]): void {
    const { config, weights, device } = this.#model;
    const { values, sequence: count } = packIds(ids, config.vocabSize);
    const start = this.length;
    const end = start + count;
    if (end > this.capacity) {
      throw new LeiaError('argument', `Decoder: ${end} tokens, there is room for ${this.capacity}`);
    }
    this.#memory = activationMemory(this.#model, { batch: 1, sequence: count }, this.#memory);
    const own = this.#memory.tensors;
    const tables = this.#model.ropeTables(this.capacity);
    const views: Tensor[] = [];
    const keep = (tensor: Tensor) => {
      views.push(tensor);
      return tensor;
    };
    const heads = (tensor: Tensor, rows: number) =>
      keep(tensor.view([1, rows, config.numKeyValueHeads, config.headDim]));
    /** The rows of a cache that this call fills. */
    const added = (cache: Tensor): Heads => {
      const rows = keep(cache.slice(start, end));
      return { rows, heads: heads(rows, count) };
    };
    const context = (cache: Tensor) => heads(keep(cache.slice(0, end)), end);
    const activations: Activations = {
      ...own,
      layers: own.layers.map((layer, index) => {
        const [keys, cached] = [this.#keys[index] as Tensor, this.#values[index] as Tensor];
        return {
          ...layer,
          key: added(keys),
          value: added(cached),
          keyContext: context(keys),
          valueContext: context(cached),
        };
      }),
    };
    const ids32 = keep(Tensor.from(values, [1, count], { device }));
    const cos = keep(tables.cos.slice(start, end));
    const sin = keep(tables.sin.slice(start, end));
    forwardTrunk({ config, ids: ids32, cos, sin }, weights, activations);
    linear(keep(activations.final.slice(count - 1, count)), weights.head, this.#logits);
    for (const view of views) view.dispose();
    this.length = end;
  }

  [Symbol.dispose](): void {
    this.#memory?.[Symbol.dispose]();
    for (const tensor of [...this.#keys, ...this.#values, this.#logits, this.#token])
      tensor.dispose();
  }
}

// Keys and values of tokens that were computed, so that tokens behind them cost only themselves. A cache has rows,
// one for each sequence, with room for so many tokens.
import { type Allocated, type Allocation, allocate, TensorLayout } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import { Tensor } from '../core/tensor.ts';
import type { LlamaConfig } from './config.ts';
import type { LlamaModel } from './llama-model.ts';
import type { CachedLayer } from './model.ts';
import type { ModelDtype } from './model-options.ts';

export interface CacheShape {
  readonly rows: number;
  /** Tokens that each row has room for. */
  readonly capacity: number;
}

/** The memory of a cache: for each layer [rows * capacity, keyValueHeads * headDim], twice. */
export function cacheLayout(
  config: LlamaConfig,
  { rows, capacity }: CacheShape,
  dtype: ModelDtype,
) {
  const { numHiddenLayers, numKeyValueHeads, headDim } = config;
  const heads = () => {
    const tokens = new TensorLayout([rows * capacity, numKeyValueHeads * headDim], dtype);
    return { rows: tokens, heads: tokens.view([rows, capacity, numKeyValueHeads, headDim]) };
  };
  return {
    layers: Array.from({ length: numHiddenLayers }, () => ({ key: heads(), value: heads() })),
  };
}

type CacheLayout = ReturnType<typeof cacheLayout>;

export class KeyValueCache implements Disposable {
  readonly model: LlamaModel;
  readonly rows: number;
  readonly capacity: number;
  readonly layers: Allocated<CacheLayout>['layers'];
  readonly #memory: Allocation<CacheLayout>;

  constructor(model: LlamaModel, shape: CacheShape) {
    this.model = model;
    this.rows = shape.rows;
    this.capacity = shape.capacity;
    this.#memory = allocate(cacheLayout(model.config, shape, model.dtype), model.device);
    this.layers = this.#memory.tensors.layers;
  }

  /**
   * A cache whose row i begins as row `from[i]` of another one: up to the smaller of both capacities. What lies behind
   * the tokens of a row is of no meaning.
   */
  static copy(other: KeyValueCache, from: readonly number[], capacity: number): KeyValueCache {
    const cache = new KeyValueCache(other.model, { rows: from.length, capacity });
    const last = other.capacity - 1;
    const sources = new Int32Array(from.length * capacity);
    for (const [row, source] of from.entries()) {
      for (let at = 0; at < capacity; at++) {
        sources[row * capacity + at] = source * other.capacity + Math.min(at, last);
      }
    }
    using ids = Tensor.from(sources, [sources.length], { device: other.model.device });
    for (const [index, layer] of cache.layers.entries()) {
      const source = other.layers[index] as CachedLayer;
      for (const part of ['key', 'value'] as const) {
        ops.embeddingForward({ ids, weight: source[part].rows, output: layer[part].rows });
      }
    }
    return cache;
  }

  /** Copies the first tokens of one row over those of another. */
  moveRow(from: number, to: number, tokens: number): void {
    const { capacity } = this;
    using places = Tensor.from(
      Int32Array.from({ length: tokens }, (_, at) => at),
      [tokens],
      { device: this.model.device },
    );
    for (const layer of this.layers) {
      for (const part of ['key', 'value'] as const) {
        using input = layer[part].rows.slice(from * capacity, from * capacity + tokens);
        using table = layer[part].rows.slice(to * capacity, to * capacity + tokens);
        ops.writeRows({ rows: places, input, table });
      }
    }
  }

  /** Views of some rows, to be disposed of. */
  slice(start: number, end: number): CachedLayer[] {
    const { capacity } = this;
    const part = ({ rows, heads }: CachedLayer['key']) => ({
      rows: rows.slice(start * capacity, end * capacity),
      heads: heads.slice(start, end),
    });
    return this.layers.map(({ key, value }) => ({ key: part(key), value: part(value) }));
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

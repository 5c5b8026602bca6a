import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

interface Attention {
  /** [batch, queries, heads, headDim], float32 or bfloat16. */
  query: Tensor;
  /** [batch, keys, kvHeads, headDim]; kvHeads divides heads (grouped-query attention). */
  key: Tensor;
  /** Shape of key. */
  value: Tensor;
  /** Query i sees keys up to i + (keys - queries): aligned bottom right. False by default. */
  causal?: boolean;
  /** Factor of the scores, 1/sqrt(headDim) by default. */
  scale?: number;
  /**
   * [batch, sequence], int32, for packed rows: the position where the document of each position
   * starts. A position sees only its own document. Needs as many queries as keys.
   */
  documentStarts?: Tensor;
}

export interface FlashAttentionForward extends Attention {
  /**
   * [batch], int32: how many of its keys each row has, as in a cache that is not full; what is behind them is not
   * looked at. Causal queries are the last of the row's own keys, so it has at least as many. Not with documents.
   */
  keyLengths?: Tensor;
  /** Shape and dtype of query. */
  output?: Tensor;
  /** [batch, heads, queries], float32: saved for backward. */
  logsumexp?: Tensor;
}

const nativeFlashAttentionForward = operation<
  FlashAttentionForward,
  'output' | 'logsumexp' | 'causal' | 'scale'
>('flashAttentionForward');

/**
 * Softmax attention without the matrix of scores (FlashAttention-2, Dao 2023): blocks of queries and
 * keys with an online softmax; memory is linear in the sequence. Head sizes are even, up to 256.
 * `logsumexp` is the natural logarithm of the sum of exponentials of the scaled scores.
 */
export function flashAttentionForward(args: FlashAttentionForward): {
  output: Tensor;
  logsumexp: Tensor;
} {
  nativeFlashAttentionForward.expect(args);
  const { query, causal = false, scale = defaultScale(query) } = args;
  const output = args.output ?? like(query);
  const [batch = 0, queries = 0, heads = 0] = query.shape;
  const logsumexp =
    args.logsumexp ?? Tensor.empty([batch, heads, queries], { device: query.device });
  nativeFlashAttentionForward(args, { causal, scale, output, logsumexp });
  return { output, logsumexp };
}

export interface FlashAttentionBackward extends Attention {
  /** Shape and dtype of query. */
  gradOutput: Tensor;
  /** From forward. */
  output: Tensor;
  /** From forward. */
  logsumexp: Tensor;
  /** Shape and dtype of query; overwritten. */
  gradQuery?: Tensor;
  /** Shape and dtype of key; overwritten: summed over the query heads of a group. */
  gradKey?: Tensor;
  /** Shape and dtype of value; overwritten. */
  gradValue?: Tensor;
}

const nativeFlashAttentionBackward = operation<
  FlashAttentionBackward,
  'gradQuery' | 'gradKey' | 'gradValue' | 'causal' | 'scale'
>('flashAttentionBackward');

/** Backward of {@link flashAttentionForward}; recomputes the probabilities from `logsumexp`. */
export function flashAttentionBackward(args: FlashAttentionBackward): {
  gradQuery: Tensor;
  gradKey: Tensor;
  gradValue: Tensor;
} {
  nativeFlashAttentionBackward.expect(args);
  const { query, key, value, causal = false, scale = defaultScale(query) } = args;
  const gradQuery = args.gradQuery ?? like(query);
  const gradKey = args.gradKey ?? like(key);
  const gradValue = args.gradValue ?? like(value);
  nativeFlashAttentionBackward(args, { causal, scale, gradQuery, gradKey, gradValue });
  return { gradQuery, gradKey, gradValue };
}

/** A query without a head size is refused by the operation. */
function defaultScale(query: Tensor): number {
  return 1 / Math.sqrt(query.shape[3] ?? 1);
}

import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** What both passes of attention take beside their tensors. */
export interface AttentionOptions {
  /** Query i sees keys up to i + (keys - queries): aligned bottom right. False by default. */
  causal?: boolean;
  /** Factor of the scores, 1/sqrt(headDim) by default. */
  scale?: number;
  /**
   * A sliding window, as flash-attention's `window_size`: query i, at position p = i + (keys - queries), sees the keys
   * from p - left to p + right; -1 is no bound, `[-1, -1]` the default. Other blocks of keys cost nothing. `causal` makes
   * right 0. A Mistral's `sliding_window` of w is `[w - 1, 0]`.
   */
  windowSize?: readonly [left: number, right: number];
  /** Bounds the scores: they become softcap * tanh(score / softcap), as in Gemma 2. 0, the default, is none. */
  softcap?: number;
  /**
   * [batch, sequence], int32, for packed rows: the position where the document of each position
   * starts. A position sees only its own document. Needs as many queries as keys.
   */
  documentStarts?: Tensor;
  /**
   * [batch], int32: how many of its keys each row has, as in a cache that is not full or a padded batch; what is behind
   * them is not looked at, and has the gradient 0. Causal queries, and those with a window, are the last of the row's own
   * keys, so it has at least as many, or none. Not with documents.
   */
  keyLengths?: Tensor;
}

interface Attention extends AttentionOptions {
  /** [batch, queries, heads, headDim], float32 or bfloat16. */
  query: Tensor;
  /** [batch, keys, kvHeads, headDim]; kvHeads divides heads (grouped-query attention). */
  key: Tensor;
  /** Shape of key. */
  value: Tensor;
}

/** Arguments of {@link flashAttentionForward}. */
export interface FlashAttentionForward extends Attention {
  /** Shape and dtype of query. */
  output?: Tensor;
  /** [batch, heads, queries], float32: saved for backward. */
  logsumexp?: Tensor;
}

type Numbers = 'causal' | 'scale' | 'windowSize' | 'softcap';

const nativeFlashAttentionForward = operation<
  FlashAttentionForward,
  'output' | 'logsumexp' | Numbers
>('flashAttentionForward');

/**
 * Softmax attention without the matrix of scores (FlashAttention-2, Dao 2023): blocks of queries and
 * keys with an online softmax; memory is linear in the sequence. Head sizes are even, up to 256; on
 * CUDA there are at most 65,535 batch entries and as many heads.
 * `logsumexp` is the natural logarithm of the sum of exponentials of the scores, scaled and bounded. A query that sees no
 * key, as in a row of length 0, has an output of zeros and a `logsumexp` of minus infinity.
 *
 * @throws LeiaError `argument` for a shape, dtype or option that does not fit. A `documentStarts` or `keyLengths` whose
 *   values cannot be is an error of the output: `execution`, when it is read.
 * @example
 * const query = Tensor.from([1, 0, 0, 1], [1, 2, 1, 2]);
 * const value = Tensor.from([1, 2, 3, 4], [1, 2, 1, 2]);
 * // Each position sees itself and the one before it.
 * const options = { causal: true, windowSize: [1, 0] } as const;
 * const { output } = ops.flashAttentionForward({ query, key: query, value, ...options });
 * await output.read(); // 1, 2, 2.34, 3.34
 */
export function flashAttentionForward(args: FlashAttentionForward): {
  output: Tensor;
  logsumexp: Tensor;
} {
  nativeFlashAttentionForward.expect(args);
  const { query } = args;
  const output = args.output ?? like(query);
  const [batch = 0, queries = 0, heads = 0] = query.shape;
  const logsumexp =
    args.logsumexp ?? Tensor.empty([batch, heads, queries], { device: query.device });
  nativeFlashAttentionForward(args, { ...numbersOf(args), output, logsumexp });
  return { output, logsumexp };
}

/** Arguments of {@link flashAttentionBackward}. */
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
  'gradQuery' | 'gradKey' | 'gradValue' | Numbers
>('flashAttentionBackward');

/**
 * Backward of {@link flashAttentionForward}, with the same options; recomputes the probabilities from `logsumexp`.
 *
 * @throws LeiaError `argument` and `execution`, as forward.
 * @example
 * const query = Tensor.from([1, 0, 0, 1], [1, 2, 1, 2]);
 * const operands = { query, key: query, value: query, causal: true };
 * const saved = ops.flashAttentionForward(operands);
 * const gradOutput = Tensor.from([1, 1, 1, 0], [1, 2, 1, 2]);
 * const { gradValue } = ops.flashAttentionBackward({ ...operands, ...saved, gradOutput });
 * await gradValue.read(); // 1.33, 1, 0.67, 0
 */
export function flashAttentionBackward(args: FlashAttentionBackward): {
  gradQuery: Tensor;
  gradKey: Tensor;
  gradValue: Tensor;
} {
  nativeFlashAttentionBackward.expect(args);
  const { query, key, value } = args;
  const gradQuery = args.gradQuery ?? like(query);
  const gradKey = args.gradKey ?? like(key);
  const gradValue = args.gradValue ?? like(value);
  nativeFlashAttentionBackward(args, { ...numbersOf(args), gradQuery, gradKey, gradValue });
  return { gradQuery, gradKey, gradValue };
}

/** A query without a head size is refused by the operation. */
function numbersOf({ query, ...options }: Attention) {
  const { causal = false, scale = 1 / Math.sqrt(query.shape[3] ?? 1) } = options;
  const { windowSize = unbounded, softcap = 0 } = options;
  return { causal, scale, windowSize, softcap };
}

const unbounded = [-1, -1] as const;

import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';

/** Arguments of {@link embeddingForward}. */
export interface EmbeddingForward {
  /** [...] of at most four dimensions, int32: each 0 to vocabulary - 1. */
  ids: Tensor;
  /** [vocabulary, hidden], float32 or bfloat16. */
  weight: Tensor;
  /** [..., hidden], dtype of weight. */
  output?: Tensor;
}

const nativeEmbeddingForward = operation<EmbeddingForward, 'output'>('embeddingForward');

/**
 * Rows of a table: `output[r] = weight[ids[r]]`. An id that is no row of the table is an error of the
 * stream, which names the id and its position.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const weight = Tensor.from([1, 2, 3, 4, 5, 6], [3, 2]);
 * const ids = Tensor.from(Int32Array.of(2, 0), [2]);
 * await ops.embeddingForward({ ids, weight }).output.read(); // 5, 6, 1, 2
 */
export function embeddingForward(args: EmbeddingForward): { output: Tensor } {
  nativeEmbeddingForward.expect(args);
  const { ids, weight } = args;
  const output = args.output ?? Tensor.empty([...ids.shape, weight.shape[1] ?? 0], weight);
  nativeEmbeddingForward(args, { output });
  return { output };
}

/** Arguments of {@link embeddingBackward}. */
export interface EmbeddingBackward {
  /** [..., hidden], float32 or bfloat16. */
  gradOutput: Tensor;
  /** [...], int32. */
  ids: Tensor;
  /** [vocabulary, hidden], float32; added to. */
  gradWeight: Tensor;
}

const nativeEmbeddingBackward = operation<EmbeddingBackward>('embeddingBackward');

/**
 * Backward of {@link embeddingForward}: `gradWeight[ids[r]] += gradOutput[r]`, in the order of r.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradOutput = Tensor.from([1, 2, 3, 4], [2, 2]);
 * const ids = Tensor.from(Int32Array.of(1, 1), [2]);
 * const gradWeight = Tensor.zeros([2, 2]);
 * await ops.embeddingBackward({ gradOutput, ids, gradWeight }).gradWeight.read(); // 0, 0, 4, 6
 */
export function embeddingBackward(args: EmbeddingBackward): { gradWeight: Tensor } {
  nativeEmbeddingBackward(args, {});
  return { gradWeight: args.gradWeight };
}

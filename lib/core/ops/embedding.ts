import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';

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
 */
export function embeddingForward(args: EmbeddingForward): { output: Tensor } {
  nativeEmbeddingForward.expect(args);
  const { ids, weight } = args;
  const output = args.output ?? Tensor.empty([...ids.shape, weight.shape[1] ?? 0], weight);
  nativeEmbeddingForward(args, { output });
  return { output };
}

export interface EmbeddingBackward {
  /** [..., hidden], float32 or bfloat16. */
  gradOutput: Tensor;
  /** [...], int32. */
  ids: Tensor;
  /** [vocabulary, hidden], float32; added to. */
  gradWeight: Tensor;
}

const nativeEmbeddingBackward = operation<EmbeddingBackward>('embeddingBackward');

/** Backward of {@link embeddingForward}: `gradWeight[ids[r]] += gradOutput[r]`, in the order of r. */
export function embeddingBackward(args: EmbeddingBackward): { gradWeight: Tensor } {
  nativeEmbeddingBackward(args, {});
  return { gradWeight: args.gradWeight };
}

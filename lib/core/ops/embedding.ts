import { addon, type Handle } from '../addon.ts';
import { Tensor } from '../tensor.ts';

export interface NativeEmbedding {
  embeddingForward(ids: Handle, weight: Handle, output: Handle): void;
  embeddingBackward(gradOutput: Handle, ids: Handle, gradWeight: Handle): void;
}

export interface EmbeddingForward {
  /** [...] of at most four dimensions, int32: each 0 to vocabulary - 1. */
  ids: Tensor;
  /** [vocabulary, hidden], float32 or bfloat16. */
  weight: Tensor;
  /** [..., hidden], dtype of weight. */
  output?: Tensor;
}

/**
 * Rows of a table: `output[r] = weight[ids[r]]`. An id that is no row of the table is an error of the
 * stream, which names the id and its position.
 */
export function embeddingForward({ ids, weight, ...args }: EmbeddingForward): { output: Tensor } {
  const output = args.output ?? Tensor.empty([...ids.shape, weight.shape[1] ?? 0], weight);
  addon().embeddingForward(ids.handle, weight.handle, output.handle);
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

/** Backward of {@link embeddingForward}: `gradWeight[ids[r]] += gradOutput[r]`, in the order of r. */
export function embeddingBackward(args: EmbeddingBackward): { gradWeight: Tensor } {
  const { gradOutput, ids, gradWeight } = args;
  addon().embeddingBackward(gradOutput.handle, ids.handle, gradWeight.handle);
  return { gradWeight };
}

/**
 * The two matrices of a LLaMA that have a row for every token id, the input embedding and the output head,
 * and how they change with the vocabulary. Rows are handled as float32; what is already bfloat16 comes back
 * bit for bit.
 */

/** Names of the parameters of shape [vocab, hidden]. With tied embeddings only the first exists. */
export const vocabularyParameters: readonly string[] = [
  'model.embed_tokens.weight',
  'lm_head.weight',
];

/** The mean of the first `rows` rows of a row-major matrix, summed in float64. */
export function meanRow(matrix: Float32Array, hiddenSize: number, rows: number): Float32Array {
  const sums = new Float64Array(hiddenSize);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < hiddenSize; column++) sums[column]! += matrix[at++]!;
  }
  return Float32Array.from(sums, (sum) => sum / rows);
}

/**
 * The matrix with `rows` rows: those beyond its end and those from `firstNew` on in `newRows` places are the
 * mean of the rows before `firstNew`.
 */
export function withMeanRows(
  matrix: Float32Array,
  hiddenSize: number,
  { firstNew, newRows }: { firstNew: number; newRows: number },
): Float32Array {
  const rows = Math.max(matrix.length / hiddenSize, firstNew + newRows);
  const result = new Float32Array(rows * hiddenSize);
  result.set(matrix);
  const mean = meanRow(matrix, hiddenSize, firstNew);
  for (let row = firstNew; row < firstNew + newRows; row++) result.set(mean, row * hiddenSize);
  return result;
}

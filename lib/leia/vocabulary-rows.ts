/**
 * The two matrices of a LLaMA that have a row for every token id, the input embedding and the output head,
 * and how they change with the vocabulary. Rows that stay are copied as they are stored, bit for bit.
 */
import {
  convertValues,
  inSlices,
  newValues,
  type StoredValues,
  sliceRoom,
  storedValues,
  widen,
} from '../llama/stored-values.ts';

/** Names of the parameters of shape [vocab, hidden]. With tied embeddings only the first exists. */
export const vocabularyParameters: readonly string[] = [
  'model.embed_tokens.weight',
  'lm_head.weight',
];

/** The mean of the first `rows` rows of a row-major matrix, summed in float64. */
export async function meanRow(
  matrix: StoredValues,
  hiddenSize: number,
  rows: number,
): Promise<Float32Array> {
  const sums = new Float64Array(hiddenSize);
  const room = sliceRoom();
  let column = 0;
  await inSlices(rows * hiddenSize, (start, end) => {
    for (const value of widen(matrix, start, end, room)) {
      sums[column]! += value;
      if (++column === hiddenSize) column = 0;
    }
  });
  return Float32Array.from(sums, (sum) => sum / rows);
}

/**
 * The matrix with `rows` rows: those beyond its end and those from `firstNew` on in `newRows` places are the
 * mean of the rows before `firstNew`. A float16 matrix comes back as float32, which holds the mean more
 * exactly.
 */
export async function withMeanRows(
  stored: StoredValues,
  hiddenSize: number,
  { firstNew, newRows }: { firstNew: number; newRows: number },
): Promise<StoredValues> {
  const matrix = stored.dtype === 'float16' ? await convertValues(stored, 'float32') : stored;
  const { dtype, values } = matrix;
  const result = newValues(dtype, Math.max(values.length, (firstNew + newRows) * hiddenSize));
  result.values.set(values);
  const exactMean = storedValues('float32', await meanRow(matrix, hiddenSize, firstNew));
  const { values: mean } = await convertValues(exactMean, dtype);
  for (let row = firstNew; row < firstNew + newRows; row++) {
    result.values.set(mean, row * hiddenSize);
  }
  return result;
}

/** The matrix without the rows from `rows` on; shares its memory. */
export function firstRows(matrix: StoredValues, hiddenSize: number, rows: number): StoredValues {
  return storedValues(matrix.dtype, matrix.values.subarray(0, rows * hiddenSize));
}

import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

export interface WriteRows {
  /** [...] of at most four dimensions, int32: each 0 to the table's rows - 1, no two of them the same. */
  rows: Tensor;
  /** [..., hidden], float32 or bfloat16. */
  input: Tensor;
  /** [rows, hidden], dtype of input; the other rows stay as they are. */
  table: Tensor;
}

const nativeWriteRows = operation<WriteRows>('writeRows');

/**
 * Overwrites rows of a table: `table[rows[r]] = input[r]`, the counterpart of {@link embeddingForward}. A number that
 * is no row of the table is an error of the stream, which names it and its position.
 */
export function writeRows(args: WriteRows): { table: Tensor } {
  nativeWriteRows(args, {});
  return { table: args.table };
}

import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';

/** Arguments of {@link writeRows}. */
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
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const table = Tensor.zeros([3, 2]);
 * const rows = Tensor.from(Int32Array.of(2, 0), [2]);
 * ops.writeRows({ rows, input: Tensor.from([1, 2, 3, 4], [2, 2]), table });
 * await table.read(); // 3, 4, 0, 0, 1, 2
 */
export function writeRows(args: WriteRows): { table: Tensor } {
  nativeWriteRows(args, {});
  return { table: args.table };
}

// Parquet, the form in which the Hugging Face Hub keeps many question sets.
import { LeiaError } from '../../system/error.ts';

/**
 * The rows of a file, as JSON has them: a column of structures is an object, int64 a number.
 *
 * @throws LeiaError `format`
 */
export async function parquetRows(bytes: Uint8Array, path: string): Promise<unknown[]> {
  const { parquetReadObjects, toJson } = await import('hyparquet');
  try {
    // A copy: the reader takes whole buffers.
    const { buffer: file } = Uint8Array.from(bytes);
    return toJson(await parquetReadObjects({ file })) as unknown[];
  } catch (cause) {
    throw new LeiaError('format', `${path} is no Parquet file, or damaged`, { cause });
  }
}

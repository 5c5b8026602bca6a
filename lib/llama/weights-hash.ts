// Tells whether two checkpoints have the same weights without reading all of them, which at 7 billion parameters are
// 13 GB. Names, dtypes and shapes of all parameters are hashed, and of each parameter's values a sample. How the
// parameters are spread over files does not count.
import { createHash } from 'node:crypto';
import type { SafetensorsFile } from './safetensors.ts';

/** Parameters up to this size, in bytes, are hashed as a whole: all norms are. */
const wholeBytes = 32_768;
/** Of larger ones so many blocks of so many bytes, the first at the beginning, the last at the end. */
const blocks = 8;
const blockBytes = 4096;

/**
 * A SHA-256 in hex of parameters, given by name with the file that each is in. Their order counts.
 *
 * The sample is the same each time: 8 blocks of 4 KiB at even distances from each matrix, 2000 reads for 7 billion
 * parameters. Every parameter is sampled, because a fine-tuned model may differ from its base in a few kinds of them
 * only (LoRA on the query and value projections, say). A few blocks of each are enough, because training changes the
 * values of a matrix all over, not in one place. What a sample cannot see is a change to single rows or values.
 *
 * @throws LeiaError `io` or `format` if a file cannot be read.
 */
export async function hashWeights(
  parameters: Iterable<readonly [name: string, file: SafetensorsFile]>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, file] of parameters) {
    const { dtype, shape, start, end } = file.entry(name);
    hash.update(JSON.stringify([name, dtype, shape]));
    const parts = sample(end - start).map(([from, to]) => file.readPart(name, from, to));
    for (const part of await Promise.all(parts)) hash.update(part);
  }
  return hash.digest('hex');
}

/** The ranges to read of so many bytes. */
function sample(bytes: number): (readonly [from: number, to: number])[] {
  if (bytes <= wholeBytes) return [[0, bytes]];
  return Array.from({ length: blocks }, (_, i) => {
    const from = Math.floor((i * (bytes - blockBytes)) / (blocks - 1));
    return [from, from + blockBytes];
  });
}

// Checksums that tell whether bytes on a disk are still those that were written: CRC-32, which finds every change of up
// to 32 bits in a row. They are no protection against somebody who changes a file on purpose.
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';

/** Some milliseconds of work; between two of them others get their turn. */
const pieceBytes = 8 << 20;

/** CRC-32 of bytes, as 8 hexadecimal digits. */
export async function checksum(bytes: Uint8Array): Promise<string> {
  let sum = 0;
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    if (start > 0) await setImmediate();
    sum = crc32(bytes.subarray(start, start + pieceBytes), sum);
  }
  return format(sum);
}

/** The same of a text's UTF-8. */
export function checksumOfText(text: string): string {
  return format(crc32(text));
}

function format(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

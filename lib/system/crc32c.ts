// CRC-32C (Castagnoli), the checksum of TensorBoard's event files. Source: RFC 3720, appendix B.4.

/** The polynomial 0x1edc6f41 with its bits reversed. */
const polynomial = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0);
  return sum >>> 0;
});

/** CRC-32C of bytes, as a number from 0 to 2^32 - 1. One byte at a time: for short records. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (sum >>> 8) ^ (table[(sum ^ byte) & 0xff] as number);
  return (sum ^ 0xffffffff) >>> 0;
}

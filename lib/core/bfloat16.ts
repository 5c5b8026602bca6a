// Conversion between float32 and bfloat16 bits on the host.

/** Widens bfloat16 bits to float32, exactly. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** Rounds float32 to bfloat16 bits: to nearest, ties to even; a NaN stays a NaN. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const nan = (word & 0x7fffffff) > 0x7f800000;
    bits[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/**
 * Splits float32 values into two halves that give them back exactly ({@link joinFloat32}): bfloat16
 * bits, rounded to nearest and halves up, and the lower 16 bits. A NaN becomes 0x7fc0 and 0.
 */
export function splitFloat32(values: Float32Array): { upper: Uint16Array; lower: Uint16Array } {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint16Array(values.length);
  const lower = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const nan = (words[i]! & 0x7fffffff) > 0x7f800000;
    const word = nan ? 0x7fc00000 : words[i]!;
    upper[i] = (word + 0x8000) >>> 16;
    lower[i] = word;
  }
  return { upper, lower };
}

/** The inverse of {@link splitFloat32}. */
export function joinFloat32(upper: Uint16Array, lower: Uint16Array): Float32Array {
  const words = new Uint32Array(upper.length);
  for (let i = 0; i < words.length; i++) {
    const low = lower[i]!;
    words[i] = ((upper[i]! - (low >= 0x8000 ? 1 : 0)) << 16) | low;
  }
  return new Float32Array(words.buffer);
}

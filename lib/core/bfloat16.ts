// Conversion between float32 and bfloat16 bits on the host. Large arrays are converted part by part, into arrays
// that are there already (`into`, of the same length): memory that is new for each part costs more than the work.

/** Widens bfloat16 bits to float32, exactly. */
export function bfloat16ToFloat32(
  bits: Uint16Array,
  into: Float32Array = new Float32Array(bits.length),
): Float32Array {
  const words = wordsOf(into);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return into;
}

/** The bits of float32 values, not copied. */
export function wordsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

/** Rounds float32 to bfloat16 bits: to nearest, ties to even; a NaN stays a NaN. */
export function float32ToBfloat16(
  values: Float32Array,
  into: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const words = wordsOf(values);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const nan = (word & 0x7fffffff) > 0x7f800000;
    into[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return into;
}

/** Two halves of float32 values. */
export interface SplitFloat32 {
  readonly upper: Uint16Array;
  readonly lower: Uint16Array;
}

/**
 * Splits float32 values into two halves that give them back exactly ({@link joinFloat32}): bfloat16
 * bits, rounded to nearest and halves up, and the lower 16 bits. A NaN becomes 0x7fc0 and 0.
 */
export function splitFloat32(
  values: Float32Array,
  into: SplitFloat32 = {
    upper: new Uint16Array(values.length),
    lower: new Uint16Array(values.length),
  },
): SplitFloat32 {
  const words = wordsOf(values);
  const { upper, lower } = into;
  for (let i = 0; i < words.length; i++) {
    const nan = (words[i]! & 0x7fffffff) > 0x7f800000;
    const word = nan ? 0x7fc00000 : words[i]!;
    upper[i] = (word + 0x8000) >>> 16;
    lower[i] = word;
  }
  return into;
}

/** The inverse of `splitFloat32`. */
export function joinFloat32(upper: Uint16Array, lower: Uint16Array): Float32Array {
  const words = new Uint32Array(upper.length);
  for (let i = 0; i < words.length; i++) {
    const low = lower[i]!;
    words[i] = ((upper[i]! - (low >= 0x8000 ? 1 : 0)) << 16) | low;
  }
  return new Float32Array(words.buffer);
}

// Conversion between float32 and IEEE 754 binary16 (float16), in which LLaMA 1 and 2 are published. Nothing
// here computes in it. `into` is as in ../core/bfloat16.ts.
import { wordsOf } from '../core/bfloat16.ts';

/** The float32 bits of every float16, made when first needed: 256 KiB, which stay in a processor's cache. */
let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  const values = Float32Array.from({ length: 0x10000 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
  return wordsOf(values);
}

/** Widens float16 bits to float32, exactly. */
export function float16ToFloat32(
  bits: Uint16Array,
  into: Float32Array = new Float32Array(bits.length),
): Float32Array {
  table ??= makeTable();
  const words = wordsOf(into);
  for (let i = 0; i < bits.length; i++) words[i] = table[bits[i]!]!;
  return into;
}

/** The largest finite float16. */
export const maxFloat16 = 65504;

/** Rounds float32 to float16 bits: to nearest, ties to even; 65520 and more to infinity; a NaN stays a NaN. */
export function float32ToFloat16(
  values: Float32Array,
  into: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const words = wordsOf(values);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    into[i] = ((word >>> 16) & 0x8000) | roundMagnitude(word & 0x7fffffff);
  }
  return into;
}

/** `word`: the bits of a float32 without its sign. */
function roundMagnitude(word: number): number {
  if (word > 0x7f800000) return 0x7e00; // NaN
  if (word >= 0x477ff000) return 0x7c00; // 65520, halfway from 65504 to the next power of two
  if (word >= 0x38800000) {
    // 2^-14, the smallest normal number: 13 bits go, and the exponent's bias is 15 instead of 127.
    return ((word + 0xfff + ((word >>> 13) & 1)) >>> 13) - (112 << 10);
  }
  if (word <= 0x33000000) return 0; // 2^-25, half the smallest number
  // Subnormal, a multiple of 2^-24: the significand with its hidden bit, shifted to that unit.
  const shift = 126 - (word >>> 23);
  const significand = (word & 0x7fffff) | 0x800000;
  const half = significand >>> shift;
  return (significand + (1 << (shift - 1)) - 1 + (half & 1)) >>> shift;
}

// Numbers as a checkpoint stores them, in one of three dtypes, and every conversion between these. A matrix of
// a large model has 10^8 elements: work on it goes in slices of some milliseconds, and between two slices the
// event loop serves timers, signals and reads.
import { setImmediate } from 'node:timers/promises';
import { bfloat16ToFloat32, float32ToBfloat16, splitFloat32 } from '../core/bfloat16.ts';
import type { HostArray } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { float16ToFloat32, float32ToFloat16 } from './float16.ts';

export type StoredDtype = 'float32' | 'bfloat16' | 'float16';

/** What a model is saved in: `base`, the dtype of the checkpoint that it was made from. */
export const saveDtypes = ['base', 'float32', 'bfloat16', 'float16'] as const;
export type SaveDtype = (typeof saveDtypes)[number];

export function resolveDtype(dtype: SaveDtype | undefined, base: StoredDtype): StoredDtype {
  return dtype === undefined || dtype === 'base' ? base : dtype;
}

/** The elements of one tensor, row-major; those of 16-bit dtypes as their bits. */
export type StoredValues =
  | { readonly dtype: 'float32'; readonly values: Float32Array }
  | { readonly dtype: 'bfloat16' | 'float16'; readonly values: Uint16Array };

/** @throws LeiaError `argument` if the array is of another type than the dtype's. */
export function storedValues(dtype: StoredDtype, values: HostArray): StoredValues {
  if (dtype === 'float32' && values instanceof Float32Array) return { dtype, values };
  if (dtype !== 'float32' && values instanceof Uint16Array) return { dtype, values };
  throw new LeiaError('argument', `a ${values.constructor.name} cannot hold ${dtype} values`);
}

/** Room for so many elements, all zero. */
export function newValues(dtype: StoredDtype, length: number): StoredValues {
  return storedValues(
    dtype,
    dtype === 'float32' ? new Float32Array(length) : new Uint16Array(length),
  );
}

const sliceElements = 1 << 18;

/** Calls `work` for one range of elements after the other, and lets the event loop run between two calls. */
export async function inSlices(
  length: number,
  work: (start: number, end: number) => void,
): Promise<void> {
  for (let start = 0; start < length; start += sliceElements) {
    if (start > 0) await setImmediate();
    work(start, Math.min(length, start + sliceElements));
  }
}

/** Elements `[start, end)` as float32, exactly. */
export function widen({ dtype, values }: StoredValues, start = 0, end?: number): Float32Array {
  if (dtype === 'float32') return values.subarray(start, end);
  const bits = values.subarray(start, end);
  return dtype === 'bfloat16' ? bfloat16ToFloat32(bits) : float16ToFloat32(bits);
}

/** Rounded to nearest, ties to even; beyond the largest finite number: infinity. */
export function narrow(values: Float32Array, dtype: StoredDtype): Float32Array | Uint16Array {
  if (dtype === 'float32') return values;
  return dtype === 'bfloat16' ? float32ToBfloat16(values) : float32ToFloat16(values);
}

/** The same numbers in another dtype, rounded as {@link narrow} does; those of this dtype are not copied. */
export async function convertValues(
  stored: StoredValues,
  dtype: StoredDtype,
): Promise<StoredValues> {
  if (stored.dtype === dtype) return stored;
  const { length } = stored.values;
  const converted = newValues(dtype, length);
  await inSlices(length, (start, end) => {
    converted.values.set(narrow(widen(stored, start, end), dtype), start);
  });
  return converted;
}

/** The numbers as float32, exactly. */
export async function toFloat32(stored: StoredValues): Promise<Float32Array> {
  return (await convertValues(stored, 'float32')).values as Float32Array;
}

/** The numbers as a bfloat16 parameter and the lower 16 bits of its float32 master; see {@link splitFloat32}. */
export async function splitValues(
  stored: StoredValues,
): Promise<{ upper: Uint16Array; lower: Uint16Array }> {
  const { length } = stored.values;
  if (stored.dtype === 'bfloat16') return { upper: stored.values, lower: new Uint16Array(length) };
  const upper = new Uint16Array(length);
  const lower = new Uint16Array(length);
  await inSlices(length, (start, end) => {
    const halves = splitFloat32(widen(stored, start, end));
    upper.set(halves.upper, start);
    lower.set(halves.lower, start);
  });
  return { upper, lower };
}

/** Bits that are all set in a NaN or an infinity, and only there. */
const exponentBits = { float32: 0x7f800000, bfloat16: 0x7f80, float16: 0x7c00 } as const;

/** The index of the first NaN or infinity, -1 if all numbers are finite. */
export async function firstNonFinite({ dtype, values }: StoredValues): Promise<number> {
  const mask = exponentBits[dtype];
  const { buffer, byteOffset, length } = values;
  const bits = dtype === 'float32' ? new Uint32Array(buffer, byteOffset, length) : values;
  let found = -1;
  await inSlices(length, (start, end) => {
    for (let i = start; i < end && found < 0; i++) {
      if (((bits[i] as number) & mask) === mask) found = i;
    }
  });
  return found;
}

/** The bytes of the numbers, not copied. */
export function bytesOf({ values }: StoredValues): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

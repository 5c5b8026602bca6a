// Numbers as a checkpoint stores them, in one of three dtypes, and every conversion between these. A matrix of
// a large model has 10^8 elements: work on it goes in slices of some milliseconds, and between two slices the
// event loop serves timers, signals and reads.
import { setImmediate } from 'node:timers/promises';
import {
  bfloat16ToFloat32,
  float32ToBfloat16,
  type SplitFloat32,
  splitFloat32,
  wordsOf,
} from '../core/bfloat16.ts';
import type { HostArray } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { float16ToFloat32, float32ToFloat16 } from './float16.ts';

/** What weights are stored in. */
export type StoredDtype = 'float32' | 'bfloat16' | 'float16';

/** In which dtype a model is saved. `base`: that of the checkpoint it was made from. */
export const saveDtypes = ['base', 'float32', 'bfloat16', 'float16'] as const;
/** What weights may be written in. */
export type SaveDtype = (typeof saveDtypes)[number];

export function resolveDtype(dtype: SaveDtype | undefined, base: StoredDtype): StoredDtype {
  return dtype === undefined || dtype === 'base' ? base : dtype;
}

/** The elements of one tensor, row-major; those of 16-bit dtypes as their bits. */
export type StoredValues =
  | { readonly dtype: 'float32'; readonly values: Float32Array }
  | { readonly dtype: 'bfloat16' | 'float16'; readonly values: Uint16Array };

/** @throws LeiaError `argument` if an array of this type cannot hold the dtype. */
export function storedValues(dtype: StoredDtype, values: HostArray): StoredValues {
  if (dtype === 'float32' && values instanceof Float32Array) return { dtype, values };
  if (dtype !== 'float32' && values instanceof Uint16Array) return { dtype, values };
  throw new LeiaError('argument', `a ${values.constructor.name} cannot hold ${dtype} values`);
}

/** A new tensor of this many zeros. */
export function newValues(dtype: StoredDtype, length: number): StoredValues {
  return storedValues(
    dtype,
    dtype === 'float32' ? new Float32Array(length) : new Uint16Array(length),
  );
}

/** Their float32 values fit a processor's second cache. */
const sliceElements = 1 << 16;

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

/** Memory for the float32 values of a slice, where those are only passed through. */
export function sliceRoom(): Float32Array {
  return new Float32Array(sliceElements);
}

/** Elements `[start, end)` as float32, exactly: a part of the tensor itself if it is float32, else of `room`. */
export function widen(
  { dtype, values }: StoredValues,
  start: number,
  end: number,
  room: Float32Array = new Float32Array(end - start),
): Float32Array {
  if (dtype === 'float32') return values.subarray(start, end);
  const into = room.subarray(0, end - start);
  const bits = values.subarray(start, end);
  return dtype === 'bfloat16' ? bfloat16ToFloat32(bits, into) : float16ToFloat32(bits, into);
}

/**
 * The same numbers in another dtype: rounded to nearest, ties to even; beyond the largest finite number, to
 * infinity. Those of this dtype are not copied.
 */
export async function convertValues(
  stored: StoredValues,
  dtype: StoredDtype,
): Promise<StoredValues> {
  if (stored.dtype === dtype) return stored;
  const { length } = stored.values;
  const converted = newValues(dtype, length);
  const room = sliceRoom();
  await inSlices(length, (start, end) => {
    if (converted.dtype === 'float32') {
      widen(stored, start, end, converted.values.subarray(start, end));
    } else {
      narrow(widen(stored, start, end, room), converted, start);
    }
  });
  return converted;
}

/** Writes values into a tensor of 16 bits from an element on, rounded as {@link convertValues} does. */
function narrow(
  values: Float32Array,
  output: Exclude<StoredValues, { dtype: 'float32' }>,
  start: number,
): void {
  const into = output.values.subarray(start, start + values.length);
  if (output.dtype === 'bfloat16') float32ToBfloat16(values, into);
  else float32ToFloat16(values, into);
}

/** The numbers as float32, exactly. */
export async function toFloat32(stored: StoredValues): Promise<Float32Array> {
  return (await convertValues(stored, 'float32')).values as Float32Array;
}

/** The numbers as a bfloat16 parameter and the lower 16 bits of its float32 master; see `splitFloat32`. */
export async function splitValues(stored: StoredValues): Promise<SplitFloat32> {
  const { length } = stored.values;
  if (stored.dtype === 'bfloat16') return { upper: stored.values, lower: new Uint16Array(length) };
  const [upper, lower] = [new Uint16Array(length), new Uint16Array(length)];
  const room = sliceRoom();
  await inSlices(length, (start, end) => {
    const into = { upper: upper.subarray(start, end), lower: lower.subarray(start, end) };
    splitFloat32(widen(stored, start, end, room), into);
  });
  return { upper, lower };
}

/** Bits that are all set in a NaN or an infinity, and only there. */
const exponentBits = { float32: 0x7f800000, bfloat16: 0x7f80, float16: 0x7c00 } as const;

/** The index of the first NaN or infinity, -1 if all numbers are finite. */
export async function firstNonFinite({ dtype, values }: StoredValues): Promise<number> {
  const mask = exponentBits[dtype];
  const bits = dtype === 'float32' ? wordsOf(values) : values;
  let found = -1;
  await inSlices(bits.length, (start, end) => {
    for (let i = start; i < end && found < 0; i++) if ((bits[i]! & mask) === mask) found = i;
  });
  return found;
}

/** The bytes of the numbers, not copied. */
export function bytesOf({ values }: StoredValues): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

import { expect, test } from 'vitest';
import { bfloat16ToFloat32, float32ToBfloat16, joinFloat32 } from '../../lib/core/bfloat16.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../lib/llama/float16.ts';
import {
  bytesOf,
  convertValues,
  firstNonFinite,
  newValues,
  type StoredDtype,
  type StoredValues,
  splitValues,
  storedValues,
  toFloat32,
} from '../../lib/llama/stored-values.ts';
import { expectError } from './fixtures.ts';

const dtypes = ['float32', 'bfloat16', 'float16'] as const;

/** Numbers of many sizes, none of them infinite in float16: more than four slices, and a ragged end. */
const numbers = Float32Array.from(
  { length: (1 << 20) + 777 },
  (_, i) => Math.sin(i) * 2 ** ((i % 37) - 25),
);

const stored: Record<StoredDtype, StoredValues> = {
  float32: { dtype: 'float32', values: numbers },
  bfloat16: { dtype: 'bfloat16', values: float32ToBfloat16(numbers) },
  float16: { dtype: 'float16', values: float32ToFloat16(numbers) },
};
const widened: Record<StoredDtype, Float32Array> = {
  float32: numbers,
  bfloat16: bfloat16ToFloat32(float32ToBfloat16(numbers)),
  float16: float16ToFloat32(float32ToFloat16(numbers)),
};

function sameBits(a: Float32Array | Uint16Array, b: Float32Array | Uint16Array): boolean {
  const bytes = [a, b].map((values) => bytesOf({ values } as StoredValues));
  return Buffer.compare(bytes[0]!, bytes[1]!) === 0;
}

test.each(dtypes)('%s becomes float32 and its halves exactly', async (dtype) => {
  expect(sameBits(await toFloat32(stored[dtype]), widened[dtype])).toBe(true);
  const { upper, lower } = await splitValues(stored[dtype]);
  expect(sameBits(joinFloat32(upper, lower), widened[dtype])).toBe(true);
});

test.each(dtypes)('%s becomes the other dtypes, rounded once', async (from) => {
  const rounded = { bfloat16: float32ToBfloat16, float16: float32ToFloat16 };
  for (const to of ['bfloat16', 'float16'] as const) {
    const { dtype, values } = await convertValues(stored[from], to);
    expect(dtype).toBe(to);
    expect(sameBits(values, rounded[to](widened[from]))).toBe(true);
  }
  expect(await convertValues(stored[from], from)).toBe(stored[from]);
});

test.each(dtypes)('the event loop runs while %s is converted', async (from) => {
  let turns = 0;
  let handle = setImmediate(function turn() {
    turns++;
    handle = setImmediate(turn);
  });
  for (const work of [
    () => convertValues(stored[from], from === 'float32' ? 'float16' : 'float32'),
    () => firstNonFinite(stored[from]),
  ]) {
    turns = 0;
    await work();
    expect(turns).toBeGreaterThanOrEqual(3);
  }
  clearImmediate(handle);
});

test.each([
  ['float32', [0x7f7fffff, 0xff7fffff], [0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001]],
  ['bfloat16', [0x7f7f, 0xff7f], [0x7f80, 0xff80, 0x7fc0, 0x7f81]],
  ['float16', [0x7bff, 0xfbff], [0x7c00, 0xfc00, 0x7e00, 0x7c01]],
] as const)('what is not finite is found in %s', async (dtype, largest, notFinite) => {
  const at = (1 << 20) + 3;
  for (const bits of [...largest, ...notFinite]) {
    const { values } = newValues(dtype, at + 100);
    // In the middle of a buffer: only its own elements count.
    const part = storedValues(dtype, values.subarray(7));
    const words = dtype === 'float32' ? new Uint32Array(values.buffer) : values;
    words[3] = notFinite[0];
    words[at + 7] = bits;
    const found = (largest as readonly number[]).includes(bits) ? -1 : at;
    expect(await firstNonFinite(part)).toBe(found);
  }
});

test('an array is only taken for a dtype that it can hold', async () => {
  const message = 'a Float32Array cannot hold float16 values';
  await expectError(() => storedValues('float16', new Float32Array(1)), 'argument', message);
  const wrong = 'a Uint16Array cannot hold float32 values';
  await expectError(() => storedValues('float32', new Uint16Array(1)), 'argument', wrong);
});

import { expect, test } from 'vitest';
import { float16ToFloat32 } from '../../lib/llama/float16.ts';

const everyHalf = Uint16Array.from({ length: 65536 }, (_, i) => i);

test('float16 is read as IEEE 754 binary16', () => {
  const values = float16ToFloat32(everyHalf);
  // Strictly increasing over the positive finite numbers, mirrored over the negative ones.
  const finite = [...values.subarray(0, 0x7c00)];
  expect(finite.every((value, i) => i === 0 || value > finite[i - 1]!)).toBe(true);
  expect(finite.every((value, i) => Object.is(values[i + 0x8000], -value))).toBe(true);
  expect([0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555].map((i) => values[i])).toEqual([
    1,
    -2,
    65504,
    2 ** -14,
    2 ** -24,
    0.333251953125,
  ]);
  expect([values[0x7c00], values[0xfc00]]).toEqual([
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ]);
  expect(Number.isNaN(values[0x7c01])).toBe(true);
});

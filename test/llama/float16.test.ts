import { expect, test } from 'vitest';
import { float16ToFloat32, float32ToFloat16 } from '../../lib/llama/float16.ts';

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

test('every float16 survives the way to float32 and back', () => {
  const floats = float16ToFloat32(everyHalf);
  const nan = (half: number) => (half & 0x7fff) > 0x7c00;
  const expected = everyHalf.map((half) => (nan(half) ? (half & 0x8000) | 0x7e00 : half));
  const back = float32ToFloat16(floats);
  // The sign of a NaN says nothing.
  const compared = back.map((half, i) => (nan(half) ? half | (expected[i]! & 0x8000) : half));
  expect(compared).toEqual(expected);
});

/** The float32 of the next larger magnitude, or of the next smaller. */
function neighbour(value: number, step: 1 | -1): number {
  const word = new Uint32Array(Float32Array.of(value).buffer);
  word[0]! += step;
  return new Float32Array(word.buffer)[0]!;
}

test('between two float16, subnormal or not, float32 goes to the nearer one, halfway to the even one', () => {
  const halves = float16ToFloat32(everyHalf);
  const [middles, below, above]: [number[], number[], number[]] = [[], [], []];
  // Up to and with the largest: halfway to the power of two behind it, infinity begins.
  for (let half = 0; half <= 0x7bff; half++) {
    const next = half === 0x7bff ? 65536 : halves[half + 1]!;
    const middle = (halves[half]! + next) / 2;
    expect(Math.fround(middle)).toBe(middle);
    middles.push(middle);
    below.push(neighbour(middle, -1));
    above.push(neighbour(middle, 1));
  }
  for (const sign of [1, -1]) {
    const bit = sign < 0 ? 0x8000 : 0;
    const round = (values: number[]) => [
      ...float32ToFloat16(Float32Array.from(values, (value) => sign * value)),
    ];
    expect(round(below)).toEqual(below.map((_, half) => half | bit));
    expect(round(above)).toEqual(above.map((_, half) => (half + 1) | bit));
    expect(round(middles)).toEqual(middles.map((_, half) => (half + (half & 1)) | bit));
  }
});

test('the ends of float32 become zero, infinity and NaN of float16', () => {
  const ends = Float32Array.of(2 ** -149, -(2 ** -126), 3.4e38, -Infinity, Number.NaN, -0);
  expect([...float32ToFloat16(ends)]).toEqual([0, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x8000]);
});

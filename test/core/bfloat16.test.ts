import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bfloat16ToFloat32, float32ToBfloat16 } from '../../lib/core/bfloat16.ts';

const everyHalf = Uint16Array.from({ length: 65536 }, (_, i) => i);

test('every bfloat16 survives the way to float32 and back', () => {
  const floats = bfloat16ToFloat32(everyHalf);
  const back = float32ToBfloat16(floats);
  // A signalling NaN becomes a quiet one.
  const expected = everyHalf.map((half, i) => (Number.isNaN(floats[i]) ? half | 0x40 : half));
  expect(Buffer.from(back.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
});

test('float32 goes to the nearest bfloat16, ties to even', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const [half] = float32ToBfloat16(Float32Array.of(value)) as unknown as [number];
      const around = [half - 1, half, half + 1].filter(
        (bits) => (bits & 0x8000) === (half & 0x8000) && bits >= 0,
      );
      if ((half & 0x7fff) >= 0x7f7f) return; // beside infinity "nearest" means something else
      const distance = (bits: number) =>
        Math.abs(bfloat16ToFloat32(Uint16Array.of(bits))[0]! - value);
      const best = Math.min(...around.map(distance));
      expect(distance(half)).toBe(best);
      if (around.filter((bits) => distance(bits) === best).length > 1) expect(half & 1).toBe(0);
    }),
  );
  const special = float32ToBfloat16(
    Float32Array.of(3.4e38, Number.NaN, -0, 1.00390625, 1.01171875),
  );
  expect([...special]).toEqual([0x7f80, 0x7fc0, 0x8000, 0x3f80, 0x3f82]);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream, splitmix64 } from '../../lib/leia/random.ts';

describe('RandomStream', () => {
  it('is xoshiro128**', () => {
    // The first outputs of the authors' C code for the state 1, 2, 3, 4.
    const stream = new RandomStream(Uint32Array.of(1, 2, 3, 4));
    const outputs = Array.from({ length: 10 }, () => stream.nextUint32());
    expect(outputs).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });

  it('is filled by splitmix64', () => {
    // Seed 1234567: the values every implementation is checked against.
    const golden = 0x9e3779b97f4a7c15n;
    const outputs = [1n, 2n, 3n].map((i) => splitmix64(1234567n + i * golden));
    expect(outputs).toEqual([6457827717110365317n, 3203168211198807973n, 9817491932198370423n]);
  });

  it('depends on the whole key and on nothing else', () => {
    const first = (...key: number[]) => RandomStream.of(...key).next();
    const keys = [
      [],
      [0],
      [0, 0],
      [1],
      [0, 1],
      [1, 0],
      [2 ** 53 - 1],
      [2 ** 32],
      [1, 2, 3],
      [3, 2, 1],
    ];
    expect(new Set(keys.map((key) => first(...key))).size).toBe(keys.length);
    for (const key of keys) expect(first(...key)).toBe(first(...key));
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the seed %d', (seed) => {
    expect(() => RandomStream.of(seed)).toThrow(/expected an integer from 0 to 2\^53 - 1/);
  });

  it('is uniform in [0, 1)', () => {
    const stream = RandomStream.of(42);
    const bins = new Array<number>(16).fill(0);
    const count = 160_000;
    for (let i = 0; i < count; i++) {
      const value = stream.next();
      expect(value >= 0 && value < 1).toBe(true);
      bins[Math.floor(value * 16)]! += 1;
    }
    const chiSquare = bins.reduce((sum, n) => sum + (n - count / 16) ** 2 / (count / 16), 0);
    // 15 degrees of freedom: beyond 45 once in 20,000 seeds, and this one is fixed.
    expect(chiSquare).toBeLessThan(45);
  });

  it('shuffles', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(200), (seed, count) => {
        const order = RandomStream.of(seed).permutation(count);
        expect([...order].sort((a, b) => a - b)).toEqual(
          Array.from({ length: count }, (_, i) => i),
        );
      }),
    );
    expect([...RandomStream.of(1).permutation(20)]).not.toEqual([
      ...RandomStream.of(2).permutation(20),
    ]);
    // Every element gets everywhere: 4 elements, 24 orders, all seen about equally often.
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 4800; seed++) {
      const key = RandomStream.of(seed).permutation(4).join();
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(24);
    for (const count of seen.values()) expect(Math.abs(count - 200)).toBeLessThan(70);
  });
});

// Products of a warpgroup on the emulator: right in every layout, and each fault that they invite is caught, in
// whatever order the threads run (test/native/wgmma_kernels.cu).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { randomSource, randomValues } from '../ops/case.ts';

interface Addon {
  warpgroupMultiply(
    a: Float32Array,
    b: Float32Array,
    inRegisters: boolean,
    kMajor: boolean,
    fault: string,
    order: number,
    threads: number,
  ): Float32Array;
}

const build = resolve(import.meta.dirname, '../..', process.env.LEIA_BUILD ?? 'build');
const file = join(build, 'tests/emulator_tests.node');
if (!existsSync(file)) throw new Error(`${file} is missing: npm run build:tests`);
const addon = createRequire(import.meta.url)(file) as Addon;

const depth = 128;
const random = randomSource(7);
const a = Float32Array.from(randomValues([64, depth], 'bfloat16', random).data);
/** By columns: as many rows of `depth` numbers. */
const columns = new Map(
  [64, 128].map((count) => [
    count,
    Float32Array.from(randomValues([count, depth], 'bfloat16', random).data),
  ]),
);

function multiply(count: number, inRegisters: boolean, kMajor: boolean, fault = '', order = 1) {
  const b = columns.get(count)!;
  const given = kMajor ? b : b.map((_, i) => b[(i % count) * depth + Math.floor(i / count)]!);
  return addon.warpgroupMultiply(a, given, inRegisters, kMajor, fault, order, 128);
}

describe.each([64, 128])('%i columns', (count) => {
  test.each([
    [false, true],
    [false, false],
    [true, true],
    [true, false],
  ])(
    'left operand in registers %s, right one K-major %s: as plain loops',
    (inRegisters, kMajor) => {
      const b = columns.get(count)!;
      const expected = Float64Array.from({ length: 64 * count }, (_, i) => {
        // In registers it was added to sums of 1.
        let sum = inRegisters ? 1 : 0;
        for (let k = 0; k < depth; k++) {
          sum += a[Math.floor(i / count) * depth + k]! * b[(i % count) * depth + k]!;
        }
        return sum;
      });
      const first = multiply(count, inRegisters, kMajor);
      for (const [i, sum] of first.entries()) expect(sum).toBeCloseTo(expected[i]!, 3);
      for (let order = 2; order < 10; order++) {
        expect(multiply(count, inRegisters, kMajor, '', order)).toEqual(first);
      }
    },
  );
});

const faults: [string, RegExp][] = [
  ['no fence', /no wgmma.fence after the last access of its sums/],
  ['written after fence', /its sums were written after the wgmma.fence/],
  ['written under way', /its sums were written while a product was under way/],
  ['scaled under way', /its sums were written while a product was under way/],
  ['no commit', /sums that the wait names are still under way/],
  ['no wait', /the thread ends without waiting for it/],
  ['no proxy fence', /thread \d+ wrote without a fence.proxy.async after it/],
  ['proxy fence behind barrier', /no barrier lies behind the fence.proxy.async of thread/],
  ['no barrier', /race: shared byte|uninitialised|no barrier lies behind/],
  ['overwritten', /write of shared byte 16512 while wgmma|race: shared byte 16512/],
  ['copied over', /write of shared byte 16512 while wgmma|race: shared byte 16512/],
  ['overwritten beside', /while wgmma that was not waited for may read it|race: shared byte/],
  ['a warp stays away', /divergent: (not all threads come to wgmma.mma_async|wgmma differs)/],
  ['a warp differs', /divergent: wgmma differs from what warp \d of the warpgroup issued/],
  ['lanes differ', /divergent: lanes of a warp issue different wgmma/],
  ['left written', /its left operand's registers were written while it was under way/],
  ['left not waited for', /the wait does not name the left operand's registers/],
  ['misaligned', /descriptor of b: misaligned: it begins at shared byte 16512/],
  ['out of bounds', /out of bounds: a read of 16 bytes at/],
  ['base offset', /descriptor of b: base offset 1, only 0 is emulated/],
  ['other swizzle', /descriptor of b: swizzle mode 2, only 1/],
  ['stray bit', /descriptor of b: bits are set that have no meaning/],
];

describe.each(faults)('%s', (fault, message) => {
  const ofRegisters = fault.startsWith('left');
  test.each([true, false])('is caught in any order of threads (K-major %s)', (kMajor) => {
    for (let order = 0; order < 10; order++) {
      expect(() => multiply(64, ofRegisters, kMajor, fault, order)).toThrow(message);
    }
  });
});

test('sums are poison until they are waited for', () => {
  const sums = multiply(64, false, true, 'read under way');
  const right = multiply(64, false, true);
  for (const [i, sum] of sums.entries()) {
    const [row, column] = [Math.floor(i / 64), i % 64];
    const early = row % 16 < 8 && column < 8 && column % 2 === 0;
    expect(sum).toEqual(early ? Number.NaN : right[i]);
  }
});

test('a warpgroup is four warps', () => {
  const b = columns.get(64)!;
  expect(() => addon.warpgroupMultiply(a, b, false, true, '', 1, 96)).toThrow(
    /wgmma by a warp that has no three others beside it/,
  );
});

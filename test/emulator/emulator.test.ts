// The emulator must run right kernels and catch the faults that a GPU is only usually kind about, each
// planted in a small kernel (test/native/emulator_kernels.cu), in whatever order the threads run.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { randomSource, randomValues } from '../ops/case.ts';

interface EmulatorTests {
  runPlanted(name: string, faulty: boolean, order: number): Float32Array;
  multiply(a: Float32Array, b: Float32Array, byHand: boolean): Float32Array;
  matrixLanes(transposed: boolean): Float32Array;
  /** Accesses and turns. */
  bankConflicts(name: string): Float32Array;
  sumsInTurn(faulty: boolean, order: number): Float32Array;
}

const build = resolve(import.meta.dirname, '../..', process.env.LEIA_BUILD ?? 'build');
const file = join(build, 'tests/emulator_tests.node');
if (!existsSync(file)) throw new Error(`${file} is missing: npm run build:tests`);
const addon = createRequire(import.meta.url)(file) as EmulatorTests;

const orders = Array.from({ length: 20 }, (_, i) => i);
const range = (value: (i: number) => number) => Array.from({ length: 64 }, (_, i) => value(i));
const next = range((i) => (i + 1) % 64);
const ones = range(() => 1);

/** Kernel, what its fault is called, and what it gives without. */
const planted: readonly [string, RegExp, number[]][] = [
  ['missing_barrier', /race: shared byte \d+ was (written|read) by thread/, next],
  ['missing_warp_barrier', /race: shared byte/, range((i) => i ^ 1)],
  ['write_before_read', /race: shared byte \d+ was (written|read) by thread/, next],
  ['race_between_warps', /race: shared byte 0 was written by thread (0|32) /, range(() => 7)],
  ['missing_copy_wait', /before the asynchronous copy to it/, next.map((i) => 4 * i)],
  ['waits_for_the_wrong_group', /byte 16 before the asynchronous copy/, [0, 4, ...range(() => 0)]],
  ['copy_without_barrier', /race|uninitialised|asynchronous copy/, next.map((i) => 4 * i)],
  ['copy_over_a_tile_in_use', /race|asynchronous copy/, next.map((i) => 4 * i)],
  ['divergent_barrier', /not all threads come to __syncthreads; 16 threads of 64 wait, 48/, ones],
  ['two_barriers', /divergent: thread 0 waits at another barrier/, ones],
  ['divergent_shuffle', /divergent: not all threads come to shuffle_xor/, range((i) => i ^ 2)],
  ['shared_out_of_bounds', /out of bounds: element 64 of 64 in shared memory/, ones],
  ['shared_array_too_large', /out of bounds: an array that ends at byte 81024 of 2048/, ones],
  ['global_out_of_bounds', /element -1 of 256 in global memory/, range((i) => i)],
  ['uninitialised_shared', /uninitialised: shared byte \d+ was never written/, ones],
  ['misaligned_global', /misaligned: 16 bytes of global memory/, range((i) => 4 * i)],
  ['misaligned_shared', /misaligned: a write of 16 bytes at shared byte \d+/, ones],
];

describe.each(planted)('%s', (name, message, expected) => {
  test('is caught in any order of threads, with its place', () => {
    for (const order of orders) {
      expect(() => addon.runPlanted(name, true, order)).toThrow(message);
    }
    const place = `kernel ${name}, block \\(0, 0, 0\\), thread \\(\\d+, 0, 0\\), emulator_kernels.cu:\\d+`;
    expect(() => addon.runPlanted(name, true, 1)).toThrow(new RegExp(`\\[${place}\\]$`));
  });

  test('runs without its fault, with the same result in any order', () => {
    for (const order of orders) {
      expect([...addon.runPlanted(name, false, order)]).toEqual(expected.slice(0, 64));
    }
  });
});

test('exchanges within warps and blocks', () => {
  // Sums of 0 to 31 and 32 to 63, their largest, and the highest bit of each vote.
  const total = 496 + 31 + 1 + (1520 + 63 + 1);
  for (const order of orders) {
    expect([...addon.runPlanted('block_sum', false, order)]).toEqual(range(() => total + 0.5));
  }
});

describe('blocks that take turns', () => {
  test('add in the same order every time', () => {
    const sums = new Float32Array(4);
    for (let block = 0; block < 40; block++) {
      for (let i = 0; i < 4; i++) sums[i] = sums[i]! + Math.fround(1 / (block + i + 1));
    }
    const expected = [...sums].flatMap((sum) => [sum, sum, sum, sum]);
    for (const order of orders) expect([...addon.sumsInTurn(false, order)]).toEqual(expected);
  });

  test('a turn that is not passed on is reported, with its place', () => {
    const place =
      /turn \d+ does not come: word 0 is 5 \[kernel add_in_turn, block .*emulator_kernels.cu:\d+/;
    expect(() => addon.sumsInTurn(true, 1)).toThrow(place);
  });
});

describe('tensor-core instructions', () => {
  test.each([true, false])('multiply as plain loops do (fragments by hand: %s)', (byHand) => {
    const random = randomSource(11);
    for (let run = 0; run < 10; run++) {
      const a = randomValues([16, 16], 'bfloat16', random).data;
      const b = randomValues([16, 8], 'bfloat16', random).data;
      const c = addon.multiply(Float32Array.from(a), Float32Array.from(b), byHand);
      for (let row = 0; row < 16; row++) {
        for (let column = 0; column < 8; column++) {
          let sum = 0;
          for (let k = 0; k < 16; k++) sum += a[row * 16 + k]! * b[k * 8 + column]!;
          expect(c[row * 8 + column]).toBeCloseTo(sum, 4);
        }
      }
    }
  });

  // Of eight products: 1, and small ones that a float32 sum would round up to 1 + 2^-22.
  test.each([
    ['cut what lies behind 24 bits of the largest', 7, 2 ** -25, 1],
    ['cut the sum to float32', 3, 2 ** -24, 1 + 2 ** -23],
  ])('%s', (_, count, small, expected) => {
    const a = new Float32Array(256);
    const b = new Float32Array(128);
    a[0] = b[0] = 1;
    for (let k = 1; k <= count; k++) {
      a[k] = 2 ** -12;
      b[8 * k] = small * 2 ** 12;
    }
    const plain = a.subarray(0, 16).reduce((sum, value, k) => sum + value * b[8 * k]!, 0);
    expect(Math.fround(plain)).toBe(1 + 2 ** -22);
    expect(addon.multiply(a, b, true)[0]).toBe(expected);
  });

  // PTX ISA, "ldmatrix": thread 4r + c holds elements 2c and 2c + 1 of row r; written out, not computed.
  test.each([
    [false, 0, [0, 1, 64, 65, 128, 129, 192, 193]],
    [false, 1, [2, 3, 66, 67, 130, 131, 194, 195]],
    [false, 7, [14, 15, 78, 79, 142, 143, 206, 207]],
    [false, 31, [62, 63, 126, 127, 190, 191, 254, 255]],
    [true, 0, [0, 8, 64, 72, 128, 136, 192, 200]],
    [true, 1, [16, 24, 80, 88, 144, 152, 208, 216]],
    [true, 31, [55, 63, 119, 127, 183, 191, 247, 255]],
  ] as const)('ldmatrix, transposed %s, lane %i', (transposed, lane, expected) => {
    expect([...addon.matrixLanes(transposed).subarray(8 * lane, 8 * lane + 8)]).toEqual(expected);
  });
});

describe('bank conflicts', () => {
  // 32 lanes' words go at once; of 16 bytes each, four times eight lanes' do.
  test.each([
    ['neighbours', 1, 1],
    ['odd stride', 1, 1],
    ['two words apart', 1, 2],
    ['a column', 1, 32],
    ['vectors', 4, 4],
    ['vectors, a column', 4, 32],
    ['same word', 2, 2],
    ['in turn', 2, 2],
  ])('%s: %i accesses take %i turns', (name, accesses, turns) => {
    expect([...addon.bankConflicts(name)]).toEqual([accesses, turns]);
  });

  test.each([32, 64, 96, 128, 256])("attention's tiles of %i dims have none", (dims) => {
    const [accesses, turns] = addon.bankConflicts(`tile of ${dims}`);
    // What is copied, what four warps read as three kinds of fragments, what they write and read again.
    const copied = (64 * dims) / 64;
    const written = (64 * dims) / 64;
    expect(accesses).toBe(copied + 4 * 3 * copied + written + copied);
    expect(turns).toBe(accesses);
  });
});

// The allocator of device memory: what it takes from the device, what it gives out again, and that no two tensors ever
// share a byte.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';

interface Allocator {
  /** The address, 0 if there is no memory. */
  allocate(bytes: number, mayReturn: boolean): number;
  release(address: number): void;
  cachedBytes(): number;
  /** Taken from the device, by all allocators of this process. */
  deviceBytes(): number;
  /** No more than so many bytes in all can be taken from the device from now on. */
  limitDevice(bytes: number): void;
  /** Takes memory for the operation that runs now. */
  takeScratch(bytes: number): void;
}

const build = resolve(import.meta.dirname, '../..', process.env.LEIA_BUILD ?? 'build');
const addon = createRequire(import.meta.url)(join(build, 'tests/emulator_tests.node')) as {
  Allocator: new () => Allocator;
};
const MiB = 2 ** 20;

test('a large block that was freed serves several smaller requests, then the large one again', () => {
  const allocator = new addon.Allocator();
  const before = allocator.deviceBytes();
  const large = allocator.allocate(40 * MiB, true);
  allocator.release(large);
  const parts = Array.from({ length: 4 }, () => allocator.allocate(10 * MiB, true));
  expect(parts).toEqual([0, 1, 2, 3].map((i) => large + i * 10 * MiB));
  expect(allocator.cachedBytes()).toBe(0);
  // In an order in which each of the ways to join neighbours happens.
  for (const i of [0, 2, 1, 3]) allocator.release(parts[i]!);
  expect(allocator.cachedBytes()).toBe(40 * MiB);
  expect(allocator.allocate(40 * MiB, true)).toBe(large);
  expect(allocator.deviceBytes() - before).toBe(40 * MiB);
});

test('the smallest block that is large enough is taken', () => {
  const allocator = new addon.Allocator();
  const addresses = [30, 10, 20].map((size) => allocator.allocate(size * MiB, true));
  for (const address of addresses) allocator.release(address);
  expect(allocator.allocate(12 * MiB, true)).toBe(addresses[2]);
  expect(allocator.allocate(10 * MiB, true)).toBe(addresses[1]);
  expect(allocator.allocate(22 * MiB, true)).toBe(addresses[0]);
});

test('small requests share memory of their own', () => {
  const allocator = new addon.Allocator();
  const large = allocator.allocate(8 * MiB, true);
  allocator.release(large);
  const [first, second] = [allocator.allocate(100, true), allocator.allocate(600, true)];
  expect(second - first).toBe(512);
  // The large block is whole.
  expect(allocator.allocate(8 * MiB, true)).toBe(large);
});

test('no two requests overlap, all are aligned, and in the end all joins again', () => {
  const step = fc.record({
    bytes: fc.oneof(
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: MiB / 2, max: 9 * MiB }),
      fc.constantFrom(0, 1, 512, 513, MiB - 1, MiB, 2 * MiB, 2 * MiB + 1),
    ),
    release: fc.boolean(),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const allocator = new addon.Allocator();
      const live: { start: number; end: number }[] = [];
      for (const { bytes, release, which } of steps) {
        if (release && live.length > 0) {
          const [gone] = live.splice(which % live.length, 1);
          allocator.release(gone!.start);
          continue;
        }
        const start = allocator.allocate(bytes, true);
        const end = start + Math.max(bytes, 1);
        expect(start % 256).toBe(0);
        expect(live.every((other) => end <= other.start || other.end <= start)).toBe(true);
        live.push({ start, end });
      }
      const held = allocator.cachedBytes();
      expect(held).toBeGreaterThanOrEqual(0);
      for (const { start } of live) allocator.release(start);
      // All of it can go back to the device.
      const rest = allocator.cachedBytes();
      expect(rest % (2 * MiB)).toBe(0);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('what nobody has goes back to the device when it is full, and only then', () => {
  const allocator = new addon.Allocator();
  const before = allocator.deviceBytes();
  const kept = allocator.allocate(4 * MiB, true);
  allocator.release(allocator.allocate(6 * MiB, true));
  const more = 2 ** 50;
  expect(allocator.allocate(more, false)).toBe(0);
  expect(allocator.cachedBytes()).toBe(6 * MiB);
  expect(allocator.allocate(more, true)).toBe(0);
  expect(allocator.cachedBytes()).toBe(0);
  expect(allocator.deviceBytes() - before).toBe(4 * MiB);
  allocator.release(kept);
});

test.each([2 ** 53, -1])('%s bytes are more than there are', (bytes) => {
  expect(new addon.Allocator().allocate(bytes, true)).toBe(0);
});

test('scratch memory grows in large blocks, but takes no more than it needs where there is no more', () => {
  const allocator = new addon.Allocator();
  const before = allocator.deviceBytes();
  const taken = () => allocator.deviceBytes() - before;
  allocator.takeScratch(100);
  expect(taken()).toBe(2 * MiB);
  allocator.takeScratch(3 * MiB);
  expect(taken()).toBe(2 * MiB + 4 * MiB);
  allocator.takeScratch(5 * MiB);
  expect(taken()).toBe(6 * MiB + 6 * MiB);
  allocator.limitDevice(before + 12 * MiB + 10 * MiB);
  allocator.takeScratch(9 * MiB);
  expect(taken()).toBe(12 * MiB + 10 * MiB);
  expect(() => allocator.takeScratch(2 ** 50)).toThrow(/out of device memory: asked for \d+ bytes/);
});

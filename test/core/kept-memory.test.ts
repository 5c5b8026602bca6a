// The CPU device gives the memory of a tensor that was freed to the next one of its size, and keeps no more than was in use
// before.
import { expect, test } from 'vitest';
import { Device, ops, Tensor } from '../../lib/ops.ts';

const device = Device.open('cpu');
const megabyte = 2 ** 18;
// AddressSanitizer is to see every use of memory that was freed.
const isSanitized = process.env.LEIA_BUILD?.includes('sanitize') ?? false;

async function filledAndFreed(elements: number, value: number): Promise<void> {
  using _ = ops.fill({ output: Tensor.empty([elements]), value }).output;
  await device.synchronize();
}

test.skipIf(isSanitized)('a tensor gets the memory of one that was freed', async () => {
  await filledAndFreed(40 * megabyte, 7);
  using again = Tensor.empty([40 * megabyte]);
  // Fresh memory is zero.
  expect((await again.read())[12_345]).toBe(7);
});

test('what is kept does not grow with the number of sizes', async () => {
  const most = device.peakBytes;
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 10; i++) await filledAndFreed(35 * megabyte + 1000 * i, i);
  expect(device.peakBytes).toBe(most);
  // All of them together have 350 MB.
  expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
});

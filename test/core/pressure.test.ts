// Loops that never await: memory that they are done with comes back while they run.
import { expect, test } from 'vitest';
import { runChild } from '../support/child.ts';

const megabyte = 2 ** 20;

/** The most bytes that were live in a loop of a process of its own. */
async function mostBytes(loop: string): Promise<number> {
  const { code, output, errors } = await runChild('core/children/loops.ts', {}, [], [loop]);
  expect(errors).toBe('');
  expect(code).toBe(0);
  return Number(output);
}

test('a loop that disposes waits when queued work alone keeps more than 1 GiB', async () => {
  const most = await mostBytes('disposed');
  expect(most).toBeGreaterThan(100 * megabyte);
  expect(most).toBeLessThanOrEqual(1024 * megabyte + 64 * megabyte);
});

test('a loop that writes without end waits as well', async () => {
  expect(await mostBytes('written')).toBeLessThanOrEqual(1024 * megabyte + 256 * megabyte);
});

test('what nobody disposed is freed too, and its values are right until then', async () => {
  // 1 GiB until garbage is collected, which is asked after every 256 MiB, and 1 GiB that queued work still keeps then.
  expect(await mostBytes('forgotten')).toBeLessThan((1024 + 256 + 1024 + 256) * megabyte);
});

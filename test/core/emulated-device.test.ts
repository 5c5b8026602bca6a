// What only happens when a GPU is full, or after a fault in a kernel: in processes of their own, on the emulator.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../support/child.ts';

const build = process.env.LEIA_BUILD ?? 'build';
const addon = { LEIA_ADDON: join(build, 'emulated/leia.node'), LEIA_NUM_THREADS: '1' };

test('what was disposed makes room, however far ahead of the device JavaScript is', async () => {
  const variables = { ...addon, LEIA_EMULATOR_MEMORY: String(64 << 20) };
  const { code, output, errors } = await runChild('core/children/memory.ts', variables);
  expect(errors).toBe('');
  expect(output).toBe('read 3\n');
  expect(code).toBe(0);
});

test('after a fault in a kernel every call says so, and the process ends in order', async () => {
  const { code, signal, output, errors } = await runChild('core/children/broken.ts', addon);
  expect(errors).toBe('');
  const [first, ...later] = output.trim().split('\n');
  expect(first).toMatch(/^execution emulator: kernel flash_attention_forward launched with/);
  expect(later).toHaveLength(2);
  for (const line of later) {
    expect(line).toMatch(
      /^execution .*emulated:1 cannot be used any more after an error in a kernel .*start the process again$/,
    );
  }
  expect({ code, signal }).toEqual({ code: 0, signal: null });
});

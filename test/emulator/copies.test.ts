// A cast to the same dtype is the CUDA runtime's copy, which is as wide as the hardware allows: no kernel of ours runs, and
// it does not matter where the tensors begin and end.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../support/child.ts';

const root = resolve(import.meta.dirname, '../..');

test('casts to the same dtype run no kernel, at any alignment', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'leia-copies-'));
  try {
    const launches = join(folder, 'launches');
    const { output, errors } = await runChild('emulator/children/copies.ts', {
      LEIA_ADDON: join(root, process.env.LEIA_BUILD ?? 'build', 'emulated/leia.node'),
      LEIA_EMULATOR_LAUNCHES: launches,
    });
    expect(errors).toBe('');
    expect(output).toBe('240 copies\n');
    expect(existsSync(launches)).toBe(false);
  } finally {
    await rm(folder, { recursive: true });
  }
});

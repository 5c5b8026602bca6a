// What a run asks of the disk, with a file system whose free space the test decides.
import { readdirSync, type StatsFs, statSync } from 'node:fs';
import { mkdir, open, rename, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { checkDisk } from '../../lib/train/disk.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { makeRun } from './runs.ts';

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return { ...real, statfs: vi.fn(real.statfs), rename: vi.fn(real.rename) };
});
const real = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises');

/** Bytes that the disk has free, as long as the test says nothing else. */
let free = 0;
beforeEach(() => {
  vi.mocked(statfs).mockImplementation(async () => ({ bavail: free, bsize: 1 }) as StatsFs);
  vi.mocked(rename).mockImplementation(real.rename);
});

const settings = { keepStates: 2, keepEvery: 0, saveSteps: undefined, maxSteps: 50 };
const state = 12e9;

async function expectRefused(folder: string, text: string, now = settings): Promise<void> {
  await expectError(() => checkDisk(folder, state, now), 'usage', text);
}

test('a run that starts needs room for two states', async () => {
  const folder = await temporaryFolder();
  free = 24e9 + 16e6;
  await checkDisk(folder, state, settings);
  await checkDisk(folder, state, { ...settings, keepStates: 1 });
  free -= 1;
  await expectRefused(
    folder,
    `${folder}: the disk has 24.0 GB free, the run needs 24.0 GB for 2 resumable states of 12.0 GB`,
  );
  free = 9e9;
  await expectRefused(folder, 'the disk has 9.0 GB free, the run needs 24.0 GB');
});

test('a state that is there counts, so that a run which could start can be resumed', async () => {
  const folder = await temporaryFolder();
  const step = join(folder, 'resume/step-7');
  await mkdir(step, { recursive: true });
  const handle = await open(join(step, 'state.safetensors'), 'w');
  // Takes no blocks, but has the size that counts.
  await handle.truncate(state);
  await handle.close();
  free = 12e9;
  await checkDisk(folder, state, settings);
  free -= 1;
  await expectRefused(folder, 'needs 12.0 GB for 2 resumable states of 12.0 GB, 1 of them there');
});

test('what is kept counts, as far as steps decide it', async () => {
  const folder = await temporaryFolder();
  free = 0;
  const three = { ...settings, keepStates: 3 };
  await expectRefused(folder, 'for 3 resumable states', three);
  // Saved after steps 10, 20, 30 and 40; every second one stays.
  await expectRefused(folder, 'for 5 resumable', {
    ...three,
    keepEvery: 2,
    saveSteps: 10,
  } as never);
});

test('a folder that cannot be asked is named', async () => {
  vi.mocked(statfs).mockImplementation(real.statfs);
  const absent = join(await temporaryFolder(), 'absent');
  await expectError(() => checkDisk(absent, state, settings), 'io', `cannot read ${absent}`);
});

/** Bytes of all files in a folder. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

test('a run takes what it asked for, and goes on with what is left of it', async () => {
  const options = await makeRun({ dtype: 'bfloat16', saveMinutes: 1e-9 });
  free = Number.MAX_SAFE_INTEGER;
  let state = 0;
  let most = 0;
  // Most is there just before a state or the model gets its name.
  vi.mocked(rename).mockImplementation(async (from, to) => {
    most = Math.max(most, sizeOf(options.output));
    await real.rename(from, to);
  });
  const controller = new AbortController();
  const first: TrainOptions = {
    ...options,
    signal: controller.signal,
    onStart: ({ memory }) => {
      state = memory.parameters + memory.masterLowBits + memory.moments;
    },
    onStep: ({ step }) => {
      if (step === 3) controller.abort();
    },
  };
  await expect(train(first)).rejects.toMatchObject({ code: 'interrupted' });
  expect(most).toBeGreaterThan(2 * state);
  expect(most).toBeLessThan(2.05 * state);
  free = 2 * state + 16e6 - sizeOf(options.output);
  expect(await train(options)).toMatchObject({ trained: true });
  expect(most).toBeLessThan(2.05 * state);
});

test('a state that the disk cannot take ends the run with the reason, and leaves the one before', async () => {
  const options = await makeRun({ saveSteps: 1 });
  free = Number.MAX_SAFE_INTEGER;
  vi.mocked(rename).mockImplementation(async (from, to) => {
    if (String(to).endsWith('step-2')) throw Object.assign(new Error(), { code: 'ENOSPC' });
    await real.rename(from, to);
  });
  await expectError(() => train(options), 'io', 'step-2: the disk is full');
  expect(readdirSync(join(options.output, 'resume')).filter((name) => name[0] !== '.')).toEqual([
    'step-1',
  ]);
  vi.mocked(rename).mockImplementation(real.rename);
  const onStart = vi.fn();
  expect(await train({ ...options, onStart })).toMatchObject({ trained: true });
  expect(onStart).toHaveBeenCalledWith(expect.objectContaining({ stepsDone: 1 }));
});

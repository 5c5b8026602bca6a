// Saved states: that they are what the run was when they were saved, though they are written while it goes on; which are
// kept; and that a damaged one is noticed.
import { copyFile, cp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { makeRun, resultOf } from './runs.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Names of the states in a run's folder, the oldest first. */
async function statesOf({ output }: TrainOptions): Promise<string[]> {
  return (await readdir(join(output, 'resume'))).sort();
}

/** Runs until a step has been made and saved, then fails as a killed process would. */
async function stopAfter(options: TrainOptions, step: number): Promise<void> {
  const onStep = (metrics: { step: number }) => {
    if (metrics.step === step + 1) throw new Error('killed');
  };
  await expect(train({ ...options, onStep })).rejects.toThrow('killed');
}

/** A run that saves after every step and was killed after the third, with what it would have given. */
async function makeStopped() {
  const whole = await makeRun({ dtype: 'bfloat16' });
  await train(whole);
  const settings = { ...whole.settings, saveSteps: 1 };
  const stopped = { ...whole, output: `${whole.output}-stopped`, settings };
  await stopAfter(stopped, 3);
  return { stopped, expected: await resultOf(whole.output) };
}

/** The same in a folder of its own. */
async function copyOf(stopped: TrainOptions): Promise<TrainOptions> {
  const output = join(await temporaryFolder(), 'run');
  await cp(stopped.output, output, { recursive: true });
  return { ...stopped, output };
}

async function flipBit(path: string, position: number): Promise<void> {
  const handle = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  const { size } = await handle.stat();
  const at = position < 0 ? size + position : position;
  await handle.read(byte, 0, 1, at);
  byte[0]! ^= 4;
  await handle.write(byte, 0, 1, at);
  await handle.close();
}

describe('a state', () => {
  test('is one of the newest, or kept for good, also when the run is finished', async () => {
    const settings = { maxSteps: 8, saveSteps: 1, keepEvery: 3, keepStates: 1 };
    const options = await makeRun(settings);
    await stopAfter(options, 4);
    expect(await statesOf(options)).toEqual(['step-3', 'step-4']);
    // The count goes on, and what was to be kept stays even if the command no longer says so.
    await train(options);
    expect(await statesOf(options)).toEqual(['step-3', 'step-6']);
    expect(await train(options)).toMatchObject({ trained: false });
    const without = { ...options, settings: { ...options.settings, keepEvery: 0 } };
    expect(await train(without)).toMatchObject({ trained: false });
    expect(await statesOf(options)).toEqual(['step-3', 'step-6']);
  });

  test('of the time before there were checksums is resumed from', async () => {
    const { stopped, expected } = await makeStopped();
    await rm(join(stopped.output, 'resume/step-2'), { recursive: true });
    const path = join(stopped.output, 'resume/step-3/state.json');
    const { step, source } = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ version: 1, step, source }));
    await train(stopped);
    expect(await resultOf(stopped.output)).toEqual(expected);
  });
});

/** Ways to damage a file. */
const damages = {
  'a bit of a tensor': ['state.safetensors', (path: string) => flipBit(path, -100)],
  'a bit of the header': ['state.safetensors', (path: string) => flipBit(path, 40)],
  'the end': ['state.safetensors', (path: string) => truncate(path, 5000)],
  'all of the tensors': ['state.safetensors', (path: string) => rm(path)],
  'the tensors of another step': [
    'state.safetensors',
    (path: string) => copyFile(path.replace('step-3', 'step-2'), path),
  ],
  'a digit of the position': ['state.json', swapDigit],
  'half of the position': ['state.json', (path: string) => truncate(path, 30)],
  'the position': ['state.json', (path: string) => rm(path)],
} as const;

test('a damaged state is noticed, and the one before it used', async () => {
  const { stopped: original, expected } = await makeStopped();
  expect(await statesOf(original)).toEqual(['step-2', 'step-3']);
  for (const [what, [file, damage]] of Object.entries(damages)) {
    const stopped = await copyOf(original);
    await damage(join(stopped.output, 'resume/step-3', file));
    const [onWarning, onStart] = [vi.fn(), vi.fn()];
    await train({ ...stopped, onWarning, onStart });
    const [start] = onStart.mock.calls[0] as [{ stepsDone: number }];
    expect(start.stepsDone, what).toBe(2);
    expect(onWarning).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/step-3.*; resuming from the state before it, of step 2$/),
    );
    expect(await resultOf(stopped.output), what).toEqual(expected);
  }
});

test('if no state is whole, the run ends, and they stay', async () => {
  const { stopped: original } = await makeStopped();
  const flip = (folder: string) => flipBit(join(folder, 'state.safetensors'), -9);
  // Those of a newer version may be whole for that.
  const renumber = async (folder: string) => {
    const path = join(folder, 'state.json');
    const state = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...state, version: 3 }));
  };
  for (const damage of [flip, renumber]) {
    const stopped = await copyOf(original);
    for (const step of [2, 3]) await damage(join(stopped.output, `resume/step-${step}`));
    const message = 'no other state is whole: to begin anew, delete';
    await expectError(() => train(stopped), 'format', message);
    expect(await statesOf(stopped)).toEqual(['step-2', 'step-3']);
  }
});

/** Another number where the data stood, in a file that is JSON as before. */
async function swapDigit(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const changed = text.replace(/("source": \{[^0-9]*)(\d)/, (_, before, digit) => {
    return `${before}${(Number(digit) + 1) % 10}`;
  });
  expect(changed).not.toBe(text);
  await writeFile(path, changed);
}

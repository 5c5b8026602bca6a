// How often a run saves its state, with a clock that the test sets.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { train } from '../../lib/train/train.ts';
import { makeRun } from './runs.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The states that are there when each step begins, if a step takes so many minutes. */
async function statesDuring(saveMinutes: number, minutesOfSteps: readonly number[]) {
  const options = await makeRun({ maxSteps: minutesOfSteps.length, saveMinutes, keepStates: 1 });
  const resume = join(options.output, 'resume');
  const states: string[] = [];
  // Without room for a copy the next step begins when the state is written.
  vi.spyOn(process, 'availableMemory').mockReturnValue(0);
  vi.useFakeTimers({ toFake: ['performance'] });
  await train({
    ...options,
    onStep: async ({ step }) => {
      states.push((await readdir(resume).catch(() => [])).join());
      vi.advanceTimersByTime(60_000 * minutesOfSteps[step - 1]!);
    },
  });
  return states;
}

test('a state is saved when so many minutes have passed since the last', async () => {
  const states = await statesDuring(30, [29.9, 0.2, 29.9, 0.2, 31, 1]);
  expect(states).toEqual(['', '', 'step-2', 'step-2', 'step-4', 'step-5']);
});

test('none is saved when it is only wanted after an interruption, nor after the last step', async () => {
  expect(await statesDuring(0, [1e4, 1e4, 1e4])).toEqual(['', '', '']);
});

// The settings that trade memory for work or precision, in whole runs: what they change, and what they must not.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { recomputations } from '../../lib/llama/activations.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { resumeFolder } from '../../lib/train/resume.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { expectError } from '../llama/fixtures.ts';
import { makeRun, resultOf } from './runs.ts';

/** The same run in another folder. */
const changed = (options: TrainOptions, name: string, settings: object): TrainOptions => ({
  ...options,
  output: `${options.output}-${name}`,
  settings: { ...options.settings, ...settings },
});

/** Runs until the step is done, and leaves a state. */
async function interruptedAfter(options: TrainOptions, step: number): Promise<void> {
  const controller = new AbortController();
  const run = train({
    ...options,
    signal: controller.signal,
    onStep: (metrics) => {
      if (metrics.step === step) controller.abort();
    },
  });
  await expect(run).rejects.toMatchObject({ code: 'interrupted' });
}

describe('recompute', () => {
  test('gives the same metrics and the same model, with each choice, also when it changes on the way', async () => {
    const options = await makeRun({ dtype: 'bfloat16', documentMask: true });
    await train(options);
    const expected = await resultOf(options.output);
    let before = Number.POSITIVE_INFINITY;
    for (const recompute of recomputations) {
      const run = changed(options, recompute, { recompute });
      let planned = 0;
      await train({
        ...run,
        onStart: ({ memory }) => {
          planned = memory.activations;
        },
      });
      expect(await resultOf(run.output), recompute).toEqual(expected);
      expect(planned).toBeLessThan(before);
      before = planned;
    }
    const resumed = changed(options, 'resumed', { recompute: 'layer' });
    await interruptedAfter(resumed, 2);
    await train({ ...resumed, settings: { ...resumed.settings, recompute: 'norms' } });
    expect(await resultOf(resumed.output)).toEqual(expected);
  });
});

describe('moments in bfloat16', () => {
  test('are saved so, and a resumed run gives the same bits', async () => {
    const options = await makeRun({ dtype: 'bfloat16', moments: 'bfloat16' });
    await train(options);
    const expected = await resultOf(options.output);
    const again = changed(options, 'again', {});
    await train(again);
    expect(await resultOf(again.output)).toEqual(expected);

    const resumed = changed(options, 'resumed', {});
    await interruptedAfter(resumed, 2);
    const folder = join(resumed.output, resumeFolder, 'step-2');
    await using file = await SafetensorsFile.open(join(folder, 'state.safetensors'));
    for (const kind of ['firstMoment', 'secondMoment']) {
      const { dtype, shape } = file.entry(`${kind}.lm_head.weight`);
      expect(dtype).toBe('BF16');
      // As the file of the model has it, without the padding in device memory.
      expect(shape[0]).toBe(514);
    }
    await train(resumed);
    expect(await resultOf(resumed.output)).toEqual(expected);

    // They learn nearly the same as float32, and not the very same.
    const exact = changed(options, 'exact', { moments: 'float32' });
    await train(exact);
    const result = await resultOf(exact.output);
    expect(result.weights).not.toBe(expected.weights);
    for (const [i, { loss }] of result.metrics.entries()) {
      expect(loss! / expected.metrics[i]!.loss!).toBeCloseTo(1, 2);
    }
  });

  test('decide the result: another choice is another run', async () => {
    const options = await makeRun({ dtype: 'bfloat16' });
    await interruptedAfter(options, 1);
    const other = { ...options, settings: { ...options.settings, moments: 'bfloat16' as const } };
    await expectError(
      () => train(other),
      'usage',
      'a run with moments float32, this one has bfloat16',
    );
    // A run from before there was the choice has float32.
    const path = join(options.output, 'run.json');
    const { moments, ...older } = JSON.parse(await readFile(path, 'utf8'));
    expect(moments).toBe('float32');
    await writeFile(path, JSON.stringify(older));
    await expectError(() => train(other), 'usage', 'a run with moments float32');
    await expect(train(options)).resolves.toMatchObject({ trained: true });
  });
});

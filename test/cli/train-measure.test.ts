// What `leia train` measures on its way: the loss of articles that it is not trained on, and scores of tasks.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openMeasuring } from '../../lib/cli/train-measure.ts';
import { heldOutArticles, heldOutLoss } from '../../lib/evaluate/held-out-loss.ts';
import { splitHeldOut } from '../../lib/evaluate/held-out-split.ts';
import { Dataset } from '../../lib/leia/dataset.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { trainSettings } from '../../lib/train/settings.ts';
import { modelFolder, sets } from '../evaluate/tasks/support.ts';
import { expectError, readJson, temporaryFolder } from '../llama/fixtures.ts';
import { digestOf, makeDataset, metricsOf } from '../train/runs.ts';
import { run } from './in-process.ts';

async function makeArguments() {
  const [model, data] = [await modelFolder(), await makeDataset()];
  const folder = await temporaryFolder();
  const train = async (name: string, ...more: string[]) => {
    const output = join(folder, name);
    const shape = ['--sequence-length', '32', '--batch-size', '4', '--max-steps', '3'];
    const args = ['--model', model, '--data', data, '--output', output, '--dtype', 'float32'];
    const { code, error: errors } = await run('train', ...args, ...shape, ...more);
    return { output, code, errors };
  };
  return { data, train, folder: model };
}

test('held-out loss is that of articles which are not trained on, and changes nothing', async () => {
  const { data, train } = await makeArguments();
  const often = await train('often', '--evaluate-steps', '2', '--held-out-articles', '3');
  expect(often.code).toBe(0);
  const metrics = await metricsOf(often.output);
  const [first, second, third] = metrics.map(({ heldOutLoss }) => heldOutLoss);
  expect(first).toBeUndefined();
  expect(second).toBeGreaterThan(0);
  expect(second).not.toBe(third);
  expect(metrics[1]!.evaluationShare).toBeGreaterThan(0);
  expect(often.errors).toContain(`step 3: held-out loss ${third!.toFixed(4)}`);

  using dataset = await Dataset.open(data);
  const names = Array.from({ length: dataset.articleCount }, (_, i) => String(i));
  const { heldOut } = splitHeldOut(names, { fraction: 3 / names.length, seed: 0 });
  expect(heldOut).toHaveLength(3);
  using model = await LlamaModel.load(often.output);
  const rows = { sequenceLength: 32, batchSize: 1 };
  const { loss } = await heldOutLoss(model, heldOutArticles(dataset, heldOut), rows);
  expect(loss).toBeCloseTo(third!, 5);

  const seldom = await train('seldom', '--evaluate-steps', '9', '--held-out-articles', '3');
  expect((await metricsOf(seldom.output))[2]!.heldOutLoss).toBe(third);
  const weights = 'model.safetensors';
  expect(await digestOf(join(seldom.output, weights))).toBe(
    await digestOf(join(often.output, weights)),
  );
  // Another number of articles to train on is another run.
  const other = await train('often', '--evaluate-steps', '2', '--held-out-articles', '4');
  expect(other).toMatchObject({ code: 2, errors: expect.stringMatching(/choice of articles/) });
});

test('measuring says how far it is, and ends when the run is to end', async () => {
  const { data, folder } = await makeArguments();
  const steps: unknown[] = [];
  const { measure } = await openMeasuring({
    ...{ model: folder, data, settings: trainSettings.parse({ maxSteps: 4, sequenceLength: 32 }) },
    measure: { evaluateSteps: 2, heldOutArticles: 3 },
    onProgress: (...progress) => steps.push(progress),
  });
  using model = await LlamaModel.load(folder);
  expect(await measure!(1, model, undefined)).toBeUndefined();
  await measure!(2, model, undefined);
  const total = steps.length - 1;
  expect(total).toBeGreaterThan(1);
  expect(steps).toEqual(
    Array.from({ length: total + 1 }, (_, done) => [2, 'held-out loss', done, total]),
  );

  const ending = new AbortController();
  const measured = measure!(4, model, ending.signal);
  ending.abort();
  await expectError(() => measured, 'interrupted', 'held-out loss');
});

test('scores of tasks are those that leia eval finds', async () => {
  const { train } = await makeArguments();
  const tasks = ['--evaluate-tasks', 'xcsqa_en', '--evaluate-data', sets, '--evaluate-limit', '6'];
  const { output, code } = await train('run', '--evaluate-steps', '3', ...tasks);
  expect(code).toBe(0);
  const metrics = await metricsOf(output);
  expect(metrics.map(({ tasks }) => tasks && Object.keys(tasks))).toEqual([
    undefined,
    undefined,
    ['xcsqa_en'],
  ]);
  const results = await temporaryFolder();
  const asked = ['--tasks', 'xcsqa_en', '--data', sets, '--limit', '6', '--output', results];
  expect(await run('eval', '--model', output, ...asked)).toMatchObject({ code: 0 });
  const { results: scores } = (await readJson(join(results, 'results.json'))) as {
    results: Record<string, Record<string, number>>;
  };
  const [metric] = Object.keys(scores.xcsqa_en!).filter((key) => /^acc(_norm)?,none$/.test(key));
  expect(metrics[2]!.tasks!.xcsqa_en).toBe(scores.xcsqa_en![metric!]);
});

test('settings that mean nothing alone are refused', async () => {
  const { train } = await makeArguments();
  for (const [options, message] of [
    [['--evaluate-steps', '2'], 'needs something to measure'],
    [['--held-out-articles', '2'], 'need --evaluate-steps'],
    [['--evaluate-limit', '2'], 'need --evaluate-tasks'],
    [
      ['--evaluate-steps', '2', '--held-out-articles', '12'],
      '--held-out-articles 12 leaves none of the 12 articles',
    ],
    [['--evaluate-steps', '2', '--evaluate-tasks', 'nothing'], 'nothing'],
  ] as const) {
    const { code, errors } = await train('refused', ...options);
    expect(code).toBe(2);
    expect(errors).toContain(message);
  }
});

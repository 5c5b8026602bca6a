// Batches in which no token is to be predicted: rows that hold nothing but an inserted name, which is not learned.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DatasetWriter } from '../../lib/leia/dataset-writer.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import type { TrainSettingsInput } from '../../lib/train/settings.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { expectError, fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { makeRun, metricsOf, withoutSpeed } from './runs.ts';

const sequenceLength = 8;

/** A dataset of articles of one row each: with labels (`text`), or of which a name takes all but the first token. */
async function datasetOf(rows: readonly ('text' | 'name')[]): Promise<string> {
  const folder = await temporaryFolder();
  const { hash, vocabSize, bosId } = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  const tokenizer = { hash, vocabSize, bosId };
  const writer = await DatasetWriter.create(folder, { language: 'xx', tokenizer, source: {} });
  for (const [i, row] of rows.entries()) {
    // The marks and five tokens of the name come in place of the second token.
    const name = { start: 1, end: 2, nameIds: Int32Array.of(5, 6, 7, 8, 9) };
    const text = Array.from({ length: sequenceLength - 1 }, (_, t) => 10 + 7 * i + t);
    await writer.append({
      ...{ title: `${i}`, text: '', anchors: [] },
      inputIds: Int32Array.from([bosId, ...(row === 'text' ? text : [500])]),
      entities: row === 'text' ? [] : [name],
    });
  }
  await writer.finish();
  return folder;
}

async function runOn(data: string, settings: TrainSettingsInput): Promise<TrainOptions> {
  const options = await makeRun({
    ...{ strategy: 'replace', pSkip: 0, lossOnNames: false, dtype: 'float32' },
    ...{ sequenceLength, batchSize: 1, microBatchSize: 1, maxSteps: 6, ...settings },
  });
  return { ...options, data };
}

test('are skipped and counted, also by a run that is resumed', async () => {
  const options = await runOn(await datasetOf(['name', 'text', 'name', 'name', 'text']), {});
  const { skippedBatches } = await train(options);
  const metrics = await metricsOf(options.output);
  expect(metrics.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  const counted = metrics.reduce((sum, line) => sum + (line.skippedBatches ?? 0), 0);
  // Two steps use up an epoch; batches after the last step's are never seen.
  expect(counted).toBeGreaterThanOrEqual(2 * 3);
  expect(counted).toBeLessThanOrEqual(3 * 3);
  expect(skippedBatches).toBe(counted);
  expect(metrics.every((line) => line.skippedBatches !== 0)).toBe(true);

  const again = { ...options, output: `${options.output}-resumed` };
  const controller = new AbortController();
  const stopping = {
    ...again,
    signal: controller.signal,
    onStep: ({ step }: { step: number }) => {
      if (step === 3) controller.abort();
    },
  };
  await expect(train(stopping)).rejects.toMatchObject({ code: 'interrupted' });
  expect(await train(again)).toEqual({ trained: true, rounding: undefined, skippedBatches });
  expect(withoutSpeed(await metricsOf(again.output))).toEqual(withoutSpeed(metrics));
  expect(await train(again)).toMatchObject({ trained: false, skippedBatches });
});

test('of micro-batches, those without a label do not count in the mean of means', async () => {
  const data = await datasetOf(['name', 'text', 'name', 'name']);
  const settings = { batchSize: 4, maxSteps: 1 } as const;
  const tokens = await runOn(data, settings);
  const means = await runOn(data, { ...settings, lossAverage: 'micro-batches' });
  await train({ ...tokens });
  await train({ ...means, model: tokens.model });
  const [byTokens] = withoutSpeed(await metricsOf(tokens.output));
  const [byMeans] = withoutSpeed(await metricsOf(means.output));
  // Only one micro-batch has labels, so both means are its own.
  expect(byMeans).toEqual(byTokens);
  expect(byMeans?.gradientNorm).toBeGreaterThan(0);
});

test('when there is no other in a whole epoch, the run says so', async () => {
  const options = await runOn(await datasetOf(['name', 'name', 'name']), {});
  const message = 'no batch of a whole epoch has a token to predict; leave out --no-loss-on-names';
  await expectError(() => train(options), 'mismatch', message);
  const batch = await runOn(options.data, { batchSize: 10 });
  await expectError(() => train(batch), 'mismatch', message);
});

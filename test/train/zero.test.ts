// Ranks that share the memory of a run (ZeRO) learn what one process does, and hold what the plan says.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TrainSettingsInput } from '../../lib/train/settings.ts';
import { noMpi, overMpi } from '../distributed/ranks.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { isFull } from '../support/extent.ts';
import {
  expectClose,
  makeOddModel,
  type RankRun,
  type RunReport,
  resultOf,
  trainAlone,
  trainOverMpi,
} from './rank-runs.ts';
import { makeDataset } from './runs.ts';

const steps = {
  ...{ maxSteps: 5, batchSize: 8, microBatchSize: 1, sequenceLength: 32, learningRate: 1e-3 },
  // Without the names some rows have few labels.
  ...{ dtype: 'float32', lossOnNames: false, saveMinutes: 0, seed: 3 },
} as const satisfies TrainSettingsInput;

const stages = [0, 1, 2, 3] as const;

/** Every rank holds what its plan says, after each step but the one after which another loss is measured. */
function expectPlanned({ memory }: RunReport): void {
  for (const { planned, held } of memory) {
    const [first, , ...others] = held;
    expect([first, ...others]).toEqual([0, 1, 2, 3].map(() => planned));
  }
}

describe.skipIf(noMpi !== undefined)(`ZeRO ${overMpi}`, () => {
  const counts = isFull ? [1, 2, 3, 4] : [3];
  test.each(counts)('%i ranks learn what one process does, at each stage', async (ranks) => {
    const [data, folder] = [await makeDataset(), await temporaryFolder()];
    const kinds = isFull
      ? [false, true].flatMap((tied) =>
          (['tokens', 'micro-batches'] as const).map((lossAverage) => ({ tied, lossAverage })),
        )
      : [{ tied: false, lossAverage: 'tokens' } as const];
    for (const [kind, { tied, lossAverage }] of kinds.entries()) {
      const model = await makeOddModel({ tie_word_embeddings: tied });
      const run = (name: string, zero: number): RankRun => ({
        ...{ model, data, output: join(folder, `${kind}-${name}`) },
        settings: { ...steps, lossAverage, zero },
      });
      const expected = await trainAlone(run('alone', 0));
      const runs = stages.map((zero) => run(`stage-${zero}`, zero));
      const again = runs
        .slice(isFull ? 0 : 3)
        .map((one) => ({ ...one, output: `${one.output}-again` }));
      const reports = await trainOverMpi(ranks, [...runs, ...again]);
      for (const { output } of runs) await expectClose(output, expected);
      for (const { output } of again) {
        expect(await resultOf(output)).toEqual(await resultOf(output.replace(/-again$/, '')));
      }
      for (const report of reports) expectPlanned(report);
      // Ranks that compute a measurement together cannot leave it alone.
      const interruptible = stages.map((stage) => reports[stage]!.isInterruptible);
      expect(interruptible).toEqual([true, true, true, ranks === 1]);
    }
  });

  // One micro-batch for each rank, and no clipping: then nothing is added in another order.
  test('every stage gives the same bits, with moments that are rounded at random', async () => {
    const [data, folder, model] = [
      await makeDataset(),
      await temporaryFolder(),
      await makeOddModel(),
    ];
    const ranks = isFull ? 4 : 2;
    const settings = {
      ...{ ...steps, batchSize: ranks, dtype: 'bfloat16', moments: 'bfloat16' },
      ...{ maxGradientNorm: 1e9, saveDtype: 'float32', maxSteps: 3 },
    } as const satisfies TrainSettingsInput;
    const runs = stages.map(
      (zero): RankRun => ({
        ...{ model, data, output: join(folder, `${zero}`) },
        settings: { ...settings, zero },
      }),
    );
    await trainOverMpi(ranks, runs);
    const [first, ...others] = await Promise.all(runs.map(({ output }) => resultOf(output)));
    for (const { weights } of others) expect(weights).toBe(first!.weights);
  });

  const peaks = isFull ? [2, 3] : [];
  test.each(peaks)('the peak of each of %i ranks is within 2 %% of its plan', async (ranks) => {
    const [data, folder] = [await makeDataset(), await temporaryFolder()];
    const model = await makeOddModel({
      ...{ vocab_size: 8001, hidden_size: 128, intermediate_size: 300, head_dim: 32 },
      ...{ num_attention_heads: 4, num_hidden_layers: 6 },
    });
    // A process's peak is that of all its runs, so the smallest comes first.
    const runs = stages.toReversed().map(
      (zero): RankRun => ({
        ...{ model, data, output: join(folder, `${zero}`) },
        settings: {
          ...({ ...steps, dtype: 'bfloat16', batchSize: 2 * ranks, maxSteps: 2 } as const),
          ...{ sequenceLength: 128, zero },
        },
      }),
    );
    for (const { memory } of await trainOverMpi(ranks, runs)) {
      for (const { plannedPeak, peak } of memory) {
        expect(Math.abs(peak / plannedPeak - 1)).toBeLessThan(0.02);
      }
    }
  });
});

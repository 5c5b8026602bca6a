// Ranks that share the memory of a run (ZeRO) learn what one process does, and hold what the plan says.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TrainSettingsInput } from '../../lib/train/settings.ts';
import { noMpi, overMpi } from '../distributed/ranks.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { isFull } from '../support/extent.ts';
import {
  makeOddModel,
  type RankRun,
  type RunReport,
  trainAlone,
  trainOverMpi,
} from './rank-runs.ts';
import { expectClose, makeDataset, resultOf } from './runs.ts';

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
    const models = [await makeOddModel(), await makeOddModel({ tie_word_embeddings: true })];
    const run = (name: string, tied: boolean, settings: TrainSettingsInput): RankRun => ({
      ...{ model: models[Number(tied)]!, data, output: join(folder, name) },
      settings: { ...steps, ...settings },
    });
    const kinds = (isFull ? [false, true] : [false]).flatMap((tied) =>
      (isFull ? (['tokens', 'micro-batches'] as const) : (['tokens'] as const)).map(
        (lossAverage) => ({ tied, lossAverage, name: `${tied ? 'tied-' : ''}${lossAverage}` }),
      ),
    );
    const close = kinds.flatMap(({ tied, lossAverage, name }) =>
      stages.map((zero) => run(`${name}-${zero}`, tied, { lossAverage, zero })),
    );
    const again = close
      .slice(isFull ? 0 : 3)
      .map((one) => ({ ...one, output: `${one.output}-again` }));
    // One micro-batch for each rank, and no clipping: then nothing is added in another order, and each stage has the same
    // bits, though moments are rounded at random.
    const exact = stages.map((zero) =>
      run(`exact-${zero}`, false, {
        ...{ batchSize: ranks, dtype: 'bfloat16', moments: 'bfloat16', maxSteps: 3 },
        ...{ maxGradientNorm: 1e9, saveDtype: 'float32', zero },
      }),
    );
    const reports = await trainOverMpi(ranks, [...close, ...again, ...exact]);
    for (const { tied, lossAverage, name } of kinds) {
      const expected = await trainAlone(run(name, tied, { lossAverage }));
      for (const stage of stages) await expectClose(join(folder, `${name}-${stage}`), expected);
    }
    for (const { output } of again) {
      expect(await resultOf(output)).toEqual(await resultOf(output.replace(/-again$/, '')));
    }
    const digests = await Promise.all(exact.map(({ output }) => resultOf(output)));
    expect(new Set(digests.map(({ weights }) => weights)).size).toBe(1);
    for (const report of reports.slice(0, close.length)) expectPlanned(report);
    // Ranks that compute a measurement together cannot leave it alone.
    const interruptible = stages.map((stage) => reports[stage]!.isInterruptible);
    expect(interruptible).toEqual([true, true, true, ranks === 1]);
  });

  const peaks = isFull ? [2, 3] : [];
  test.each(peaks)(
    'the peak of each of %i ranks is within a fiftieth of its plan',
    async (ranks) => {
      const [data, folder] = [await makeDataset(), await temporaryFolder()];
      const model = await makeOddModel({
        ...{ vocab_size: 8001, hidden_size: 128, intermediate_size: 300, head_dim: 32 },
        ...{ num_attention_heads: 4, num_hidden_layers: 6 },
      });
      // After one step nothing has been measured yet, which no plan counts.
      const runs = stages.map(
        (zero): RankRun => ({
          ...{ model, data, output: join(folder, `${zero}`) },
          settings: {
            ...({ ...steps, dtype: 'bfloat16', batchSize: 2 * ranks, maxSteps: 1 } as const),
            ...{ sequenceLength: 128, zero },
          },
        }),
      );
      // A process's peak is that of all its runs, so each has its own.
      for (const run of runs) {
        const [report] = await trainOverMpi(ranks, [run]);
        for (const { plannedPeak, peak } of report!.memory) {
          expect(Math.abs(peak / plannedPeak - 1)).toBeLessThan(0.02);
        }
      }
    },
  );
});

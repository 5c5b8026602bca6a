// Ranks on GPUs, all in this process, learn what one does and share its memory: on the emulator's devices, or on the GPUs of
// this machine. The model's sizes divide by no number of ranks.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { freePort } from '../../lib/distributed/launch.ts';
import { World } from '../../lib/distributed/world.ts';
import { type TrainSettingsInput, trainSettings } from '../../lib/train/settings.ts';
import { train } from '../../lib/train/train.ts';
import { mostRanks } from '../distributed/gpu-ranks.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { deviceName } from '../ops/case.ts';
import { isFull } from '../support/extent.ts';
import { makeOddModel, type RankRun } from './rank-runs.ts';
import { expectClose, makeDataset, resultOf } from './runs.ts';

const steps = {
  ...{ batchSize: 4, microBatchSize: 1, learningRate: 1e-3 },
  // Without the names some rows have few labels.
  ...{ dtype: 'float32', lossOnNames: false, saveMinutes: 0, seed: 3 },
  ...(isFull ? { sequenceLength: 32, maxSteps: 5 } : { sequenceLength: 16, maxSteps: 1 }),
} as const satisfies TrainSettingsInput;

/** Makes the runs, one after the other, with so many ranks. */
async function trainTogether(size: number, runs: readonly RankRun[]): Promise<void> {
  const address = { host: '127.0.0.1', port: await freePort() };
  const ranks = Array.from({ length: size }, async (_, rank) => {
    const device = Device.open(`${deviceName}:${rank}`).name;
    const place = { rank, size, localRank: rank, localSize: size, launcher: 'a test', address };
    const world = await World.open({ ...place, token: 'of the test' }, { device, timeout: 300 });
    for (const { settings, ...options } of runs) {
      await train({ ...options, world, settings: trainSettings.parse({ ...settings, device }) });
    }
    await world.close();
  });
  await Promise.all(ranks);
}

const counts = isFull ? [2, 3, 4] : [Math.max(2, Math.min(3, mostRanks))];
const stages = isFull ? [0, 1, 2, 3] : [3];

describe.each(counts)('%i ranks on GPUs', (size) => {
  test.skipIf(size > mostRanks)(
    'learn what one does at each stage of ZeRO, twice with the same bits',
    async () => {
      const [data, folder] = [await makeDataset(), await temporaryFolder()];
      const model = await makeOddModel();
      const run = (name: string, zero: number): RankRun => ({
        ...{ model, data, output: join(folder, name) },
        settings: { ...steps, zero },
      });
      const { settings, ...alone } = run('alone', 0);
      await train({ ...alone, settings: trainSettings.parse({ ...settings, device: deviceName }) });
      const runs = stages.map((zero) => run(`stage-${zero}`, zero));
      const again = isFull ? stages.map((zero) => run(`stage-${zero}-again`, zero)) : [];
      await trainTogether(size, [...runs, ...again]);
      for (const { output } of runs) await expectClose(output, alone.output);
      for (const { output } of again) {
        expect(await resultOf(output)).toEqual(await resultOf(output.replace(/-again$/, '')));
      }
    },
  );
});

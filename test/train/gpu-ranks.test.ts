// Ranks on GPUs, all in this process, learn what one does: on the emulator's devices, or on the GPUs of this machine.
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { World } from '../../lib/distributed/world.ts';
import type { TrainSettingsInput } from '../../lib/train/settings.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { mostRanks } from '../distributed/gpu-ranks.ts';
import { deviceName } from '../ops/case.ts';
import { isFull } from '../support/extent.ts';
import { expectSameRun, makeRun, metricsOf, withoutSpeed } from './runs.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen({ port: 0, host: '127.0.0.1' }, done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** The same run by so many ranks, in another folder. */
async function trainTogether(run: TrainOptions, size: number, output: string): Promise<void> {
  const address = { host: '127.0.0.1', port: await freePort() };
  const ranks = Array.from({ length: size }, async (_, rank) => {
    const device = `${deviceName}:${rank}`;
    const place = { rank, size, localRank: rank, localSize: size, launcher: 'a test', address };
    const world = await World.open({ ...place, token: output }, { device, output });
    const settings = { ...run.settings, device: Device.open(device).name };
    await train({ ...run, settings, output, world });
    await world.close();
  });
  await Promise.all(ranks);
}

const steps = isFull ? 5 : 2;
const settings: TrainSettingsInput = { device: deviceName, maxSteps: steps, batchSize: 6 };
const counts = [2, 3, 4].filter((size) => size <= mostRanks);

describe.each(isFull ? counts : counts.slice(1, 2))('%i ranks on GPUs', (size) => {
  test('learn what one does, twice with the same bits', async () => {
    const run = await makeRun({ ...settings, microBatchSize: 1, dtype: 'float32' });
    await train(run);
    const [first, second] = [`${run.output}-ranks`, `${run.output}-again`];
    await trainTogether(run, size, first);
    await expectSameRun(first, run.output);
    if (!isFull) return;
    await trainTogether(run, size, second);
    expect(withoutSpeed(await metricsOf(second))).toEqual(withoutSpeed(await metricsOf(first)));
  });
});

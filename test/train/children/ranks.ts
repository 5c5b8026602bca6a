// One rank: makes the runs of its argument, one after the other. Rank 0 prints what came out of each.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Device } from '../../../lib/core/device.ts';
import { placeOfProcess } from '../../../lib/distributed/place.ts';
import { World } from '../../../lib/distributed/world.ts';
import { trainSettings } from '../../../lib/train/settings.ts';
import { train } from '../../../lib/train/train.ts';
import { heldOutOf } from '../held-out.ts';
import type { RankMemory, RankRun, RunReport } from '../rank-runs.ts';

/** This rank dies when a file or folder gets a name that ends so. */
function dieBeforeNaming(end: string): void {
  const { rename } = fs.promises;
  fs.promises.rename = async (from, to) => {
    if (String(to).endsWith(end)) process.kill(process.pid, 'SIGKILL');
    await rename(from, to);
  };
  syncBuiltinESMExports();
}

async function make({ settings, death, ...options }: RankRun): Promise<RunReport> {
  if (death?.rank === world.rank) dieBeforeNaming(death.beforeNaming);
  const device = Device.open('cpu');
  await device.synchronize();
  const before = device.liveBytes;
  const memory: RankMemory = { planned: 0, held: [], plannedPeak: 0, peak: 0 };
  const warnings: string[] = [];
  const measure = await heldOutOf(options.data);
  let [stepsDone, isInterruptible] = [0, false];
  await train({
    ...options,
    settings: trainSettings.parse(settings),
    world,
    signal: new AbortController().signal,
    measure: async (step, model, signal) => {
      isInterruptible = signal !== undefined;
      return await measure(step, model, signal);
    },
    onWarning: (message) => warnings.push(message),
    onStart: (start) => {
      memory.planned = start.memory.tensors;
      memory.plannedPeak = start.memory.total;
      stepsDone = start.stepsDone;
    },
    onStep: async () => {
      await device.synchronize();
      memory.held.push(device.liveBytes - before);
      memory.peak = device.peakBytes;
    },
  });
  return { memory: await world.gather(memory), warnings, stepsDone, isInterruptible };
}

const place = placeOfProcess();
// One rank alone is none.
const world = place === undefined ? World.alone : await World.open(place);
const reports: RunReport[] = [];
for (const run of JSON.parse(process.argv[2] ?? '[]') as RankRun[]) reports.push(await make(run));
await world.close();
if (world.isFirst) console.log(JSON.stringify(reports));

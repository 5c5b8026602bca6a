// One of three ranks in a world that goes wrong as the argument says. Prints what ends it, once.
import { setTimeout } from 'node:timers/promises';
import { Device } from '../../../lib/core/device.ts';
import { Tensor } from '../../../lib/core/tensor.ts';
import { Communicator } from '../../../lib/distributed/communicator.ts';
import { placeOfProcess } from '../../../lib/distributed/place.ts';
import { World } from '../../../lib/distributed/world.ts';

const [, , mode, output] = process.argv;
const place = placeOfProcess()!;
const isLast = place.rank === place.size - 1;
const patience = 0.5;

/** Seconds after which a rank is missed, if it is there and says nothing, or never came. */
const timeouts: Record<string, number> = { absent: 1, unborn: 0.5 };

async function open(): Promise<World> {
  if (mode === 'absent') Communicator.openMpi();
  const timeout = timeouts[mode!];
  if (timeout === undefined || !isLast) {
    return await World.open(place, { patience, output: output!, timeout: timeout ?? 60 });
  }
  await setTimeout(600_000);
  throw new Error('the others did not end');
}

async function work(world: World): Promise<void> {
  const device = Device.open('cpu');
  using tensor = Tensor.from([1, 2, 3], [3]);
  const sum = async (place: string) => {
    world.communicator.allReduce(tensor, place);
    await device.synchronize();
  };
  await sum('gradient of a');
  // A slow rank is waited for, as long as it shows progress.
  if (isLast) {
    await world.whileBusy(() => setTimeout(3000 * patience));
    for (let i = 0; i < 20; i++) {
      world.advance();
      await setTimeout(100 * patience);
    }
  }
  await sum('gradient of b');
  if (mode === 'other' && isLast) world.communicator.barrier(device, 'another part');
  if (mode === 'late' && isLast) await world.gather('what the others do not say');
  await sum('gradient of c');
}

try {
  const world = await open();
  await world.guard(() => work(world));
} catch (error) {
  if (place.rank === 0) console.log((error as Error).message);
  process.exitCode = 1;
}

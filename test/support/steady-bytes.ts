// A device's live bytes when nothing but the test that asks can change them: tensors that an earlier test left are freed
// by the garbage collector, at any time.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Device } from '../../lib/index.ts';

/** What is live when all work is done and all garbage collected. */
export async function steadyBytes(device: Device): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Queued work keeps alive what it uses, also what was disposed.
  await device.synchronize();
  for (let round = 0; round < 3; round++) {
    collect();
    // Node frees what was collected in a later turn of the event loop.
    await setImmediate();
  }
  return device.liveBytes;
}

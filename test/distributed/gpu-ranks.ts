// Ranks on GPUs, all of them in this process: on the emulator, or on the GPUs of this machine.
import { Device } from '../../lib/core/device.ts';
import { Communicator, deviceCount, ncclId } from '../../lib/distributed/communicator.ts';
import { deviceName } from '../ops/case.ts';

/** So many ranks need as many devices. */
export const mostRanks = deviceName === 'cpu' ? 0 : Math.min(deviceCount(), 4);

export interface Rank {
  readonly rank: number;
  readonly device: Device;
  readonly communicator: Communicator;
}

export function openRanks(size: number): Rank[] {
  const id = ncclId();
  return Array.from({ length: size }, (_, rank) => {
    const device = Device.open(`${deviceName}:${rank}`);
    return { rank, device, communicator: Communicator.openNccl(device, { id, rank, size }) };
  });
}

/** Does the work of each rank beside that of the others. */
export async function together<T>(
  ranks: readonly Rank[],
  work: (rank: Rank) => Promise<T>,
): Promise<T[]> {
  return await Promise.all(ranks.map(work));
}

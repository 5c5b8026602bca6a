// Ranks on GPUs, all of them in this process: on the emulator, or on the GPUs of this machine.
import { Device } from '../../lib/core/device.ts';
import {
  Communicator,
  deviceCount,
  ncclDescription,
  ncclId,
} from '../../lib/distributed/communicator.ts';
import { deviceName } from '../ops/case.ts';

// CUDA loads a kernel when it is first launched, and waits for all work on its GPU before that: also for a collective
// that another rank of this process, whose launches wait meanwhile, has not come to.
process.env.CUDA_MODULE_LOADING ??= 'EAGER';

/** So many ranks need as many devices, and NCCL: 0 without. */
export const mostRanks = countRanks();

function countRanks(): number {
  try {
    ncclDescription();
    return Math.min(deviceCount(), 4);
  } catch {
    return 0;
  }
}

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

// Which GPU is whose: every rank on a machine has one of its own.
import { LeiaError } from '../system/error.ts';
import { deviceCount } from './communicator.ts';
import type { Place } from './place.ts';

/**
 * What `--device cuda` is for one rank: the GPU with its number on its machine, or the only one that it sees, since Slurm
 * may show each rank another one.
 *
 * @throws LeiaError `usage` for one GPU by its number; `unavailable` if there are too few.
 */
export function deviceOfRank(
  device: string,
  place: Pick<Place, 'localRank' | 'localSize'>,
): string {
  checkRankDevice(device);
  if (device === 'cpu') return device;
  const count = deviceCount();
  if (count > 1 && place.localRank >= count) throw tooFew(place.localSize, count);
  return count === 1 ? device : `${device}:${place.localRank}`;
}

/**
 * Before so many ranks are started on this machine.
 *
 * @throws what {@link deviceOfRank} would throw in one of them.
 */
export function checkRankDevices(device: string, ranks: number): void {
  checkRankDevice(device);
  if (device === 'cpu') return;
  const count = deviceCount();
  if (ranks > count) throw tooFew(ranks, count);
}

function checkRankDevice(device: string): void {
  if (!device.includes(':')) return;
  throw new LeiaError(
    'usage',
    `--device ${device}: several ranks have a GPU each, expected --device ${device.split(':')[0]}`,
  );
}

function tooFew(ranks: number, count: number): LeiaError {
  return new LeiaError(
    'unavailable',
    `${ranks} ranks on this machine need as many GPUs, and it shows ${count}; start ${count} (CUDA_VISIBLE_DEVICES may hide others)`,
  );
}

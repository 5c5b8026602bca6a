// What a training run will take on the disk, checked before it begins: nobody should learn after an hour that it does
// not fit.
import { statfs } from 'node:fs/promises';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import { formatGigabytes } from './memory.ts';
import { resumeStateBytes } from './resume.ts';
import type { TrainSettings } from './settings.ts';

/** Beside weights and moments: headers, tokenizer, metrics, and what the file system rounds up. */
const otherBytes = 16e6;

/**
 * Checks that the folder's disk will hold all that the run writes. So many states are there at once as are kept, but two
 * at least, while one is written or the model, which is smaller. Those kept for good come on top: as many as can be
 * foreseen, since the clock decides when others are saved. States that are there already take no more room, so a run that
 * passed this check when it started passes it when resumed.
 *
 * @param state bytes of a state, all ranks' parts of it together.
 * @throws LeiaError `usage` if the disk has less room; `io`.
 */
export async function checkDisk(
  folder: string,
  state: number,
  settings: Pick<TrainSettings, 'keepStates' | 'keepEvery' | 'saveSteps' | 'maxSteps'>,
): Promise<void> {
  const there = resumeStateBytes(folder);
  const passing = Math.max(2, settings.keepStates);
  const count = passing + Math.max(keptForGood(settings), there.filter(({ keep }) => keep).length);
  const present = there
    .map(({ bytes }) => Math.min(bytes, state))
    .slice(-count)
    .reduce((sum, bytes) => sum + bytes, 0);
  const needed = count * state - present + (present > 0 ? 0 : otherBytes);
  const free = await freeBytes(folder);
  if (needed <= free) return;
  throw new LeiaError(
    'usage',
    `${folder}: the disk has ${formatGigabytes(free)} free, the run needs ${formatGigabytes(needed)} for ${count} resumable states of ${formatGigabytes(state)}${present > 0 ? `, ${there.length} of them there already` : ''}`,
  );
}

/** How many states a run keeps for good, as far as steps decide when it saves. */
function keptForGood({
  keepEvery,
  saveSteps,
  maxSteps,
}: Pick<TrainSettings, 'keepEvery' | 'saveSteps' | 'maxSteps'>): number {
  if (keepEvery === 0 || saveSteps === undefined) return 0;
  return Math.floor(Math.floor((maxSteps - 1) / saveSteps) / keepEvery);
}

async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    throw fileError('read', folder, error);
  }
}

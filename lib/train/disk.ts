// What a training run will take on the disk, checked before it begins: nobody should learn after an hour that it does
// not fit.
import { statfs } from 'node:fs/promises';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import { formatGigabytes, type MemoryPlan } from './memory.ts';
import { resumeStateBytes } from './resume.ts';

/** Beside weights and moments: headers, tokenizer, metrics, and what the file system rounds up. */
const otherBytes = 16e6;

/**
 * Checks that the folder's disk will hold all that the run writes. At most two states are there at once: a state is
 * removed as soon as the next one is complete, and the last one once the model, which is smaller, is complete. A state
 * that is there already takes no more room, so a run that passed this check when it started passes it when resumed.
 *
 * @throws LeiaError `usage` if the disk has less room; `io`.
 */
export async function checkDisk(
  folder: string,
  {
    parameters,
    masterLowBits,
    moments,
  }: Pick<MemoryPlan, 'parameters' | 'masterLowBits' | 'moments'>,
): Promise<void> {
  const state = parameters + masterLowBits + moments;
  const present = Math.min(resumeStateBytes(folder), state);
  const needed = present > 0 ? 2 * state - present : 2 * state + otherBytes;
  const free = await freeBytes(folder);
  if (needed <= free) return;
  throw new LeiaError(
    'usage',
    `${folder}: the disk has ${formatGigabytes(free)} free, the run needs ${formatGigabytes(needed)} for two resumable states of ${formatGigabytes(state)}${present > 0 ? ', one of which is there' : ''}`,
  );
}

async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    throw fileError('read', folder, error);
  }
}

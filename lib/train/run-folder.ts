// Tells what the output folder of a run holds: nothing yet, a run to resume, or a finished run. `run.json` says what the
// run was started with. The checkpoint's `config.json` is written last and says that the run is finished. A folder that
// holds anything else is left alone.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { World } from '../distributed/world.ts';
import { configFile } from '../llama/checkpoint.ts';
import { LeiaError } from '../system/error.ts';
import {
  fileError,
  removeTemporaries,
  targetOfTemporary,
  writeFileAtomically,
} from '../system/files.ts';
import { isLock, type LockOptions, lockFolder, lockIdOf } from '../system/lock.ts';
import { describeDifference, type RunIdentity } from './identity.ts';
import {
  hasResumeState,
  removeResumeStates,
  removeUnfinishedStates,
  unneededStates,
} from './resume.ts';

const identitySchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const runFile = 'run.json';
/** What runs did before there was a setting for it. */
const beforeThereWasASetting = { moments: 'float32', skipNonFinite: 0 };

/**
 * Assigns the folder to this run if it holds no other, and says whether the run is finished. The caller must have locked
 * the folder.
 *
 * @throws LeiaError `usage` if the folder is another run's or something else's, naming what differs; `io`.
 */
export async function claimRunFolder(
  folder: string,
  run: RunIdentity,
): Promise<'begun' | 'finished'> {
  const present = await list(folder);
  if (present.length > 0 && !present.includes(runFile)) {
    throw new LeiaError(
      'usage',
      `${folder} is not empty and no output of leia train; choose another --output`,
    );
  }
  // This process holds the lock, so the processes that were writing these are dead.
  await removeTemporaries(folder, () => true);
  await removeUnfinishedStates(folder);
  const before = await recordedRun(folder);
  if (before !== undefined) {
    checkSame(folder, before, run);
    return present.includes(configFile) ? 'finished' : 'begun';
  }
  // No state has been saved, so nothing is lost if the folder becomes another run's.
  await writeFileAtomically(join(folder, runFile), `${JSON.stringify(run, undefined, 2)}\n`);
  return 'begun';
}

/**
 * Whether the folder holds this run, finished. Only reads, so that it needs neither the lock nor the right to write.
 *
 * @throws LeiaError `usage` if it holds another finished run, naming what differs; `format`; `io`.
 */
export async function isFinished(folder: string, run: RunIdentity): Promise<boolean> {
  const present = await list(folder);
  if (!present.includes(configFile) || !present.includes(runFile)) return false;
  checkSame(folder, await readRun(join(folder, runFile)), run);
  return true;
}

/** Seconds in which a folder on another machine may still look as it was. */
const patience = 10;

/**
 * Checks that all ranks see the folder that the first one has locked.
 *
 * @throws LeiaError `usage` in all ranks, naming the first that does not.
 */
export async function checkSeenByAll(folder: string, world: World): Promise<void> {
  const id = await world.share(() => lockIdOf(folder));
  let isSeen = (await lockIdOf(folder)) === id;
  for (let second = 0; !isSeen && second < patience; second++) {
    await delay(1000);
    isSeen = (await lockIdOf(folder)) === id;
  }
  const blind = (await world.gather(isSeen)).indexOf(false);
  if (blind < 0) return;
  throw new LeiaError(
    'usage',
    `rank ${blind} does not see in ${folder} what rank 0 writes there; with --zero 1 to 3 each rank writes its part of the states, so choose an --output on a disk that all ranks see, or --zero 0`,
  );
}

/** Removes what a finished run has left because it was killed just after: states, and files under temporary names. */
export async function clearFinished(folder: string, options: LockOptions): Promise<void> {
  const present = await listAll(folder);
  const hasTemporaries = present.some((name) => targetOfTemporary(name) !== undefined);
  if (!hasTemporaries && unneededStates(folder).length === 0) return;
  try {
    await using _ = await lockFolder(folder, options);
    await removeTemporaries(folder, () => true);
    await removeResumeStates(folder);
  } catch (error) {
    if (!(error instanceof LeiaError)) throw error;
    options.onWarning?.(`what the finished run no longer needs stays: ${error.message}`);
  }
}

/**
 * What the run in this folder was started with, if it is finished or can be resumed.
 *
 * @throws LeiaError `format` if that is damaged; `io`.
 */
export async function recordedRun(folder: string): Promise<RunIdentity | undefined> {
  const present = await list(folder);
  if (!present.includes(runFile)) return undefined;
  if (!present.includes(configFile) && !hasResumeState(folder)) return undefined;
  return await readRun(join(folder, runFile));
}

/**
 * What a folder says of its run, whether it is finished, interrupted or still going on.
 *
 * @throws LeiaError `usage` if it is no run's folder; `format`; `io`.
 */
export async function readRunFolder(
  folder: string,
): Promise<{ settings: RunIdentity; isFinished: boolean }> {
  const present = await list(folder);
  if (!present.includes(runFile)) {
    if (!existsSync(folder)) throw new LeiaError('io', `there is no folder ${folder}`);
    throw new LeiaError('usage', `${folder} has no ${runFile}; expected an --output of leia train`);
  }
  const isFinished = present.includes(configFile);
  return { settings: await readRun(join(folder, runFile)), isFinished };
}

async function list(folder: string): Promise<string[]> {
  const names = await listAll(folder);
  return names.filter((name) => !isLock(name) && targetOfTemporary(name) === undefined);
}

/** Nothing if there is no such folder. */
async function listAll(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw fileError('read', folder, error);
  }
}

async function readRun(path: string): Promise<RunIdentity> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
  try {
    return { ...beforeThereWasASetting, ...identitySchema.parse(JSON.parse(text)) };
  } catch {
    throw new LeiaError('format', `${path} is damaged; choose another --output`);
  }
}

function checkSame(folder: string, before: RunIdentity, now: RunIdentity): void {
  const difference = describeDifference(before, now);
  if (difference === undefined) return;
  throw new LeiaError(
    'usage',
    `${folder} holds a run with ${difference}; repeat that run's command, or choose another --output`,
  );
}

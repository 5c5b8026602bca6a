// What the output folder of a run tells: nothing yet, a run to go on with, or one that is finished.
// `run.json` holds what the run was started with; the checkpoint's `config.json`, written last, says that it
// is finished. A folder of anything else is never written into.
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { configFile } from '../llama/checkpoint.ts';
import { LeiaError } from '../system/error.ts';
import { fileError, makeFolder, writeFileAtomically } from '../system/files.ts';
import { isLock } from '../system/lock.ts';
import { resumeFolder } from './resume.ts';

/** All that a run's result depends on, flat, by the names its user knows. */
export type RunIdentity = Readonly<Record<string, string | number | boolean>>;

const identitySchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const runFile = 'run.json';

/**
 * Makes the folder that of this run, if it is empty or new; says whether the run is finished.
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
  await removeLeftovers(folder);
  const finished = present.includes(configFile);
  if (finished || present.includes(resumeFolder)) {
    checkSame(folder, await readRun(join(folder, runFile)), run);
    return finished ? 'finished' : 'begun';
  }
  // Nothing to lose: it may begin again as another run.
  await writeFileAtomically(join(folder, runFile), `${JSON.stringify(run, undefined, 2)}\n`);
  return 'begun';
}

/** In hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** SHA-256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  try {
    return sha256(await readFile(path));
  } catch (error) {
    throw fileError('read', path, error);
  }
}

async function list(folder: string): Promise<string[]> {
  await makeFolder(folder);
  try {
    return (await readdir(folder)).filter((name) => !isTemporary(name) && !isLock(name));
  } catch (error) {
    throw fileError('read', folder, error);
  }
}

/** What a killed run was writing. */
function isTemporary(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.tmp');
}

async function removeLeftovers(folder: string): Promise<void> {
  try {
    for (const name of (await readdir(folder)).filter(isTemporary)) await rm(join(folder, name));
  } catch (error) {
    throw fileError('clear', folder, error);
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
    return identitySchema.parse(JSON.parse(text));
  } catch {
    throw new LeiaError('format', `${path} is damaged; choose another --output`);
  }
}

function checkSame(folder: string, before: RunIdentity, now: RunIdentity): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (before[key] === now[key]) continue;
    throw new LeiaError(
      'usage',
      `${folder} holds a run with ${key} ${before[key]}, this one has ${now[key]}; go on with the same, or choose another --output`,
    );
  }
}

// The saved states of a run: parameters, optimiser moments, position in the data. Each lies in `resume/step-N/` of the
// run's output. It is written under a temporary name and renamed when it is whole. Checksums tell whether it still is
// what was written: if not, the state before it is used. A resumed run gives the same bits as one that never stopped.
// Ranks that share tensors each write their slices of them, and rank 0 makes the state complete when all have.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { World } from '../distributed/world.ts';
import { checksumOfText } from '../system/checksum.ts';
import { LeiaError } from '../system/error.ts';
import { fileError, makeFolder, syncFolder, writeFileAtomically } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import {
  damage,
  isTensorFile,
  loadTensors,
  type StateChecksums,
  writeShard,
  writeWhole,
} from './state-files.ts';
import type { StateTensors, StateValues } from './state-values.ts';

const common = {
  /** Optimiser steps done. */
  step: z.int().min(1),
  /** Where the data source stands. */
  source: z.unknown(),
};
const checked = {
  ...common,
  /** Which state of the run it is, counted from 1. */
  number: z.int().min(1),
  /** Whether it stays when newer ones are there, and when the run is finished. */
  keep: z.boolean(),
  /** Of all other members as JSON without blanks. */
  checksum: z.string(),
};
const stateSchema = z.discriminatedUnion('version', [
  // Before there were checksums.
  z.strictObject({ version: z.literal(1), ...common }),
  z.strictObject({
    version: z.literal(2),
    ...checked,
    /** Of each tensor's bytes. */
    checksums: z.record(z.string(), z.string()),
  }),
  z.strictObject({
    version: z.literal(3),
    ...checked,
    /** Of each rank's list of slices. */
    shards: z.array(z.string()).min(1),
  }),
]);

/** Where a run stands. */
export interface RunPosition {
  readonly step: number;
  readonly source: unknown;
}

export interface ResumeState extends RunPosition {
  /** Folder that holds the tensors. */
  readonly folder: string;
  readonly number: number;
  readonly keep: boolean;
  readonly checksums: StateChecksums;
}

/** Which states stay. */
export interface Retention {
  /** How many of the newest, at least 1. While one is written there is one less, but for the last one. */
  readonly keepStates: number;
  /** Each so-many-th state is kept for good; 0: none. */
  readonly keepEvery: number;
}

/** Where states lie in the output of a run. */
export const resumeFolder = 'resume';

const stepFolder = /^step-(\d+)$/;
const temporaryFolder = /^\.step-\d+\.tmp$/;
const stateFile = 'state.json';

/** Whether there is a complete state under `output`. */
export function hasResumeState(output: string): boolean {
  return listSteps(join(output, resumeFolder)).length > 0;
}

/** Bytes on the disk of each complete state under `output`, the oldest first, and whether it is kept for good. */
export function resumeStateBytes(output: string): { bytes: number; keep: boolean }[] {
  const resume = join(output, resumeFolder);
  return listSteps(resume).map((step) => {
    const folder = join(resume, `step-${step}`);
    const sizes = list(folder)
      .filter(isTensorFile)
      .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return { bytes, keep: isKept(resume, step) };
  });
}

/** Names in the folder of states of what a finished run does not need: all that is not kept for good. */
export function unneededStates(output: string): string[] {
  const resume = join(output, resumeFolder);
  const unneeded = list(resume).filter((name) => {
    const step = stepFolder.exec(name)?.[1];
    return temporaryFolder.test(name) || (step !== undefined && !isKept(resume, Number(step)));
  });
  return unneeded;
}

/**
 * Removes the states that a killed run had not finished writing. Each is as large as a complete one. Only for who holds
 * the lock of `output`.
 */
export async function removeUnfinishedStates(output: string): Promise<void> {
  const resume = join(output, resumeFolder);
  const unfinished = list(resume).filter((name) => temporaryFolder.test(name));
  await removeStates(resume, unfinished);
}

/** Removes all but the newest `count` states and those that are kept for good. */
export async function pruneStates(output: string, count: number): Promise<void> {
  const resume = join(output, resumeFolder);
  const passing = listSteps(resume).filter((step) => !isKept(resume, step));
  const older = passing.slice(0, Math.max(0, passing.length - count));
  await removeStates(
    resume,
    older.map((step) => `step-${step}`),
  );
}

/** What a state is written under, until it is complete. */
interface BegunState {
  readonly number: number;
  readonly folder: string;
}

/**
 * Writes a state, or this rank's part of one. Before that it makes room, and after that removes what is too many. A state
 * of the same step is already what would be written, and stays.
 *
 * @param world the ranks of which each writes its slices, all of them at once; alone, the tensors are whole.
 * @param about other calls of the same ranks have other names.
 * @throws LeiaError `io`; what made a rank fail.
 */
export async function saveResumeState(
  output: string,
  position: RunPosition,
  values: StateValues,
  retention: Retention,
  world = World.alone,
  about = '',
): Promise<void> {
  const begun = await world.share(
    async () => (await beginState(output, position, retention)) ?? null,
    `begin of state ${about}`,
  );
  if (begun === null) return;
  const { folder } = begun;
  if (world.size === 1) {
    const checksums = await writeWhole(folder, values);
    return await completeState(output, position, retention, begun, { version: 2, checksums });
  }
  const own = await writeShard(folder, world.rank, values);
  const shards = await world.gather(own, `end of state ${about}`);
  if (!world.isFirst) return;
  await completeState(output, position, retention, begun, { version: 3, shards });
}

/** Makes room, and a folder to write to. Undefined if the state is there. */
async function beginState(
  output: string,
  { step }: RunPosition,
  { keepStates }: Retention,
): Promise<BegunState | undefined> {
  const resume = join(output, resumeFolder);
  const older = listSteps(resume);
  if (older.includes(step)) return undefined;
  await pruneStates(output, Math.max(1, keepStates - 1));
  const number = 1 + Math.max(0, ...older.map((before) => numberOf(resume, before)));
  const name = `.step-${step}.tmp`;
  await removeStates(resume, [name]);
  const folder = join(resume, name);
  await makeFolder(folder);
  return { number, folder };
}

/** When all tensors are written: says where the run stands, and gives the state its name. */
async function completeState(
  output: string,
  { step, source }: RunPosition,
  { keepStates, keepEvery }: Retention,
  { number, folder }: BegunState,
  {
    version,
    ...checksums
  }: { version: 2; checksums: object } | { version: 3; shards: readonly string[] },
): Promise<void> {
  const resume = join(output, resumeFolder);
  const target = join(resume, `step-${step}`);
  const keep = keepEvery > 0 && number % keepEvery === 0;
  const state = { version, step, source, number, keep, ...checksums };
  const whole = { ...state, checksum: checksumOfText(JSON.stringify(state)) };
  const text = `${JSON.stringify(whole, undefined, 2)}\n`;
  await writeFileAtomically(join(folder, stateFile), text);
  try {
    await rename(folder, target);
  } catch (error) {
    throw fileError('replace', target, error);
  }
  await syncFolder(resume);
  await pruneStates(output, keepStates);
}

/**
 * Reads the newest state that is whole into the run's tensors, and gives it to `accept`. One that is torn or damaged is
 * left with a warning, and removed once an older one has been read. Returns the state, or undefined if there is none.
 *
 * @param world the ranks of which each reads its slices. What one of them finds damaged is used by none.
 * @throws LeiaError `format`, `mismatch` or `io` of the newest state if none is whole; tensors then hold anything.
 */
export async function restoreNewest(
  output: string,
  tensors: StateTensors,
  accept: (state: RunPosition) => void,
  onWarning?: (message: string) => void,
  world = World.alone,
): Promise<RunPosition | undefined> {
  const resume = join(output, resumeFolder);
  const damaged: { name: string; error: LeiaError }[] = [];
  const steps = await world.share(() => listSteps(resume).reverse());
  for (const step of steps) {
    const outcome = await world.gather(await readWhole(resume, step, tensors, accept));
    const wrong = outcome.find((error) => error !== null);
    if (wrong) {
      damaged.push({ name: `step-${step}`, error: new LeiaError(wrong.code, wrong.message) });
      continue;
    }
    if (world.isFirst) {
      for (const { error } of damaged) {
        onWarning?.(`${error.message}; resuming from the state before it, of step ${step}`);
      }
      await removeStates(
        resume,
        damaged.map(({ name }) => name),
      );
    }
    return { step, source: readState(resume, step).source };
  }
  if (damaged.length === 0) return undefined;
  const { error } = damaged[0]!;
  throw new LeiaError(
    error.code,
    `${error.message}; no other state is whole: to begin anew, delete ${resume}`,
    { cause: error },
  );
}

/** Reads a state. Returns what is damaged in it, null if nothing is. */
async function readWhole(
  resume: string,
  step: number,
  tensors: StateTensors,
  accept: (state: RunPosition) => void,
): Promise<Pick<LeiaError, 'code' | 'message'> | null> {
  try {
    const state = readState(resume, step);
    await loadTensors(state.folder, state.checksums, tensors);
    accept(state);
    return null;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { code: error.code, message: error.message };
  }
}

/** Whether a state cannot be used, while others may: its content is wrong, or the disk does not give it. */
function isDamage(error: unknown): error is LeiaError {
  if (!(error instanceof LeiaError)) return false;
  if (error.code !== 'io') return error.code === 'format' || error.code === 'mismatch';
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return ['ENOENT', 'EIO'].includes(code);
}

function readState(resume: string, step: number): ResumeState {
  const folder = join(resume, `step-${step}`);
  const path = join(folder, stateFile);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
  const state = parseChecked(stateSchema, text, path, 'the state of a run');
  if (state.version === 1) {
    return { ...state, folder, number: 1, keep: false, checksums: { tensors: undefined } };
  }
  const { checksum: stated, ...rest } = state;
  if (stated !== checksumOfText(JSON.stringify(rest))) throw damage(path);
  const checksums = rest.version === 2 ? { tensors: rest.checksums } : { shards: rest.shards };
  return { ...rest, folder, checksums };
}

/** A damaged state is kept for good by nobody, and counts as the first. */
function isKept(resume: string, step: number): boolean {
  try {
    return readState(resume, step).keep;
  } catch {
    return false;
  }
}

function numberOf(resume: string, step: number): number {
  try {
    return readState(resume, step).number;
  } catch {
    return 1;
  }
}

/** Removes all states that are not kept for good, once the run's final checkpoint is written. */
export async function removeResumeStates(output: string): Promise<void> {
  const resume = join(output, resumeFolder);
  const unneeded = unneededStates(output);
  if (unneeded.length < list(resume).length) await removeStates(resume, unneeded);
  else await removeStates(output, [resumeFolder]);
}

async function removeStates(folder: string, names: readonly string[]): Promise<void> {
  try {
    for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
  } catch (error) {
    throw fileError('clear', folder, error);
  }
}

/** Of the complete states, the oldest first. */
function listSteps(resume: string): number[] {
  return list(resume)
    .flatMap((name) => stepFolder.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw fileError('read', folder, error);
  }
}

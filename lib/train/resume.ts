// The saved states of a run: parameters, optimiser moments, position in the data. Each lies in `resume/step-N/` of the
// run's output. It is written under a temporary name and renamed when it is whole. Checksums tell whether it still is
// what was written: if not, the state before it is used. A resumed run gives the same bits as one that never stopped.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Tensor } from '../core/tensor.ts';
import { SafetensorsFile, writeSafetensors } from '../llama/safetensors.ts';
import { checksum, checksumOfText } from '../system/checksum.ts';
import { LeiaError } from '../system/error.ts';
import { fileError, makeFolder, syncFolder, writeFileAtomically } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import { type StateTensors, type StateValues, storedDtype } from './state-values.ts';

const common = {
  /** Optimiser steps done. */
  step: z.int().min(1),
  /** Where the data source stands. */
  source: z.unknown(),
};
const stateSchema = z.discriminatedUnion('version', [
  // Before there were checksums.
  z.strictObject({ version: z.literal(1), ...common }),
  z.strictObject({
    version: z.literal(2),
    ...common,
    /** Which state of the run it is, counted from 1. */
    number: z.int().min(1),
    /** Whether it stays when newer ones are there, and when the run is finished. */
    keep: z.boolean(),
    /** Of each tensor's bytes. */
    checksums: z.record(z.string(), z.string()),
    /** Of all the above as JSON without blanks. */
    checksum: z.string(),
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
  /** Of each tensor's bytes; undefined in a state of the time before there were any. */
  readonly checksums: Readonly<Record<string, string>> | undefined;
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
const tensorFile = 'state.safetensors';
const stateFile = 'state.json';

/** Whether there is a complete state under `output`. */
export function hasResumeState(output: string): boolean {
  return listSteps(join(output, resumeFolder)).length > 0;
}

/** Bytes on the disk of each complete state under `output`, the oldest first, and whether it is kept for good. */
export function resumeStateBytes(output: string): { bytes: number; keep: boolean }[] {
  const resume = join(output, resumeFolder);
  return listSteps(resume).map((step) => {
    const path = join(resume, `step-${step}`, tensorFile);
    const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
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

/**
 * Writes a state. Before that it makes room, and after that removes what is too many. A state of the same step is already
 * what would be written, and stays.
 */
export async function saveResumeState(
  output: string,
  { step, source }: RunPosition,
  values: StateValues,
  { keepStates, keepEvery }: Retention,
): Promise<void> {
  const resume = join(output, resumeFolder);
  const older = listSteps(resume);
  if (older.includes(step)) return;
  await pruneStates(output, Math.max(1, keepStates - 1));
  const number = 1 + Math.max(0, ...older.map((before) => numberOf(resume, before)));
  const target = join(resume, `step-${step}`);
  const temporary = join(resume, `.step-${step}.tmp`);
  await removeStates(resume, [`.step-${step}.tmp`]);
  await makeFolder(temporary);
  const checksums: Record<string, string> = {};
  await writeSafetensors(
    join(temporary, tensorFile),
    values.map((value) => ({
      ...value,
      async read() {
        const bytes = await value.read();
        checksums[value.name] = await checksum(bytes);
        return bytes;
      },
    })),
  );
  const keep = keepEvery > 0 && number % keepEvery === 0;
  const state = { version: 2, step, source, number, keep, checksums };
  const whole = { ...state, checksum: checksumOfText(JSON.stringify(state)) };
  const text = `${JSON.stringify(whole, undefined, 2)}\n`;
  await writeFileAtomically(join(temporary, stateFile), text);
  try {
    await rename(temporary, target);
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
 * @throws LeiaError `format`, `mismatch` or `io` of the newest state if none is whole; tensors then hold anything.
 */
export async function restoreNewest(
  output: string,
  tensors: StateTensors,
  accept: (state: ResumeState) => void,
  onWarning?: (message: string) => void,
): Promise<ResumeState | undefined> {
  const resume = join(output, resumeFolder);
  const damaged: { name: string; error: LeiaError }[] = [];
  for (const step of listSteps(resume).reverse()) {
    try {
      const state = readState(resume, step);
      await loadTensors(state, tensors);
      accept(state);
      for (const { error } of damaged) {
        onWarning?.(`${error.message}; resuming from the state before it, of step ${step}`);
      }
      await removeStates(
        resume,
        damaged.map(({ name }) => name),
      );
      return state;
    } catch (error) {
      if (!isDamage(error)) throw error;
      damaged.push({ name: `step-${step}`, error });
    }
  }
  if (damaged.length === 0) return undefined;
  const { error } = damaged[0]!;
  throw new LeiaError(
    error.code,
    `${error.message}; no other state is whole: to begin anew, delete ${resume}`,
    { cause: error },
  );
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
  if (state.version === 1)
    return { ...state, folder, number: 1, keep: false, checksums: undefined };
  const { checksum: stated, ...rest } = state;
  if (stated !== checksumOfText(JSON.stringify(rest))) throw damage(path);
  return { ...rest, folder };
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

function damage(path: string, what = 'it'): LeiaError {
  return new LeiaError('format', `${path} is damaged: ${what} is not what was written`);
}

/** Names, dtypes and shapes must be those of the run, checksums those that were written. */
async function loadTensors(
  { folder, checksums }: ResumeState,
  tensors: StateTensors,
): Promise<void> {
  await using file = await SafetensorsFile.open(join(folder, tensorFile));
  for (const [name, tensor] of tensors) {
    const entry = file.tensors.get(name);
    const expected = storedDtype(name, tensor);
    if (entry?.dtype !== expected || entry.shape.join() !== tensor.shape.join()) {
      throw new LeiaError(
        'mismatch',
        `${folder}: tensor "${name}" is missing or not ${expected} [${tensor.shape.join(', ')}]`,
      );
    }
    const bytes = await file.read(name);
    if (checksums !== undefined && (await checksum(bytes)) !== checksums[name]) {
      throw damage(file.path, `tensor "${name}"`);
    }
    writeBytes(tensor, bytes);
  }
}

function writeBytes(tensor: Tensor, { buffer }: Uint8Array<ArrayBuffer>): void {
  tensor.write(tensor.dtype === 'bfloat16' ? new Uint16Array(buffer) : new Float32Array(buffer));
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

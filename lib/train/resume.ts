// The state of an interrupted run: parameters, optimiser moments, position in the data. It lies in
// `resume/step-N/` of the run's output. It is written under a temporary name and renamed when it is whole, and only
// then is the older state removed. So there is always one complete state to resume from, and a resumed run gives the
// same bits as one that never stopped.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Shape, Tensor } from '../core/tensor.ts';
import { SafetensorsFile, type SafetensorsSource, writeSafetensors } from '../llama/safetensors.ts';
import { LeiaError } from '../system/error.ts';
import { fileError, makeFolder, syncFolder, writeFileAtomically } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';

/** Tensors of a run by name: parameters, low bits of their masters, moments. */
export type StateTensors = ReadonlyMap<string, Tensor>;

const stateSchema = z.strictObject({
  version: z.literal(1),
  /** Optimiser steps done. */
  step: z.int().min(1),
  /** Where the data source stands. */
  source: z.unknown(),
});

export interface ResumeState {
  step: number;
  source: unknown;
  /** Folder that holds the tensors. */
  folder: string;
}

/** Where states lie in the output of a run. */
export const resumeFolder = 'resume';

const stepFolder = /^step-(\d+)$/;
const temporaryFolder = /^\.step-\d+\.tmp$/;
const tensorFile = 'state.safetensors';

/** The newest complete state under `output`, if there is one. */
export function findResumeState(output: string): ResumeState | undefined {
  const resume = join(output, resumeFolder);
  const steps = listSteps(resume);
  const newest = steps.at(-1);
  if (newest === undefined) return undefined;
  const folder = join(resume, `step-${newest}`);
  const path = join(folder, 'state.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
  return { ...parseChecked(stateSchema, text, path, 'the state of a run'), folder };
}

/** Whether there is a complete state under `output`. */
export function hasResumeState(output: string): boolean {
  return listSteps(join(output, resumeFolder)).length > 0;
}

/** Bytes on the disk of the newest complete state under `output`; 0 if there is none. */
export function resumeStateBytes(output: string): number {
  const resume = join(output, resumeFolder);
  const newest = listSteps(resume).at(-1);
  if (newest === undefined) return 0;
  const path = join(resume, `step-${newest}`, tensorFile);
  try {
    return statSync(path).size;
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/**
 * Removes what a killed run has left: states that it had not finished writing, and older ones that it had not
 * removed. Each is as large as the newest complete one, which stays. Only for who holds the lock of `output`.
 */
export async function removeUnusedStates(output: string): Promise<void> {
  const resume = join(output, resumeFolder);
  const unfinished = list(resume).filter((name) => temporaryFolder.test(name));
  const older = listSteps(resume).slice(0, -1);
  try {
    for (const name of [...unfinished, ...older.map((step) => `step-${step}`)]) {
      await rm(join(resume, name), { recursive: true });
    }
  } catch (error) {
    throw fileError('clear', resume, error);
  }
}

/**
 * Writes a state and removes the older ones. A state of the same step is already what would be written, and stays.
 */
export async function saveResumeState(
  output: string,
  state: { step: number; source: unknown },
  tensors: StateTensors,
): Promise<void> {
  const resume = join(output, resumeFolder);
  const older = listSteps(resume);
  if (older.includes(state.step)) return;
  const target = join(resume, `step-${state.step}`);
  const temporary = join(resume, `.step-${state.step}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
  } catch (error) {
    throw fileError('remove', temporary, error);
  }
  await makeFolder(temporary);
  await writeSafetensors(join(temporary, tensorFile), sources(tensors));
  await writeFileAtomically(
    join(temporary, 'state.json'),
    `${JSON.stringify({ version: 1, ...state }, undefined, 2)}\n`,
  );
  try {
    await rename(temporary, target);
    await syncFolder(resume);
    for (const step of older) await rm(join(resume, `step-${step}`), { recursive: true });
  } catch (error) {
    throw fileError('replace', target, error);
  }
}

/** Reads a state's tensors into those of the run; names, dtypes and shapes must be the same. */
export async function loadResumeTensors(state: ResumeState, tensors: StateTensors): Promise<void> {
  const file = await SafetensorsFile.open(join(state.folder, tensorFile));
  try {
    for (const [name, tensor] of tensors) {
      const entry = file.tensors.get(name);
      const expected = storedDtype(name, tensor);
      if (entry?.dtype !== expected || entry.shape.join() !== tensor.shape.join()) {
        throw new LeiaError(
          'mismatch',
          `${state.folder}: tensor "${name}" is missing or not ${expected} [${tensor.shape.join(', ')}]`,
        );
      }
      const { buffer } = await file.read(name);
      tensor.write(
        tensor.dtype === 'bfloat16' ? new Uint16Array(buffer) : new Float32Array(buffer),
      );
    }
  } finally {
    await file.close();
  }
}

/** Removes all states, once the run's final checkpoint is written. */
export async function removeResumeStates(output: string): Promise<void> {
  const resume = join(output, resumeFolder);
  try {
    await rm(resume, { recursive: true, force: true });
  } catch (error) {
    throw fileError('remove', resume, error);
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

/** The low bits of masters, stored as `remainder.*`, are 16-bit patterns, not numbers. */
function storedDtype(name: string, tensor: Tensor): 'F32' | 'BF16' | 'U16' {
  if (tensor.dtype === 'float32') return 'F32';
  return name.startsWith('remainder.') ? 'U16' : 'BF16';
}

function sources(tensors: StateTensors): SafetensorsSource[] {
  return [...tensors].map(([name, tensor]) => ({
    name,
    dtype: storedDtype(name, tensor),
    shape: tensor.shape as Shape,
    async read() {
      const values = await tensor.readBits();
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    },
  }));
}

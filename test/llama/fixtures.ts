import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { LeiaError, type LeiaErrorCode } from '../../lib/system/error.ts';

export const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

export const tinyLlamas = [
  'tiny-llama',
  'tiny-llama-tied',
  'tiny-llama-mha128',
  'tiny-llama-rope-llama3',
  'tiny-mistral',
] as const;

export async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
}

/** Log-likelihoods of tiny-llama that were recorded with another program. */
export async function recordedScores() {
  const file = await readJson(join(fixtures, 'scoring', 'loglikelihood.json'));
  return file.requests as {
    context: number[];
    continuation: number[];
    log_likelihood: number;
    is_greedy: boolean;
  }[];
}

/** An empty folder that goes away after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'leia-llama-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Expects a LeiaError of this code whose one-line message has the text. */
export async function expectError(
  action: () => unknown,
  code: LeiaErrorCode,
  text: string,
): Promise<void> {
  let error: unknown;
  try {
    await action();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(LeiaError);
  expect((error as LeiaError).message).toContain(text);
  expect((error as LeiaError).message).not.toContain('\n');
  expect((error as LeiaError).code).toBe(code);
}

/** ‖a - b‖ / ‖b‖, in float64. */
export function relativeError(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** The rows of an integer tensor [..., sequence]. */
export async function rowsOf(file: SafetensorsFile, name: string): Promise<Int32Array[]> {
  const values = await file.readInt32(name);
  const sequence = file.entry(name).shape.at(-1)!;
  return Array.from({ length: values.length / sequence }, (_, i) =>
    values.slice(i * sequence, (i + 1) * sequence),
  );
}

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { LeiaError, type LeiaErrorCode } from '../../lib/core/error.ts';

export const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

export const tinyLlamas = [
  'tiny-llama',
  'tiny-llama-tied',
  'tiny-llama-mha128',
  'tiny-llama-rope-llama3',
] as const;

export async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
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

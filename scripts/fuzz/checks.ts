// What the fuzzed readers share: files for those that take a path, and what must hold of results and errors.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LeiaError } from '../../lib/system/error.ts';
import type { Dice } from './mutate.ts';

export interface FuzzedReader {
  /** The input of a case. */
  make(dice: Dice): Uint8Array;
  /** Throws if what must hold does not. */
  check(input: Uint8Array): Promise<void>;
}

export const words = (list: string): string[] =>
  list.split(/\s+/).map((word) => word.replaceAll('␣', ' '));
export const bytesOf = (list: readonly string[]): Uint8Array[] =>
  list.map((word) => Buffer.from(word));

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes away with the process. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leia-fuzz-'));
  folders.push(folder);
  return folder;
}

/** A file for readers that take a path; the error of a bad one must name it and be one line. */
export class InputFile {
  readonly path = join(temporaryFolder(), 'input');

  async read(input: Uint8Array, read: (path: string) => Promise<unknown>): Promise<void> {
    writeFileSync(this.path, input);
    await orNamedError(read(this.path), 'input');
  }
}

export async function orNamedError(work: Promise<unknown>, name: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof LeiaError) || error.code !== 'format') throw error;
    holds(error.message.includes(name), `the error does not name the file: ${error.message}`);
    holds(!error.message.includes('\n'), `the error has several lines: ${error.message}`);
  }
}

// What `leia doctor` finds, and how it looks for programs.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Finding {
  readonly topic: string;
  readonly status: 'good' | 'missing' | 'broken';
  readonly text: string;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A program by its names, and what it says of its version. */
export function findTool(topic: string, names: readonly string[], why: string): Finding {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const name of names) {
    const path = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
    if (path === undefined) continue;
    try {
      const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).split('\n')[0];
      return { topic, status: 'good', text: version ?? path };
    } catch {
      return { topic, status: 'missing', text: `${path} does not run; ${why}` };
    }
  }
  return { topic, status: 'missing', text: `none of ${names.join(', ')} on PATH; ${why}` };
}

// The test files that need a process of their own, since what other files did before would change what they see: those
// that replace modules, and those that look at memory or at which library is opened first.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const needsOwnProcess = /\bvi\.mock\(|\b(liveBytes|peakBytes|memoryUsage|ncclDescription)\b/;

export function filesApart(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .filter((path) => needsOwnProcess.test(readFileSync(path, 'utf8')));
}

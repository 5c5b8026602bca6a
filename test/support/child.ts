// Runs a TypeScript file in a process of its own, where the environment can be another one.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  errors: string;
}

const { FORCE_COLOR, NO_COLOR, ...environment } = process.env;
/** Without a wish for colours, which whoever runs the tests may have: the expected texts have none. */
export const plainEnvironment = environment;

/** `file` is relative to the test folder; `flags` go to node itself. */
export function runChild(
  file: string,
  variables: Record<string, string> = {},
  flags: readonly string[] = [],
  args: readonly string[] = [],
): Promise<ChildResult> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, '--import', 'tsx', path, ...args], {
      env: { ...plainEnvironment, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      errors += data.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output, errors }));
  });
}

// `leia build`: compiles the native core of this very package, for machines that the prebuilt one is not for. It is a
// command, not an install script: package managers block those, or fail for them, and a compilation that nobody asked
// for fails where there is no compiler.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../core/addon.ts';
import { LeiaError } from '../system/error.ts';
import { parseNumber } from './options.ts';

interface BuildOptions {
  /** Undefined: where its compiler is found. */
  cuda?: boolean;
  jobs?: number;
}

/** What must be on PATH, any one of the names. */
const tools = [['c++', 'g++', 'clang++'], ['make', 'ninja'], ['cmake']];

export function registerBuild(program: Command): void {
  program
    .command('build')
    .summary('compile the native core where no prebuilt one fits')
    .description(
      'Compile the native core of this package, with the CUDA kernels where nvcc is found. It needs GCC 11 or Clang 14 or newer, make or ninja, and CMake 3.22 or newer, and takes some minutes. The result is used instead of the prebuilt core from then on.',
    )
    .option('--cuda', 'fail if there is no CUDA compiler')
    .option('--no-cuda', 'leave the CUDA kernels out')
    .option('--jobs <number>', 'files compiled at once; one for each core unless given', (text) =>
      parseNumber('--jobs', text),
    )
    .addHelpText(
      'after',
      `
nvcc is taken from CUDA_HOME, else from PATH or /usr/local/cuda.

Example:
  leia build --no-cuda`,
    )
    .action(async ({ cuda, jobs }: BuildOptions) => {
      if (jobs !== undefined && !(Number.isInteger(jobs) && jobs > 0)) {
        throw new LeiaError('usage', `--jobs: expected a whole number above 0, got ${jobs}`);
      }
      checkTools();
      await cmake([
        `-DBUILD=${join(packageRoot, 'build', 'cmake')}`,
        `-DCUDA=${cuda === undefined ? 'ON' : cuda ? 'REQUIRED' : 'OFF'}`,
        ...(jobs === undefined ? [] : [`-DJOBS=${jobs}`]),
        ...['-P', join(packageRoot, 'native', 'build.cmake')],
      ]);
      console.log(
        `Built ${join(packageRoot, 'build', 'Release', 'leia.node')}; 'leia doctor' tries it.`,
      );
    });
}

function checkTools(): void {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const missing = tools.filter(
    (names) => !names.some((name) => folders.some((folder) => existsSync(join(folder, name)))),
  );
  if (missing.length === 0) return;
  throw new LeiaError(
    'unavailable',
    `building needs ${missing.map((names) => names.join(' or ')).join(', ')} on PATH; ` +
      "on Debian and Ubuntu 'apt-get install g++ make cmake' brings what is missing",
  );
}

/** Runs CMake. Its progress goes to the terminal as it comes, the compiler's errors too. */
function cmake(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('cmake', args, { cwd: packageRoot, stdio: 'inherit' });
    child.on('error', (cause) => {
      reject(new LeiaError('unavailable', `cmake cannot be run: ${cause.message}`, { cause }));
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else if (signal === 'SIGINT') reject(new LeiaError('interrupted', 'the build was stopped'));
      else reject(new LeiaError('unavailable', 'the build failed; its errors stand above'));
    });
  });
}

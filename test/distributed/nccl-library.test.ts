// Where NCCL is looked for, and what is said of a library that cannot be used. Nothing of it needs a GPU.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ncclDescription } from '../../lib/distributed/communicator.ts';
import { temporaryFolder } from '../llama/fixtures.ts';

/** Compiles a library that says it is this version, with these functions and no others. */
async function compile(path: string, version: number, functions: readonly string[]) {
  await mkdir(dirname(path), { recursive: true });
  const source = join(await temporaryFolder(), 'nccl.c');
  const empty = functions.map((name) => `int nccl${name}(void) { return 0; }`).join('\n');
  await writeFile(source, `int ncclGetVersion(int* v) { *v = ${version}; return 0; }\n${empty}`);
  await promisify(execFile)('c++', ['-x', 'c', '-shared', '-fPIC', '-w', '-o', path, source]);
  return path;
}

const functions = [
  ...['GetErrorString', 'GetLastError', 'GetUniqueId', 'CommInitRankConfig', 'CommFinalize'],
  ...['CommDestroy', 'CommAbort', 'CommGetAsyncError', 'GroupStart', 'GroupEnd', 'AllReduce'],
  ...['ReduceScatter', 'AllGather', 'Broadcast', 'Reduce'],
];

test('a library that is named is taken, or said to be wrong; then one is found in Python packages', async () => {
  const folder = await temporaryFolder();
  const named = (path: string) => {
    process.env.LEIA_NCCL = path;
    return expect(() => ncclDescription());
  };
  const missing = join(folder, 'missing.so');
  named(missing).toThrow(`LEIA_NCCL names ${missing}, which cannot be used: `);
  const other = await compile(join(folder, 'other.so'), 22000, functions.slice(1));
  named(other).toThrow('it has no ncclGetErrorString, expected NCCL 2.19.1 or newer');
  const old = await compile(join(folder, 'old.so'), 21806, functions);
  named(old).toThrow('it is version 2.18.6, expected NCCL 2.19.1 or newer');
  const veryOld = await compile(join(folder, 'very-old.so'), 2804, functions);
  named(veryOld).toThrow('it is version 2.8.4, expected');

  delete process.env.LEIA_NCCL;
  const packages = 'lib/python3.12/site-packages/nvidia/nccl/lib/libnccl.so.2';
  const places = { VIRTUAL_ENV: join(folder, 'venv'), CONDA_PREFIX: join(folder, 'conda') };
  Object.assign(process.env, places);
  await compile(join(places.VIRTUAL_ENV, packages), 21304, functions);
  const good = await compile(join(places.CONDA_PREFIX, packages), 23007, functions);
  // One in the loader's own path comes first.
  expect(ncclDescription()).toMatch(/^NCCL \d+\.\d+\.\d+ in .*libnccl\.so\.2$/);
  if (!ncclDescription().includes('in libnccl')) {
    expect(ncclDescription()).toBe(`NCCL 2.30.7 in ${good}`);
  }
});

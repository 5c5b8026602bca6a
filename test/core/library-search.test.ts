// Where the CUDA library for matrix products is looked for, and what is said when it is not there.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runChild } from '../support/child.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-libraries-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What a process with these variables finds; its error otherwise. With `try`, it begins to work with it, too. */
async function find(variables: Record<string, string>, ...args: 'try'[]): Promise<string> {
  const nowhere = { CUDA_HOME: '', CUDA_PATH: '', VIRTUAL_ENV: '', CONDA_PREFIX: '', HOME: folder };
  const child = 'core/children/cublaslt.ts';
  const { output, errors } = await runChild(child, { ...nowhere, ...variables }, [], args);
  expect(errors).toBe('');
  return output.trim();
}

/** A library that is none of cuBLAS's, where cuBLAS would be. */
async function plant(library: string): Promise<string> {
  await mkdir(join(library, '..'), { recursive: true });
  await cp(join(import.meta.dirname, '../../build/Release/leia.node'), library);
  return library;
}

/** Compiles a library with all that cuBLASLt has, which begins with this status: 0 is success, 1 "not initialised". */
async function compile(library: string, status: number): Promise<string> {
  await mkdir(join(library, '..'), { recursive: true });
  const functions = [
    ...['Destroy', 'Matmul', 'MatmulDescCreate', 'MatmulDescDestroy', 'MatmulDescSetAttribute'],
    ...['MatrixLayoutCreate', 'MatrixLayoutDestroy', 'MatrixLayoutSetAttribute'],
    ...['MatmulPreferenceCreate'],
    ...['MatmulPreferenceDestroy', 'MatmulPreferenceSetAttribute', 'MatmulAlgoGetHeuristic'],
  ].map((name) => `int cublasLt${name}(void) { return 0; }`);
  const source = `
    unsigned long cublasLtGetVersion(void) { return 130000; }
    const char* cublasLtGetStatusString(int status) { return status ? "not initialised" : ""; }
    int cublasLtCreate(void** handle) { *handle = &handle; return ${status}; }
    ${functions.join('\n')}`;
  const file = join(folder, 'library.c');
  await writeFile(file, source);
  await promisify(execFile)('c++', ['-x', 'c', '-shared', '-fPIC', '-w', '-o', library, file]);
  return library;
}

const isInstalled = (await find({})).startsWith('found');
const absent = test.skipIf(isInstalled);

test('a file that is named is taken, or said to be wrong', async () => {
  const missing = join(folder, 'missing.so');
  expect(await find({ LEIA_CUBLASLT: missing })).toMatch(
    /^unavailable LEIA_CUBLASLT names .*missing\.so, which cannot be used: .*No such file/,
  );
  const text = join(folder, 'text.so');
  await writeFile(text, 'no library');
  expect(await find({ LEIA_CUBLASLT: text })).toMatch(
    /^unavailable LEIA_CUBLASLT names .*text\.so/,
  );
  const other = await plant(join(folder, 'other.so'));
  expect(await find({ LEIA_CUBLASLT: other })).toBe(
    `unavailable LEIA_CUBLASLT names ${other}, which cannot be used: it has no cublasLtGetVersion, expected cuBLASLt 11 or newer`,
  );
});

absent.each([
  ['the toolkit', 'CUDA_HOME', 'lib64/libcublasLt.so.12'],
  [
    "a virtual environment's packages",
    'VIRTUAL_ENV',
    'lib/python3.12/site-packages/nvidia/cu13/lib/libcublasLt.so.13',
  ],
  [
    'packages of CUDA 12',
    'CONDA_PREFIX',
    'lib/python3.9/site-packages/nvidia/cublas/lib/libcublasLt.so.12',
  ],
])('it is found in %s', async (_, variable, path) => {
  const root = join(folder, variable);
  const library = await plant(join(root, path));
  expect(await find({ [variable]: root })).toContain(
    `${library} cannot be used: it has no cublasLtGetVersion`,
  );
});

absent('what cannot be used is passed over, in the order of the places', async () => {
  const [toolkit, environment, conda] = ['order/toolkit', 'order/environment', 'order/conda'].map(
    (name) => join(folder, name),
  ) as [string, string, string];
  const packages = 'lib/python3.12/site-packages/nvidia/cu13/lib';
  const variables = { CUDA_HOME: toolkit, VIRTUAL_ENV: environment, CONDA_PREFIX: conda };
  const places = [
    await compile(join(toolkit, 'lib64/libcublasLt.so.13'), 1),
    await compile(join(toolkit, 'lib64/libcublasLt.so.12'), 1),
    await plant(join(environment, packages, 'libcublasLt.so.13')),
  ];
  const said = await find(variables, 'try');
  const found = places.map((place) => said.indexOf(`; ${place} cannot be used: `));
  expect(found[0]).toBeGreaterThan(0);
  expect(found).toEqual(found.toSorted((a, b) => a - b));
  expect(said).toContain(
    `${places[0]} cannot be used: version 130000: cublasLtCreate: not initialised; it may be for a newer driver`,
  );

  const good = await compile(join(conda, packages, 'libcublasLt.so.13'), 0);
  expect(await find(variables, 'try')).toBe(`found ${good}`);
  // Without a GPU nothing can be begun with, so the first that has all functions is named.
  expect(await find(variables)).toBe(`found ${places[0]}`);
});

absent('it is found beside the python3 on PATH, through links to it', async () => {
  const root = join(folder, 'linked');
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'environment/bin'), { recursive: true });
  await writeFile(join(root, 'system-python'), '');
  await symlink('../../system-python', join(root, 'environment/bin/python3'));
  await symlink('../environment/bin/python3', join(root, 'bin/python3'));
  const library = await plant(
    join(root, 'environment/lib/python3.12/site-packages/nvidia/cu13/lib/libcublasLt.so.13'),
  );
  expect(await find({ PATH: `:${join(root, 'bin')}` })).toContain(
    `${library} cannot be used: it has no cublasLtGetVersion`,
  );
});

absent('where there is none, one line says what was searched and how to get it', async () => {
  const root = join(folder, 'empty');
  await mkdir(join(root, 'lib64'), { recursive: true });
  const said = await find({ CUDA_HOME: root });
  expect(said.split('\n')).toHaveLength(1);
  expect(said).toContain("no usable libcublasLt.so (13 to 11) was found in the loader's path, ");
  expect(said).toContain(join(root, 'lib64'));
  expect(said).toContain("'pip install nvidia-cublas', or name the file in LEIA_CUBLASLT");
});

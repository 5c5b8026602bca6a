// The build takes one CUDA toolkit, whole: compiler, headers and runtime of the same version. Configuring is enough to see it.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-toolkit-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A toolkit whose nvcc says one version and whose headers say another (13000 is 13.0). */
async function fakeToolkit(name: string, compiler: string, headers: number): Promise<string> {
  const toolkit = join(folder, name);
  await mkdir(join(toolkit, 'bin'), { recursive: true });
  await mkdir(join(toolkit, 'include'));
  await mkdir(join(toolkit, 'lib64'));
  const said = `release ${compiler}, V${compiler}.1`;
  const nvcc = `#!/bin/sh\necho "Cuda compilation tools, ${said}"\necho '#$ TOP=${toolkit}' >&2\n`;
  await writeFile(join(toolkit, 'bin/nvcc'), nvcc);
  await chmod(join(toolkit, 'bin/nvcc'), 0o755);
  await writeFile(
    join(toolkit, 'include/cuda_runtime_api.h'),
    `#define CUDART_VERSION  ${headers}\n`,
  );
  await writeFile(join(toolkit, 'include/cuda_runtime.h'), '');
  for (const library of ['libcudart.so', 'libcudart_static.a']) {
    await writeFile(join(toolkit, 'lib64', library), '');
  }
  return toolkit;
}

/** What CMake says when it configures with these variables. */
async function configure(
  name: string,
  variables: Record<string, string>,
  settings: readonly string[] = [],
): Promise<string> {
  const env = { ...process.env, CUDA_HOME: '', CUDA_PATH: '', ...variables };
  const args = ['-S', root, '-B', join(folder, `${name}-build`), ...settings];
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((done) => {
    execFile('cmake', args, { env }, (_, stdout, stderr) => done({ stdout, stderr }));
  });
  return `${stdout}${stderr}`.replaceAll(/\s+/g, ' ');
}

test('a compiler and headers of two versions are refused, and both are named', async () => {
  const toolkit = await fakeToolkit('mixed', '12.4', 13000);
  const said = await configure('mixed', { CUDA_HOME: toolkit });
  expect(said).toContain(`Two CUDA toolkits: ${toolkit}/bin/nvcc is of CUDA 12.4, but the headers`);
  expect(said).toContain(`${toolkit}/include are of CUDA 13.0. Set CUDA_HOME`);
});

test('CUDA_HOME chooses the headers as it chooses the compiler', async () => {
  // Another toolkit may be installed in the usual place; if its headers were taken, this would be a mixture.
  const toolkit = await fakeToolkit('other', '12.9', 12090);
  const said = await configure('other', { CUDA_HOME: toolkit });
  expect(said).toContain(`CUDA 12.9 in ${toolkit}`);
  expect(said).not.toContain('Two CUDA toolkits');
});

test.each(['CUDA_HOME', 'CUDA_PATH'])('%s without a compiler is an error', async (variable) => {
  const nowhere = join(folder, 'nowhere');
  const said = await configure(variable, { [variable]: nowhere });
  expect(said).toContain(`${variable} is ${nowhere}, where there is no bin/nvcc`);
});

test('CUDA kernels that are required and cannot be built are an error, otherwise they are left out', async () => {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/cuda/bin'];
  // Folders that CMake must not look into, as if there were no nvcc.
  const hidden = folders.filter((path) => existsSync(join(path, 'nvcc'))).join(';');
  const hide = `-DCMAKE_IGNORE_PATH=${hidden}`;
  const required = await configure('required', {}, [hide, '-DLEIA_CUDA=REQUIRED']);
  expect(required).toContain('No CUDA compiler: nvcc is neither on PATH nor in /usr/local/cuda');
  const optional = await configure('optional', {}, [hide]);
  expect(optional).toContain('the addon gets the CPU kernels only');
});

// What only happens when a GPU is full, or after a fault in a kernel: in processes of their own, on the emulator.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../support/child.ts';

const build = process.env.LEIA_BUILD ?? 'build';
const addon = { LEIA_ADDON: join(build, 'emulated/leia.node'), LEIA_NUM_THREADS: '1' };

test('what was disposed makes room, however far ahead of the device JavaScript is', async () => {
  const variables = { ...addon, LEIA_EMULATOR_MEMORY: String(64 << 20) };
  const { code, output, errors } = await runChild('core/children/memory.ts', variables);
  expect(errors).toBe('');
  expect(output).toBe('read 3\n');
  expect(code).toBe(0);
});

test('a matrix product that found no room for its workspace finds it when there is', async () => {
  const variables = { ...addon, LEIA_EMULATOR_MEMORY: String(48 << 20) };
  const { code, output, errors } = await runChild('core/children/workspace.ts', variables);
  expect(errors).toBe('');
  expect(output).toMatch(/^matmul.*out of device memory: asked for 33554432 bytes.*\n9\n$/);
  expect(code).toBe(0);
});

test('after a fault in a kernel every call says so, and the process ends in order', async () => {
  const variables = { ...addon, LEIA_EMULATOR_SHARED: '1024' };
  const { code, signal, output, errors } = await runChild('core/children/broken.ts', variables);
  expect(errors).toBe('');
  const [first, ...later] = output.trim().split('\n');
  expect(first).toMatch(/^execution emulator: kernel flashAttentionForward launched with/);
  expect(later).toHaveLength(2);
  for (const line of later) {
    expect(line).toMatch(
      /^execution .*emulated:1 cannot be used any more after an error in a kernel .*start the process again$/,
    );
  }
  expect({ code, signal }).toEqual({ code: 0, signal: null });
});

test.each([
  [
    '12040',
    /^unavailable device 'cuda': the driver is for CUDA 12\.4, this build for 13\.0; install a driver of series 580 or newer, or on a data-centre GPU NVIDIA's package cuda-compat-13-0 .*; or build leia with the toolkit of CUDA 12\.4/,
  ],
  ['0', /^unavailable .*no NVIDIA driver was found .* a driver of series 580 or newer; use 'cpu'$/],
  // Within a major version any driver will do.
  ['13000', /^opened$/],
])('a driver for CUDA %s', async (driver, expected) => {
  expect(await opening({ LEIA_EMULATOR_DRIVER: driver })).toMatch(expected);
});

test.each([
  [
    '75',
    {},
    /^unavailable device 'emulated' has compute capability 7\.5, but the kernels need 8\.0/,
  ],
  ['80', {}, /^opened$/],
  ['90', { CUDA_FORCE_PTX_JIT: '1' }, /^opened$/],
  ['90', { CUDA_FORCE_PTX_JIT: '0', LEIA_HOPPER: '1' }, /^opened$/],
  [
    '90',
    { CUDA_FORCE_PTX_JIT: '1', LEIA_HOPPER: '1' },
    /^unavailable device 'emulated': CUDA_FORCE_PTX_JIT makes the driver compile every kernel.*unset one of the two$/,
  ],
])('compute capability %s with %j', async (capability, variables, expected) => {
  expect(await opening({ LEIA_EMULATOR_CAPABILITY: capability, ...variables })).toMatch(expected);
});

test('an algorithm that cuBLASLt itself says does not fit is not used', async () => {
  const variables = { LEIA_EMULATOR_NO_ALGORITHM: '1' };
  expect(await opening(variables, 'multiply')).toMatch(
    /^execution matmul\(.*cublasLtMatmulAlgoGetHeuristic: not supported$/,
  );
  expect(await opening({}, 'multiply')).toBe('opened');
});

test('where cuBLASLt adds no bias, a kernel does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'leia-bias-'));
  const kernels = async (name: string, variables: Record<string, string>) => {
    const LEIA_EMULATOR_LAUNCHES = join(folder, name);
    const environment = { LEIA_EMULATOR_LAUNCHES, ...variables };
    expect(await opening(environment, 'bias')).toBe('opened');
    return (await readFile(LEIA_EMULATOR_LAUNCHES, 'utf8')).trim().split('\n').length;
  };
  const one = await kernels('with', {});
  expect(await kernels('without', { LEIA_EMULATOR_NO_BIAS: '1' })).toBe(one + 1);
  await rm(folder, { recursive: true });
});

/** What happens when a process with these variables opens the device, and does something on it. */
async function opening(variables: Record<string, string>, task = 'nothing'): Promise<string> {
  const environment = { ...addon, ...variables };
  const { output, errors } = await runChild('core/children/opening.ts', environment, [], [task]);
  expect(errors).toBe('');
  return output.trim();
}

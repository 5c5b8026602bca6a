// A bundler takes the code away from the native core beside it: the error says so, and the core can be named.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plainEnvironment } from '../support/child.ts';

const root = resolve(import.meta.dirname, '../..');
const core = join(root, 'build/Release/leia.node');
let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-bundled-'));
  program = join(folder, 'program/dist/main.mjs');
  const contents = `
    import { Tensor } from './lib/ops.ts';
    try { console.log(String(Tensor.zeros([2]))); } catch (error) { console.log(error.message); }`;
  const stdin = { contents, resolveDir: root };
  await build({ stdin, outfile: program, bundle: true, platform: 'node', format: 'esm' });
});
afterAll(() => rm(folder, { recursive: true }));

async function said(variables: Record<string, string>): Promise<string> {
  const { LEIA_ADDON, ...others } = plainEnvironment;
  const env = { ...others, ...variables };
  return (await promisify(execFile)(process.execPath, [program], { env })).stdout.trim();
}

test('the code alone finds no core, and says what the bundler is to do', async () => {
  const message = await said({});
  expect(message).toContain(`${program} is not in leia's package: let the bundler leave leia`);
  expect(message).not.toContain('compiles it');
});

test('with the core named, it runs', async () => {
  expect(await said({ LEIA_ADDON: core })).toBe('Tensor(float32 [2] on cpu)');
});

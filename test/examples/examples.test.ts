// Examples run as they stand, from the sources, and learn; test/package/examples.ts has those that are run from the package. They
// import the package as its users do; tsconfig.json leads that to lib.
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { runChild } from '../support/child.ts';

/** The numbers behind `loss` in what a program has printed. */
async function lossesOf(name: string, args: readonly string[]): Promise<number[]> {
  const { code, output, errors } = await runChild(`../examples/${name}/train.ts`, {}, [], args);
  expect([code, errors]).toEqual([0, '']);
  return [...output.matchAll(/loss (\d+\.\d+)/g)].map(([, loss]) => Number(loss));
}

test('a low-rank adapter on a frozen LLaMA', async () => {
  const folder = await temporaryFolder();
  const [text, output] = ['text.txt', 'adapter.safetensors'].map((name) => join(folder, name));
  await writeFile(text!, 'The quick brown fox jumps over the lazy dog. '.repeat(40));
  const losses = await lossesOf('adapter', [
    ...['--model', join(fixtures, 'tiny-llama'), '--tokenizer', join(fixtures, 'tokenizer-tiny')],
    ...['--text', text!, '--steps', '15', '--output', output!],
  ]);
  expect(losses).toHaveLength(15);
  const mean = (part: readonly number[]) => part.reduce((a, b) => a + b) / part.length;
  expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)) - 0.1);
  await using file = await SafetensorsFile.open(output!);
  const names = [...file.tensors.keys()].filter((name) => name.startsWith('layers.2.'));
  expect(names.sort()).toEqual(
    ['q_proj', 'v_proj'].flatMap((projection) =>
      ['A', 'B'].map((matrix) => `layers.2.self_attn.${projection}.lora_${matrix}.weight`),
    ),
  );
});

test('the first command of each README makes a folder in which its program runs', async () => {
  const root = resolve(import.meta.dirname, '../..');
  const paths = await readdir(join(root, 'examples'), { recursive: true });
  const readmes = paths.filter((path) => path.endsWith('README.md'));
  expect(readmes.length).toBeGreaterThanOrEqual(6);
  const commands = new Set<string>();
  for (const path of readmes) {
    const text = await readFile(join(root, 'examples', path), 'utf8');
    const [, command] = /^ {4}npm install leia (?:[\w@/]+ ?)+(?:&& (.*))?$/m.exec(text) ?? [];
    expect(command, path).toBeDefined();
    commands.add(command!);
  }
  // Programs wait for promises at their top level, as only modules can.
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'train.ts'), 'const one: number = await 1;\nconsole.log(one);\n');
  for (const command of commands) {
    // What `npm install` leaves.
    await writeFile(join(cwd, 'package.json'), '{ "dependencies": {} }');
    await promisify(execFile)('sh', ['-c', command], { cwd });
    const tsx = join(root, 'node_modules/.bin/tsx');
    const { stdout } = await promisify(execFile)(tsx, ['train.ts'], { cwd });
    expect(stdout).toBe('1\n');
  }
});

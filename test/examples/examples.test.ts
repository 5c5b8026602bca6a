// The examples run as they stand, and learn. They import the package as its users do; tsconfig.json leads that to lib.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

test('a GPT from scratch', async () => {
  const losses = await lossesOf('gpt', ['--steps', '50']);
  expect(losses).toHaveLength(1);
  // Guessing among the characters costs 4.0, by their frequencies 3.1.
  expect(losses[0]).toBeLessThan(2.7);
});

test('the GPT is about as short as its original in PyTorch', () => {
  const lines = (name: string) =>
    readFileSync(join('examples/gpt', name), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\/\/|\/\*\*|#|$)/.test(line)).length;
  expect(lines('train.ts')).toBeLessThanOrEqual(1.2 * lines('original.py'));
  expect(readFileSync('examples/gpt/train.ts', 'utf8')).not.toMatch(/\bas (?!const\b)|!\.|@ts-/);
});

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

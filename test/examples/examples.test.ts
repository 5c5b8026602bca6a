// Examples run as they stand, from the sources, and learn; test/package/examples.ts has those that are run from the package. They
// import the package as its users do; tsconfig.json leads that to lib.
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

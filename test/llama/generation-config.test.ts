import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endTokenIds } from '../../lib/llama/generation-config.ts';
import { expectError, temporaryFolder } from './fixtures.ts';

const config = { eosTokenIds: [2] };

async function folderWith(text: string): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'generation_config.json'), text);
  return folder;
}

test.each<[string, number[]]>([
  ['{"eos_token_id": 5}', [5]],
  ['{"eos_token_id": 0, "temperature": 0.6}', [0]],
  ['{"eos_token_id": [128001, 128008, 128009]}', [128001, 128008, 128009]],
  ['{"eos_token_id": []}', [2]],
  ['{"eos_token_id": null}', [2]],
  ['{"bos_token_id": 1}', [2]],
])('the end tokens of %s', async (text, expected) => {
  expect(await endTokenIds(await folderWith(text), config)).toEqual(expected);
});

test('without generation_config.json, those of config.json', async () => {
  expect(await endTokenIds(await temporaryFolder(), config)).toEqual([2]);
  expect(await endTokenIds(await temporaryFolder(), { eosTokenIds: [] })).toEqual([]);
});

test.each([
  ['', 'is not JSON'],
  ['{"eos_token_id": 5', 'is not JSON'],
  ['<!DOCTYPE html>', 'is not JSON'],
  ['[5]', 'the whole'],
  ['null', 'the whole'],
  ['{"eos_token_id": "</s>"}', 'eos_token_id: expected a token id or a list of them'],
  ['{"eos_token_id": -1}', 'eos_token_id: Too small'],
  ['{"eos_token_id": 1.5}', 'eos_token_id: expected'],
  ['{"eos_token_id": 1e300}', 'eos_token_id: Too big'],
  ['{"eos_token_id": [1, [2]]}', 'eos_token_id: expected'],
])('refuses %s', async (text, message) => {
  const folder = await folderWith(text);
  await expectError(() => endTokenIds(folder, config), 'format', message);
});

test('refuses a folder in place of the file', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'generation_config.json'));
  await expectError(() => endTokenIds(folder, config), 'io', 'generation_config.json');
});

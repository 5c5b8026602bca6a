// `generation_config.json`, which stands beside a model's weights: here only the tokens at which a continuation
// ends. Chat models name several there, of which `config.json` may have one.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fileError } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import type { LlamaConfig } from './config.ts';

const tokenId = z.int().nonnegative();
const schema = z.looseObject({
  eos_token_id: z
    .union([tokenId, z.array(tokenId)], { error: 'expected a token id or a list of them' })
    .nullish(),
});

/**
 * The ids of the tokens that end a continuation: those that the folder's `generation_config.json` names, or else
 * those of `config.json`. Empty if neither names any.
 *
 * @throws LeiaError `format` or `io` if `generation_config.json` is there and cannot be read.
 */
export async function endTokenIds(
  folder: string,
  config: Pick<LlamaConfig, 'eosTokenIds'>,
): Promise<readonly number[]> {
  const path = join(folder, 'generation_config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return config.eosTokenIds;
    }
    throw fileError('read', path, error);
  }
  const { eos_token_id } = parseChecked(schema, text, path);
  const named = [eos_token_id ?? []].flat();
  return named.length > 0 ? named : config.eosTokenIds;
}

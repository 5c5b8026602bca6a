/**
 * The reverse of adapting: the trained model without <translate> and </translate>, which only training
 * needs. Rows, config and tokenizer are again of the base model's shape, so the result takes its place
 * wherever that was used.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { LeiaError } from '../core/error.ts';
import type { CheckpointView } from '../llama/checkpoint.ts';
import { changeLlamaConfig, type LlamaConfig } from '../llama/config.ts';
import { saveCheckpoint } from '../llama/save-checkpoint.ts';
import { removeSpecialTokens } from '../tokenizer/special-tokens.ts';
import {
  baseVocabularyKey,
  bytesOf,
  type ConvertedCheckpoint,
  translateTokens,
  viewOf,
} from './adapt.ts';

/**
 * An adapted checkpoint without the two tokens.
 *
 * @throws LeiaError `mismatch` if it has not been adapted by leia; and what reading the tokenizer throws.
 */
export async function exportCheckpoint(checkpoint: CheckpointView): Promise<ConvertedCheckpoint> {
  const { folder, config } = checkpoint;
  const { files, ids } = await removeSpecialTokens(folder, translateTokens);
  const rows = baseVocabularySize(config, ids, folder);
  const { [baseVocabularyKey]: _, ...source } = config.source;
  const changed = changeLlamaConfig({ ...config, source }, { vocab_size: rows });
  return viewOf(checkpoint, { config: changed, tokenizerFiles: files }, (matrix) =>
    matrix.slice(0, rows * config.hiddenSize),
  );
}

function baseVocabularySize(config: LlamaConfig, ids: readonly number[], folder: string): number {
  const rows = config.source[baseVocabularyKey] ?? Math.min(...ids);
  const first = Math.min(...ids);
  if (Number.isInteger(rows) && (rows as number) >= first && (rows as number) <= config.vocabSize) {
    return rows as number;
  }
  throw new LeiaError(
    'mismatch',
    `${folder}: config.json has ${baseVocabularyKey} ${JSON.stringify(rows)}, expected ${first} to ${config.vocabSize}`,
  );
}

/**
 * Writes an adapted or exported checkpoint as a Hugging Face folder. bfloat16 stays bfloat16, bit for bit;
 * anything else becomes float32, which loses nothing.
 *
 * @throws LeiaError `usage` if the folder already has a checkpoint, `io`.
 */
export async function writeConverted(
  folder: string,
  checkpoint: ConvertedCheckpoint,
): Promise<void> {
  const config = join(folder, 'config.json');
  const taken = await access(config).then(
    () => true,
    () => false,
  );
  if (taken) {
    throw new LeiaError('usage', `${folder} already holds a checkpoint; write to another folder`);
  }
  const { dtype } = await checkpoint.read('model.embed_tokens.weight');
  await saveCheckpoint(folder, {
    config: checkpoint.config,
    dtype: dtype === 'BF16' ? 'bfloat16' : 'float32',
    companions: checkpoint.folder,
    files: checkpoint.tokenizerFiles,
    read: async (name) => {
      if (dtype !== 'BF16') return bytesOf(await checkpoint.readFloat32(name));
      const stored = await checkpoint.read(name);
      if (stored.dtype === 'BF16') return stored.bytes;
      throw new LeiaError(
        'unsupported',
        `${checkpoint.folder}: tensor "${name}" is ${stored.dtype}, the embedding is BF16; save the model in one dtype`,
      );
    },
  });
}

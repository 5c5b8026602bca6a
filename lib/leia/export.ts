/**
 * The reverse of adapting: the trained model without <translate> and </translate>, which only training
 * needs. Rows, config and tokenizer are again of the base model's shape, so the result takes its place
 * wherever that was used.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointView } from '../llama/checkpoint.ts';
import { changeLlamaConfig, type LlamaConfig } from '../llama/config.ts';
import { saveCheckpoint } from '../llama/save-checkpoint.ts';
import { LeiaError } from '../system/error.ts';
import { removeSpecialTokens } from '../tokenizer/special-tokens.ts';
import { baseVocabularyKey, type ConvertedCheckpoint, translateTokens, viewOf } from './adapt.ts';
import { firstRows } from './vocabulary-rows.ts';

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
    firstRows(matrix, config.hiddenSize, rows),
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
 * Writes an adapted or exported checkpoint as a Hugging Face folder. The dtype stays what it is; a checkpoint
 * of several dtypes becomes float32, which loses nothing.
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
  await saveCheckpoint(folder, {
    config: checkpoint.config,
    dtype: checkpoint.dtype,
    companions: checkpoint.folder,
    files: checkpoint.tokenizerFiles,
    read: (name) => checkpoint.read(name),
  });
}

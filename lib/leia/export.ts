/**
 * The reverse of adapting: the trained model without <translate> and </translate>, which only training
 * needs. Rows, config and tokenizer are again of the base model's shape, so the result takes its place
 * wherever that was used.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointView } from '../llama/checkpoint.ts';
import { changeLlamaConfig, type LlamaConfig } from '../llama/config.ts';
import { type RoundingLoss, RoundingMeter } from '../llama/rounding.ts';
import { saveCheckpoint } from '../llama/save-checkpoint.ts';
import { resolveDtype, type SaveDtype } from '../llama/stored-values.ts';
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
 * Writes an adapted or exported checkpoint as a Hugging Face folder.
 *
 * @param saveDtype what the weights are written in; `base` is what the checkpoint stores, or float32 if that is
 *   of several dtypes.
 * @returns what rounding to that dtype took from the weights, if it is another one.
 * @throws LeiaError `usage` if the folder already has a checkpoint, or float16 cannot hold a weight; `io`.
 */
export async function writeConverted(
  folder: string,
  checkpoint: ConvertedCheckpoint,
  saveDtype: SaveDtype = 'base',
): Promise<RoundingLoss | undefined> {
  const config = join(folder, 'config.json');
  const taken = await access(config).then(
    () => true,
    () => false,
  );
  if (taken) {
    throw new LeiaError('usage', `${folder} already holds a checkpoint; write to another folder`);
  }
  const dtype = resolveDtype(saveDtype, checkpoint.dtype);
  const isExact = dtype === 'float32' || dtype === checkpoint.dtype;
  const rounding = new RoundingMeter(dtype);
  await saveCheckpoint(folder, {
    config: checkpoint.config,
    dtype,
    companions: checkpoint.folder,
    files: checkpoint.tokenizerFiles,
    read: (name) => checkpoint.read(name),
    onWrite: async (_, read, written) => {
      if (!isExact) await rounding.add(read, written);
    },
  });
  return isExact ? undefined : rounding.loss;
}

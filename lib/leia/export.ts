/**
 * The reverse of adapting: the trained model without <translate> and </translate>, which only training
 * needs. Rows, config and tokenizer are again of the base model's shape, so the result takes its place
 * wherever that was used.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointView } from '../llama/checkpoint.ts';
import { changeLlamaConfig } from '../llama/config.ts';
import { type RoundingLoss, RoundingMeter } from '../llama/rounding.ts';
import { saveCheckpoint } from '../llama/save-checkpoint.ts';
import { resolveDtype, type SaveDtype } from '../llama/stored-values.ts';
import { LeiaError } from '../system/error.ts';
import { type LockOptions, lockFolder } from '../system/lock.ts';
import { removeSpecialTokens } from '../tokenizer/special-tokens.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { baseVocabularyKey, type ConvertedCheckpoint, translateTokens, viewOf } from './adapt.ts';
import { firstRows } from './vocabulary-rows.ts';

/** A checkpoint that takes the base model's place. */
export interface ExportedCheckpoint extends ConvertedCheckpoint {
  /** Whether the two tokens stay, because the base model had them before. */
  readonly keepsTokens: boolean;
}

/**
 * An adapted checkpoint without the two tokens. A base model that had them already keeps them: its config does not
 * say that LEIA added any.
 *
 * @throws LeiaError `mismatch` if it has not been adapted by leia; and what reading the tokenizer throws.
 */
export async function exportCheckpoint(checkpoint: CheckpointView): Promise<ExportedCheckpoint> {
  const { folder, config } = checkpoint;
  const { [baseVocabularyKey]: rows = null, ...source } = config.source;
  if (rows === null) {
    const tokenizer = await Tokenizer.load(folder);
    const missing = translateTokens.find((token) => tokenizer.tokenId(token) === undefined);
    if (missing === undefined) {
      return viewOf(checkpoint, { tokenizerFiles: new Map<string, string>(), keepsTokens: true });
    }
    throw new LeiaError(
      'mismatch',
      `${folder}: the tokenizer has no ${missing}; was it adapted by leia?`,
    );
  }
  const { files, ids } = await removeSpecialTokens(folder, translateTokens);
  const first = Math.min(...ids);
  if (!isWhole(rows) || rows < first || rows > config.vocabSize) {
    throw new LeiaError(
      'mismatch',
      `${folder}: config.json has ${baseVocabularyKey} ${JSON.stringify(rows)}, expected ${first} to ${config.vocabSize}`,
    );
  }
  const changed = changeLlamaConfig({ ...config, source }, { vocab_size: rows });
  return viewOf(
    checkpoint,
    { config: changed, tokenizerFiles: files, keepsTokens: false },
    (matrix) => firstRows(matrix, config.hiddenSize, rows),
  );
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value);
}

/**
 * Writes an adapted or exported checkpoint as a Hugging Face folder.
 *
 * @param options.saveDtype what the weights are written in; `base`, the default, is what the checkpoint stores, or
 *   float32 if that is of several dtypes.
 * @param options.onWarning hears that the lock of a dead process was taken over.
 * @returns what rounding to that dtype took from the weights, if it is another one.
 * @throws LeiaError `usage` if the folder already has a checkpoint, if another process writes there, or if float16
 *   cannot hold a weight; `io`.
 */
export async function writeConverted(
  folder: string,
  checkpoint: ConvertedCheckpoint,
  options: { saveDtype?: SaveDtype } & LockOptions = {},
): Promise<RoundingLoss | undefined> {
  const { saveDtype = 'base' } = options;
  await using _ = await lockFolder(folder, options);
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

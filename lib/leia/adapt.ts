/**
 * What LEIA changes in a model before training: the tokenizer gets <translate> and </translate>, and their
 * rows in the input embedding and in the output head become the mean of the existing rows (Yamada & Ri
 * 2024, section 3; the original code leaves the output rows random). Nothing is written: the result is a
 * view of the checkpoint that reads like one, with the two rows added on the way.
 */

import type { CheckpointView } from '../llama/checkpoint.ts';
import { changeLlamaConfig } from '../llama/config.ts';
import type { StoredValues } from '../llama/stored-values.ts';
import { LeiaError } from '../system/error.ts';
import { addSpecialTokens, type TokenizerFiles } from '../tokenizer/special-tokens.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { vocabularyParameters, withMeanRows } from './vocabulary-rows.ts';

/** The tokens around an inserted name. */
export const translateTokens = ['<translate>', '</translate>'] as const;

/** Where an adapted config.json remembers the size of the vocabulary before. */
export const baseVocabularyKey = 'leia_base_vocab_size';

/** A checkpoint that is read with other vocabulary rows than its folder has, and the tokenizer that fits them. */
export interface ConvertedCheckpoint extends CheckpointView {
  /** The tokenizer's files that differ from those in `folder`: name and new content. */
  readonly tokenizerFiles: TokenizerFiles;
}

/** A checkpoint with the two tokens. */
export interface AdaptedCheckpoint extends ConvertedCheckpoint {
  readonly translateId: number;
  readonly endTranslateId: number;
}

/**
 * The checkpoint with <translate> and </translate>. One that has them already is given back as it is.
 *
 * @throws LeiaError `mismatch` if the tokenizer has more ids than the model has rows, or only one of the two
 *   tokens; and what reading the tokenizer throws.
 */
export async function adaptCheckpoint(checkpoint: CheckpointView): Promise<AdaptedCheckpoint> {
  const { folder, config } = checkpoint;
  const tokenizer = await Tokenizer.load(folder);
  tokenizer.checkVocabulary(config.vocabSize, folder);
  const [translateId, endTranslateId] = translateTokens.map((token) => tokenizer.tokenId(token));
  if (translateId !== undefined && endTranslateId !== undefined) {
    return viewOf(checkpoint, { translateId, endTranslateId, tokenizerFiles: new Map() });
  }
  if (translateId !== undefined || endTranslateId !== undefined) {
    throw new LeiaError(
      'mismatch',
      `${folder}: the tokenizer has only one of ${translateTokens.join(' and ')}, expected both or none`,
    );
  }
  const { files, ids } = await addSpecialTokens(folder, translateTokens);
  const [firstNew, last] = ids as [number, number];
  const newRows = ids.length;
  const changed = changeLlamaConfig(config, {
    // Some models have rows to spare beyond the tokenizer's ids: the new tokens take those first.
    vocab_size: Math.max(config.vocabSize, firstNew + newRows),
    [baseVocabularyKey]: config.vocabSize,
  });
  return viewOf(
    checkpoint,
    { config: changed, translateId: firstNew, endTranslateId: last, tokenizerFiles: files },
    (matrix) => withMeanRows(matrix, config.hiddenSize, { firstNew, newRows }),
  );
}

/** A view of a checkpoint with some fields replaced and its vocabulary matrices changed while reading. */
export function viewOf<Fields extends object>(
  checkpoint: CheckpointView,
  fields: Fields,
  change: (matrix: StoredValues) => StoredValues | Promise<StoredValues> = (matrix) => matrix,
) {
  return {
    folder: checkpoint.folder,
    config: checkpoint.config,
    dtype: checkpoint.dtype,
    async read(name: string): Promise<StoredValues> {
      const stored = await checkpoint.read(name);
      return vocabularyParameters.includes(name) ? await change(stored) : stored;
    },
    ...fields,
  };
}

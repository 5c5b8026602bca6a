/**
 * Which tokens the model learns to predict (section 2 of the paper): never <translate> and </translate>, so
 * that it does not produce them; the tokens of the English names unless that is switched off (the paper's
 * ablation). A label stands at its own token's place; the model compares it with what it predicted one
 * place before.
 *
 * The original code also ignores EOS, as it pads with it. Here there is neither padding nor EOS: an article begins
 * with BOS, whose label counts, and ends with its last token.
 */
import { ignoredLabel } from '../core/ops/cross-entropy.ts';
import { type AugmentedTokens, tokenKind } from './insert.ts';

/** Labels for tokens: their ids, or {@link ignoredLabel}. int32, same length. */
export function labelsOf(
  { ids, kinds }: AugmentedTokens,
  { lossOnNames }: { lossOnNames: boolean },
): Int32Array {
  return ids.map((id, i) => {
    const kind = kinds[i];
    const ignored = kind === tokenKind.special || (kind === tokenKind.name && !lossOnNames);
    return ignored ? ignoredLabel : id;
  });
}

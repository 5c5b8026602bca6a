// The passages that the demo shows, before and after insertion.
import type { Dataset } from '../leia/dataset.ts';
import { type PassagePreview, previewArticle } from '../leia/preview.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { TrainSettings } from '../train/settings.ts';

/**
 * Three passages as training sees them, like those of the paper's Figure 1: short ones with several names, if there
 * are any.
 */
export async function choosePassages(
  dataset: Dataset,
  articles: readonly number[],
  tokenizer: Tokenizer,
  { strategy, pSkip, seed }: TrainSettings,
): Promise<PassagePreview[]> {
  const trained = { passage: (index: number) => dataset.passage(articles[index]!) };
  const options = { strategy, pSkip, seed };
  const good: PassagePreview[] = [];
  const others: PassagePreview[] = [];
  for (let i = 0; i < articles.length && good.length < 3; i++) {
    const preview = await previewArticle(trained, i, tokenizer, options);
    if (preview === undefined) continue;
    const length = preview.before.reduce((sum, { text }) => sum + text.length, 0);
    (preview.inserted >= 3 && length <= 200 ? good : others).push(preview);
  }
  return [...good, ...others].slice(0, 3);
}

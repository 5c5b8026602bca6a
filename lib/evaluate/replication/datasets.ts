// The world's articles as datasets of the same format that `leia prepare` writes.
import { isDeepStrictEqual } from 'node:util';
import { Dataset } from '../../leia/dataset.ts';
import type { DatasetMeta } from '../../leia/dataset-format.ts';
import { DatasetWriter } from '../../leia/dataset-writer.ts';
import { ArticleTokenizer } from '../../leia/tokenize-article.ts';
import { LeiaError } from '../../system/error.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { Article } from './text.ts';

/** Writes a dataset, unless the folder has it. `source` says what it is made of. */
export async function writeDataset(
  folder: string,
  articles: readonly Article[],
  tokenizer: Tokenizer,
  source: DatasetMeta['source'],
): Promise<void> {
  const { hash, vocabSize, bosId } = tokenizer;
  const meta: DatasetMeta = { language: 'xx', tokenizer: { hash, vocabSize, bosId }, source };
  if (await isFinished(folder, meta)) return;
  await using writer = await DatasetWriter.create(folder, meta);
  const results = await new ArticleTokenizer(tokenizer).tokenize(
    articles.map(({ text, spans }) => ({ text, spans })),
  );
  for (const [index, { article, misaligned }] of results.entries()) {
    const { title, text, spans } = articles[index]!;
    if (misaligned.length > 0) {
      throw new LeiaError('mismatch', `${title}: a name does not fall on tokens`);
    }
    const anchors = spans.map(({ start, end, name }) => ({ start, end, target: name, name }));
    await writer.append({ title, text, anchors, ...article });
  }
  await writer.finish();
}

async function isFinished(folder: string, meta: DatasetMeta): Promise<boolean> {
  try {
    using dataset = await Dataset.open(folder);
    return isDeepStrictEqual(dataset.meta, meta);
  } catch (error) {
    if (error instanceof LeiaError && error.code === 'io') return false;
    throw error;
  }
}

// A tiny LLaMA and a dataset for it, written into folders of the caller's: also for scripts, which no test runner holds.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatasetWriter } from '../../lib/leia/dataset-writer.ts';
import { RandomStream } from '../../lib/leia/random.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** The folder of its tokenizer. */
export const tokenizerTiny = join(fixtures, 'tokenizer-tiny');

const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];

/** A tiny LLaMA of 512 rows with the tiny tokenizer of 512 ids. */
export async function writeModel(folder: string, name = 'tiny-llama'): Promise<void> {
  for (const file of ['config.json', 'model.safetensors']) {
    await copyFile(join(fixtures, name, file), join(folder, file));
  }
  for (const file of tokenizerFiles) {
    await copyFile(join(tokenizerTiny, file), join(folder, file));
  }
}

/** A dataset of random articles, each with two entities. */
export async function writeDataset(folder: string, articles = 12, hash?: string): Promise<void> {
  const { vocabSize, bosId, ...tokenizer } = await Tokenizer.load(tokenizerTiny);
  const writer = await DatasetWriter.create(folder, {
    language: 'xx',
    tokenizer: { hash: hash ?? tokenizer.hash, vocabSize, bosId },
    source: {},
  });
  for (let i = 0; i < articles; i++) {
    const draws = RandomStream.of(7, i);
    const ids = Array.from({ length: 20 + Math.floor(draws.next() * 30) }, () =>
      Math.floor(3 + draws.next() * 509),
    );
    await writer.append({
      title: `Article ${i}`,
      text: '',
      anchors: [],
      inputIds: Int32Array.from([bosId, ...ids]),
      entities: [
        { start: 2, end: 4, nameIds: Int32Array.from([10 + i, 400]) },
        { start: 9, end: 10, nameIds: Int32Array.from([300 + i]) },
      ],
    });
  }
  await writer.finish();
}

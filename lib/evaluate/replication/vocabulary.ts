// The world's tokenizer: every word is one token, together with the blank before it. It is an ordinary tokenizer.json,
// so that the dataset, the trainer and the evaluation need to know nothing of the world.
import { join } from 'node:path';
import { makeFolder, writeFileAtomically } from '../../system/files.ts';
import type { World } from './world.ts';

/** Stands before every text, and for the empty context of a question. */
const endToken = '<s>';
const unknownToken = '<unk>';

/** All words of the world, sorted. */
export function wordsOf({ entities, relations, meetings, mentions }: World): string[] {
  const texts = [
    ...entities.flatMap(({ name }) => Object.values(name)),
    ...relations.flatMap(({ values }) => Object.values(values).flat()),
    ...relations.flatMap(({ templates }) => Object.values(templates).flat()),
    ...[meetings, mentions].flatMap((templates) => Object.values(templates).flat()),
    ...['(', ')'],
  ];
  const words = texts.flatMap((text) => text.split(' ')).filter((word) => !/^\{\w\}$/.test(word));
  return [...new Set(words)].sort();
}

/** Writes the tokenizer's files into a folder. */
export async function writeTokenizer(folder: string, world: World): Promise<void> {
  const special = [unknownToken, endToken];
  const pieces = [...special, ...wordsOf(world).map((word) => `▁${word}`)];
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false },
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      unk_token: unknownToken,
    },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: endToken,
    eos_token: endToken,
    unk_token: unknownToken,
  };
  await makeFolder(folder);
  await writeFileAtomically(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config)}\n`);
  await writeFileAtomically(join(folder, 'tokenizer.json'), `${JSON.stringify(json)}\n`);
}

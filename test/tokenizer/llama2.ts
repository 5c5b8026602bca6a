/**
 * LLaMA 2's tokenizer is under a licence that keeps it out of this repository. Tests that need it look for
 * its folder in `LEIA_LLAMA2_TOKENIZER` or beside the repository, and say so when it is not there.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const candidates = [
  process.env.LEIA_LLAMA2_TOKENIZER,
  join(import.meta.dirname, '../../../shared/data/tokenizers/llama2'),
];

export const llama2Folder = candidates.find(
  (folder) => folder !== undefined && existsSync(join(folder, 'tokenizer.json')),
);

if (llama2Folder === undefined) {
  console.warn(
    'The LLaMA 2 tokenizer is not here: the tests that need it are skipped. Set LEIA_LLAMA2_TOKENIZER to its folder.',
  );
}

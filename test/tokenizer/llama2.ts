/**
 * LLaMA 2's tokenizer is under a licence that keeps it out of this repository. Tests that need it read it from the
 * folder in `LEIA_LLAMA2_TOKENIZER`, and say so when that is not set.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const llama2Folder = process.env.LEIA_LLAMA2_TOKENIZER;

if (llama2Folder === undefined) {
  console.warn(
    "The tests that need LLaMA 2's tokenizer are skipped. Set LEIA_LLAMA2_TOKENIZER to its folder to run them.",
  );
} else if (!existsSync(join(llama2Folder, 'tokenizer.json'))) {
  throw new Error(`LEIA_LLAMA2_TOKENIZER: ${llama2Folder} has no tokenizer.json`);
}

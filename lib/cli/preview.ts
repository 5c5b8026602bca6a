import type { Command } from 'commander';
import { z } from 'zod';
import { Dataset } from '../leia/dataset.ts';
import { previewArticle } from '../leia/preview.ts';
import { LeiaError } from '../system/error.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { trainSettings } from '../train/settings.ts';
import { addSettings, readSettings } from './options.ts';
import { formatPieces } from './passages.ts';
import { style } from './style.ts';

/** The settings of training that decide what is inserted. */
const previewSettings = z.strictObject({
  strategy: trainSettings.shape.strategy,
  pSkip: trainSettings.shape.pSkip,
  seed: trainSettings.shape.seed,
  limit: z.int().min(1).default(3).describe('how many passages'),
});

export function registerPreview(program: Command): void {
  const command = program
    .command('preview')
    .summary('show passages before and after insertion')
    .description(
      'Show passages of a dataset before and after the insertion of English names, as the first epoch of training with the same settings will see them.',
    )
    .requiredOption('--data <folder>', 'dataset made by leia prepare')
    .requiredOption('--tokenizer <folder>', 'the tokenizer that the dataset was prepared with')
    .addHelpText(
      'after',
      '\nExample:\n  leia preview --data data/ja --tokenizer Llama-2-7b-hf --strategy right --p-skip 0.5',
    );
  addSettings(command, previewSettings).action(
    async (options: { data: string; tokenizer: string }) => {
      const { strategy, pSkip, seed, limit } = readSettings(command, previewSettings);
      using dataset = await Dataset.open(options.data);
      const tokenizer = await Tokenizer.load(options.tokenizer);
      dataset.checkTokenizer(tokenizer);
      let shown = 0;
      for (let i = 0; i < dataset.articleCount && shown < limit; i++) {
        const settings = { strategy, pSkip, seed };
        const preview = await previewArticle(dataset, i, tokenizer, settings);
        if (preview === undefined) continue;
        shown++;
        console.log(`${style.bold(preview.title)}`);
        console.log(`  before  ${formatPieces(preview.before)}`);
        console.log(`  after   ${formatPieces(preview.after)}\n`);
      }
      if (shown === 0) {
        throw new LeiaError(
          'usage',
          'no name is inserted anywhere with these settings; lower --p-skip, or choose another --strategy than none',
        );
      }
    },
  );
}

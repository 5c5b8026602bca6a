// `leia export`: the adapted model as a drop-in for the one it was made from.
import type { Command } from 'commander';
import { exportCheckpoint, writeConverted } from '../leia/export.ts';
import { Checkpoint } from '../llama/checkpoint.ts';

export function registerExport(program: Command): void {
  program
    .command('export')
    .summary('write an adapted model without the two extra tokens')
    .description(
      "Write an adapted model without <translate> and </translate>, so that it takes the base model's place\nwith the base model's tokenizer.",
    )
    .requiredOption('--model <folder>', 'output of leia train')
    .requiredOption('--output <folder>', 'where the Hugging Face folder goes')
    .addHelpText(
      'after',
      `
Example:
  leia export --model runs/ja-leia --output models/llama-2-7b-ja`,
    )
    .action(async ({ model, output }: { model: string; output: string }) => {
      await using checkpoint = await Checkpoint.open(model);
      await writeConverted(output, await exportCheckpoint(checkpoint));
      console.log(`The model without the extra tokens is in ${output}.`);
      console.log(`Next: leia generate --model ${output} --prompt TEXT --max-new-tokens 40`);
    });
}

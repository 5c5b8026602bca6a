// `leia export`: the adapted model as a drop-in for the one it was made from.
import { type Command, Option } from 'commander';
import { exportCheckpoint, writeConverted } from '../leia/export.ts';
import { Checkpoint } from '../llama/checkpoint.ts';
import { type SaveDtype, saveDtypes } from '../llama/stored-values.ts';
import { describeRounding } from './model-options.ts';
import { warn } from './progress.ts';
import { quoted } from './quoted.ts';

interface ExportOptions {
  model: string;
  output: string;
  saveDtype: SaveDtype;
}

export function registerExport(program: Command): void {
  program
    .command('export')
    .summary('write an adapted model without the two extra tokens')
    .description(
      "Write an adapted model without <translate> and </translate>, so that it takes the base model's place with the base model's tokenizer.",
    )
    .requiredOption('--model <folder>', 'output of leia train')
    .requiredOption('--output <folder>', 'where the Hugging Face folder goes')
    .addOption(
      new Option('--save-dtype <choice>', 'of the written weights; base: as they are in --model')
        .choices(saveDtypes)
        .default('base'),
    )
    .addHelpText(
      'after',
      `
Example:
  leia export --model runs/ja-leia --output models/llama-2-7b-ja`,
    )
    .action(async ({ model, output, saveDtype }: ExportOptions) => {
      await using checkpoint = await Checkpoint.open(model);
      const exported = await exportCheckpoint(checkpoint);
      const rounding = await writeConverted(output, exported, { saveDtype, onWarning: warn });
      console.log(
        exported.keepsTokens
          ? `The model is in ${output}. The base model had <translate> and </translate> already, so they stay.`
          : `The model without the extra tokens is in ${output}.`,
      );
      if (rounding !== undefined) console.log(describeRounding(rounding));
      console.log(
        `Next: leia generate --model ${quoted(output)} --prompt TEXT --max-new-tokens 40`,
      );
    });
}

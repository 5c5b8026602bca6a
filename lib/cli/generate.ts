// `leia generate`: continues a prompt, to show what a model does.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { generate, type SamplingOptions } from '../llama/generate.ts';
import { endTokenIds } from '../llama/generation-config.ts';
import { LeiaError } from '../system/error.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { modelOptions, openModel, parseIds } from './model-options.ts';
import { addSettings, readSettings } from './options.ts';
import { Progress } from './progress.ts';

const schema = z.object({
  ...modelOptions,
  prompt: z.string().optional().describe('text to continue; BOS is put before it'),
  promptIds: z.string().optional().describe('token ids to continue instead, such as 1,2,3'),
  maxNewTokens: z.int().positive().default(64).describe('tokens to add'),
  greedy: z.boolean().default(false).describe('always take the likeliest token'),
  temperature: z
    .number()
    .positive('expected more than 0 (--greedy always takes the likeliest token)')
    .optional()
    .describe('below 1 sharper, above 1 flatter'),
  topK: z.int().positive().optional().describe('draw from so many likeliest tokens only'),
  topP: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('draw from the likeliest tokens that reach this probability together'),
  seed: z.int().nonnegative().default(0).describe('decides the random draws'),
  stopAtEos: z
    .boolean()
    .default(true)
    .describe("end before the model's end tokens, those of generation_config.json if it names any"),
  json: z
    .boolean()
    .default(false)
    .describe(
      'print one JSON object: prompt, generated (token ids), and text if there is a tokenizer',
    ),
});

/** Whoever waits no longer than this is not told how far it is. */
const quietSeconds = 5;

const example = `
Example:
  leia generate --model checkpoints/llama --prompt "Tokyo is" --max-new-tokens 20 --greedy`;

export function registerGenerate(program: Command): void {
  const command = program
    .command('generate')
    .summary('continue a prompt')
    .description('Continue a prompt with a model.');
  addSettings(command, schema).addHelpText('after', example);
  command.action(async () => {
    await run(readSettings(command, schema));
  });
}

async function run(settings: z.output<typeof schema>): Promise<void> {
  const sampling = samplingOf(settings);
  const { model: folder, promptIds, maxNewTokens } = settings;
  if ((settings.prompt === undefined) === (promptIds === undefined)) {
    throw new LeiaError('usage', 'expected one of --prompt and --prompt-ids');
  }
  // Ids need no tokenizer; if there is one, it shows the text.
  const tokenizer =
    settings.prompt !== undefined || existsSync(join(folder, 'tokenizer.json'))
      ? await Tokenizer.load(folder)
      : undefined;
  using model = await openModel(settings);
  tokenizer?.checkVocabulary(model.config.vocabSize, folder);
  const prompt =
    promptIds === undefined
      ? await encodePrompt(tokenizer as Tokenizer, settings.prompt as string)
      : parseIds('--prompt-ids', promptIds);
  const named = await endTokenIds(folder, model.config);
  const endIds = named.length > 0 || tokenizer === undefined ? named : [tokenizer.eosId];
  const stopIds = settings.stopAtEos ? endIds : [];
  const generated: number[] = [];
  const progress = new Progress();
  const began = performance.now();
  for await (const id of generate(model, prompt, { maxNewTokens, sampling, stopIds })) {
    generated.push(id);
    const seconds = (performance.now() - began) / 1000;
    if (seconds < quietSeconds) continue;
    const rate = (generated.length / seconds).toPrecision(3);
    progress.update(`${generated.length} of at most ${maxNewTokens} tokens, ${rate}/s`);
  }
  progress.clear();
  const text = await decode(tokenizer, generated);
  const line = settings.json
    ? JSON.stringify({ prompt, generated, text })
    : (text ?? generated.join(','));
  process.stdout.write(`${line}\n`);
}

function samplingOf(settings: z.output<typeof schema>): SamplingOptions | undefined {
  const { greedy, temperature, topK, topP, seed } = settings;
  if (!greedy) {
    return {
      seed,
      ...(temperature !== undefined && { temperature }),
      ...(topK !== undefined && { topK }),
      ...(topP !== undefined && { topP }),
    };
  }
  if (temperature === undefined && topK === undefined && topP === undefined) return undefined;
  throw new LeiaError(
    'usage',
    '--greedy draws nothing: leave out --temperature, --top-k and --top-p',
  );
}

async function encodePrompt(tokenizer: Tokenizer, text: string): Promise<number[]> {
  const { ids } = await tokenizer.encode(text);
  return [tokenizer.bosId, ...ids];
}

/** The text, if there is a tokenizer that knows all ids (a model may have rows beyond its tokenizer). */
async function decode(
  tokenizer: Tokenizer | undefined,
  ids: readonly number[],
): Promise<string | undefined> {
  if (tokenizer === undefined || ids.some((id) => id >= tokenizer.vocabSize)) return undefined;
  return await tokenizer.decode(ids);
}

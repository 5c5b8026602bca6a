// `leia score`: log-likelihoods of continuations, the number on which most evaluations of
// language models are built.
import type { Command } from 'commander';
import { z } from 'zod';
import { logLikelihoods } from '../evaluate/engine/log-likelihoods.ts';
import { encodeRequests, fitRequests, needsTokenizer, readRequests } from '../evaluate/requests.ts';
import { checkOutput, writeOutput } from '../system/output.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { modelOptions, openModel } from './model-options.ts';
import { addSettings, readSettings } from './options.ts';
import { Progress, warn } from './progress.ts';

const schema = z.object({
  ...modelOptions,
  requests: z
    .string()
    .describe('JSON Lines: context and continuation, each a text or an array of token ids'),
  output: z
    .string()
    .describe(
      'JSON Lines in the same order: logLikelihood, isGreedy, tokens; .gz, .zst or plain, - is standard output',
    ),
  maxLength: z
    .int()
    .positive()
    .optional()
    .describe("longest input in tokens, cut on the left (the model's own unless given)"),
  batchTokens: z
    .union([z.literal('auto'), z.int().positive()])
    .default('auto')
    .describe('tokens computed at once; auto: as many as there is memory for, within reason'),
});

const example = `
Example:
  echo '{"context": "Tokyo is the capital of", "continuation": " Japan"}' > requests.jsonl
  leia score --model checkpoints/llama --requests requests.jsonl --output scores.jsonl`;

export function registerScore(program: Command): void {
  const command = program
    .command('score')
    .summary('compute log-likelihoods of continuations')
    .description('Compute the log-likelihoods of continuations, each given a context.');
  addSettings(command, schema).addHelpText('after', example);
  command.action(async () => {
    await run(readSettings(command, schema));
  });
}

async function run(settings: z.output<typeof schema>): Promise<void> {
  const { model: folder, batchTokens, maxLength } = settings;
  const raw = await readRequests(settings.requests);
  const inputs = [settings.requests];
  await checkOutput(settings.output, inputs);
  const tokenizer = needsTokenizer(raw) ? await Tokenizer.load(folder) : undefined;
  using model = await openModel(settings);
  tokenizer?.checkVocabulary(model.config.vocabSize, folder);
  const { bosTokenId, eosTokenIds, maxPositionEmbeddings } = model.config;
  const requests = fitRequests(await encodeRequests(raw, tokenizer), {
    maxLength: Math.min(maxLength ?? maxPositionEmbeddings, maxPositionEmbeddings),
    emptyContext: bosTokenId ?? tokenizer?.bosId ?? eosTokenIds[0],
  });
  const progress = new Progress();
  const scores = await logLikelihoods(model, requests, {
    batchTokens,
    onProgress: (done, total) => progress.update(`scored ${done} of ${total}`),
  });
  const lines = scores.map((score) => `${JSON.stringify(score)}\n`);
  await writeOutput(settings.output, [Buffer.from(lines.join(''))], { inputs, onWarning: warn });
  progress.done(`scored ${requests.length} requests into ${settings.output}`);
}

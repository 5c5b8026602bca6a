// `npm run bench:evaluate`: what the evaluation engine's batches and shared beginnings are worth, on a model of a laptop's
// size with random weights. Log-likelihoods of questions like X-CSQA's (4-shot, five choices), with shared beginnings
// computed once or again for each choice; answers like NIILC's (four fixed examples), in batches or one after the other.
import { parseArgs } from 'node:util';
import { generateBatch } from '../lib/evaluate/engine/generate-batch.ts';
import { logLikelihoods } from '../lib/evaluate/engine/log-likelihoods.ts';
import type { GenerationRequest, LogLikelihoodRequest } from '../lib/evaluate/engine/requests.ts';
import { generate, LeiaError, LlamaModel, parseLlamaConfig, Tokenizer } from '../lib/index.ts';
import { countParameters } from '../lib/llama/parameters.ts';
import { randomInteger, randomSource } from '../test/ops/case.ts';

const help = `Usage: npm run bench:evaluate -- [options]

  --device NAME      cpu (default), cuda, or emulated
  --dtype NAME       float32 (default) or bfloat16
  --questions N      questions with five choices each (default 16)
  --prompts N        prompts to continue (default 16)
  --new-tokens N     tokens to add to each prompt (default 48)
  --rounds N         rounds in turns, of which the best counts (default 3)`;

/** 16.8 million parameters. */
const config = parseLlamaConfig(
  {
    model_type: 'llama',
    vocab_size: 8000,
    hidden_size: 384,
    intermediate_size: 1024,
    num_hidden_layers: 6,
    num_attention_heads: 6,
    max_position_embeddings: 2048,
    // No end token: every answer has as many tokens as were asked for.
    eos_token_id: null,
  },
  'config.json',
);

const text = (value: string) => ({ type: 'string', default: value }) as const;

function readOptions() {
  try {
    return parseArgs({
      options: {
        device: text('cpu'),
        dtype: text('float32'),
        questions: text('16'),
        prompts: text('16'),
        'new-tokens': text('48'),
        rounds: text('3'),
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(reason: string): never {
  console.error(`bench: ${reason}; see npm run bench:evaluate -- --help`);
  process.exit(2);
}

function wholeNumber(name: 'questions' | 'prompts' | 'new-tokens' | 'rounds'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  return refuse(`--${name} ${values[name]}, expected a whole number of 1 or more`);
}

const random = randomSource(1);
const ids = (least: number, most: number) =>
  Array.from({ length: randomInteger(random, least, most) }, () =>
    randomInteger(random, 3, config.vocabSize - 1),
  );

/** Four examples and a question of 20 to 45 tokens each, then a choice of 1 to 4: examples differ by the question. */
function choiceQuestions(count: number): LogLikelihoodRequest[] {
  return Array.from({ length: count }, () => {
    const context = [1, ...Array.from({ length: 5 }, () => ids(20, 45)).flat()];
    return Array.from({ length: 5 }, () => ({ context, continuation: ids(1, 4) }));
  }).flat();
}

/** An instruction and four examples that are always the same, of some 250 tokens, and a question of 20 to 60. */
function prompts(count: number, maxNewTokens: number): GenerationRequest[] {
  const examples = [1, ...Array.from({ length: 5 }, () => ids(40, 60)).flat()];
  return Array.from({ length: count }, () => ({
    prompt: [...examples, ...ids(20, 60)],
    maxNewTokens,
    stops: [],
  }));
}

interface Contestant {
  readonly name: string;
  run(): Promise<unknown>;
}

/** Runs each in turn, and prints what the best round of each gives. The first is what the others are compared with. */
async function compare(
  title: string,
  { requests, tokens, rounds }: { requests: number; tokens: number; rounds: number },
  contestants: readonly Contestant[],
): Promise<void> {
  const best = contestants.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { run }] of contestants.entries()) {
      const start = performance.now();
      await run();
      best[i] = Math.min(best[i] as number, (performance.now() - start) / 1000);
    }
  }
  console.log(`\n${title}: ${requests} requests, ${tokens} tokens`);
  console.log(`${''.padEnd(34)}${'requests/s'.padStart(12)}${'tokens/s'.padStart(12)}`);
  for (const [i, { name }] of contestants.entries()) {
    const seconds = best[i] as number;
    const numbers = [requests / seconds, tokens / seconds].map((rate) =>
      rate.toFixed(1).padStart(12),
    );
    const ratio = ((best[0] as number) / seconds).toFixed(2);
    console.log(`${name.padEnd(34)}${numbers.join('')}${i > 0 ? `   ${ratio} x` : ''}`);
  }
}

const values = readOptions();
if (values.help) {
  console.log(help);
  process.exit(0);
}
const dtype = (['float32', 'bfloat16'] as const).find((name) => name === values.dtype);
if (dtype === undefined) refuse(`--dtype ${values.dtype}, expected float32 or bfloat16`);
const rounds = wholeNumber('rounds');
const questions = choiceQuestions(wholeNumber('questions'));
const asked = prompts(wholeNumber('prompts'), wholeNumber('new-tokens'));

try {
  using model = LlamaModel.initialize(config, { device: values.device, dtype, seed: 1 });
  const tokenizer = await Tokenizer.load('test/fixtures/tokenizer-tiny');
  const parameters = (countParameters(config) / 1e6).toFixed(1);
  console.log(`${model.device.properties.description}; ${parameters} million parameters, ${dtype}`);
  const scoring = (sharePrefixes: boolean) => () =>
    logLikelihoods(model, questions, { batchTokens: 'auto', sharePrefixes });
  await compare(
    'Log-likelihoods like X-CSQA 4-shot',
    {
      requests: questions.length,
      tokens: questions.reduce(
        (sum, each) => sum + each.context.length + each.continuation.length,
        0,
      ),
      rounds,
    },
    [
      { name: 'batches', run: scoring(false) },
      { name: 'batches, beginnings shared', run: scoring(true) },
    ],
  );
  const generating = (sharePrefixes: boolean) => () =>
    generateBatch(model, tokenizer, asked, { batchTokens: 'auto', sharePrefixes });
  await compare(
    'Answers like NIILC 4-shot',
    {
      requests: asked.length,
      tokens: asked.reduce((sum, each) => sum + each.maxNewTokens, 0),
      rounds,
    },
    [
      {
        name: 'one by one',
        async run() {
          for (const { prompt, maxNewTokens } of asked) {
            for await (const _ of generate(model, prompt, { maxNewTokens }));
          }
        },
      },
      { name: 'batches', run: generating(false) },
      { name: 'batches, beginnings shared', run: generating(true) },
    ],
  );
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}

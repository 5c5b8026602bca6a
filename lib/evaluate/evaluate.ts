// Asks a model the questions of tasks and scores its answers. A task says what is asked, a protocol how it is encoded,
// the engine computes; the results have lm-evaluation-harness's form.

import type { LlamaModel } from '../llama/llama-model.ts';
import { countParameters } from '../llama/parameters.ts';
import { LeiaError } from '../system/error.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { generateBatch } from './engine/generate-batch.ts';
import type { KeptResults } from './engine/kept-results.ts';
import { logLikelihoods } from './engine/log-likelihoods.ts';
import type { EngineOptions } from './engine/requests.ts';
import { hashText, type Results, resultsOf, type Sample, type TaskOutcome } from './results.ts';
import { cutLists } from './tasks/cut-lists.ts';
import { type AskedQuestion, type AskOptions, askedQuestions } from './tasks/few-shots.ts';
import { countExamples, type LoadedTask } from './tasks/load-task.ts';
import { answerIn, type Metric, scoreAnswer, scoreChoices } from './tasks/metrics.ts';
import { continuationsOf, promptParts } from './tasks/prompt.ts';
import {
  type EncodedChoices,
  type EncodedPrompt,
  encodeChoices,
  encodePrompt,
  type Losses,
  type ProtocolName,
  protocols,
} from './tasks/protocol.ts';

/** Who is asked, what, and how. */
export interface EvaluateOptions extends AskOptions {
  readonly model: LlamaModel;
  readonly tokenizer: Tokenizer;
  readonly tasks: readonly LoadedTask[];
  /** `paper` unless given. */
  readonly protocol?: ProtocolName;
  /** Longest input in tokens; the model's `max_position_embeddings` unless given. */
  readonly maxLength?: number;
  readonly batchTokens?: EngineOptions['batchTokens'];
  readonly sharePrefixes?: boolean;
  readonly keep?: KeptResults;
  /** Called with the requests of a task that are done, of how many. */
  onProgress?(task: string, done: number, total: number): void;
  /** Hears, in one line each, of questions that were skipped or cut. */
  onNote?(note: string): void;
}

/** The answers of a model, scored. */
export interface Evaluation {
  readonly results: Results;
  /** By task, in the order of the file. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/** A question as the model gets it. */
export type PreparedQuestion =
  | (AskedQuestion & EncodedChoices & { readonly continuations: readonly string[] })
  | (AskedQuestion & EncodedPrompt & { readonly continuations?: undefined });

/**
 * @throws LeiaError `usage` (too few examples, a limit that means nothing, answers as long as the model, no
 *   question that fits into it);
 *   `mismatch` (a tokenizer of another model); what the engine throws.
 */
export async function evaluateTasks(options: EvaluateOptions): Promise<Evaluation> {
  const { model, tokenizer, tasks, protocol = 'paper' } = options;
  tokenizer.checkVocabulary(model.config.vocabSize, model.folder ?? 'the model');
  const outcomes: TaskOutcome[] = [];
  for (const task of tasks) outcomes.push(await evaluateTask(task, options));
  const samples = outcomes.map((outcome) => [outcome.definition.task, outcome.samples] as const);
  return {
    results: { ...resultsOf(outcomes, protocol), config: configOf(options, protocol) },
    samples: Object.fromEntries(samples),
  };
}

function configOf(options: EvaluateOptions, protocol: ProtocolName): Record<string, unknown> {
  const { model, limit, seed, numFewShot, maxLength } = options;
  return {
    model: 'leia',
    model_args: model.folder === undefined ? {} : { pretrained: model.folder },
    model_num_parameters: countParameters(model.config),
    model_dtype: model.dtype,
    protocol,
    batch_size: String(options.batchTokens ?? 'auto'),
    device: model.device.name,
    use_cache: null,
    limit: limit ?? null,
    bootstrap_iters: 0,
    gen_kwargs: null,
    num_fewshot: numFewShot ?? null,
    fewshot_seed: seed ?? null,
    max_length: maxLength ?? model.config.maxPositionEmbeddings,
  };
}

/**
 * The questions of a task as token ids, in the order in which they are asked, without running a model.
 *
 * @param options.maxLength longest input of the model in tokens.
 * @throws LeiaError `usage` (too few examples, a limit that means nothing, answers as long as the model).
 */
export async function prepareQuestions(
  loaded: LoadedTask,
  tokenizer: Tokenizer,
  options: AskOptions & { readonly protocol?: ProtocolName; readonly maxLength: number },
): Promise<PreparedQuestion[]> {
  const { protocol: name = 'paper', maxLength } = options;
  const protocol = protocols[name];
  const task = await cutLists(loaded, tokenizer);
  const { definition } = task;
  const { generate } = definition;
  if (generate !== undefined && generate.maxTokens >= maxLength) {
    throw new LeiaError(
      'usage',
      `${definition.task}: its answers have up to ${generate.maxTokens} tokens, the model takes ${maxLength} with the question; leave the task out, or lower maxTokens in a task file of your own`,
    );
  }
  const prepared: PreparedQuestion[] = [];
  for (const asked of askedQuestions(task, options)) {
    const parts = promptParts(definition, asked.item, asked.examples);
    if (generate === undefined) {
      const continuations = continuationsOf(definition, asked.item);
      const encoded = await encodeChoices(protocol, tokenizer, parts, continuations, maxLength);
      prepared.push({ ...asked, ...encoded, continuations });
    } else {
      const lengths = { maxNewTokens: generate.maxTokens, maxLength };
      prepared.push({ ...asked, ...(await encodePrompt(protocol, tokenizer, parts, lengths)) });
    }
  }
  return prepared;
}

async function evaluateTask(task: LoadedTask, options: EvaluateOptions): Promise<TaskOutcome> {
  const { model, tokenizer, protocol = 'paper' } = options;
  const { definition } = task;
  const maxLength = Math.min(
    options.maxLength ?? model.config.maxPositionEmbeddings,
    model.config.maxPositionEmbeddings,
  );
  const all = await prepareQuestions(task, tokenizer, { ...options, maxLength });
  const fitting = all.filter((question) => fits(definition.task, question, maxLength, options));
  if (fitting.length === 0) {
    throw new LeiaError(
      'usage',
      `${definition.task}: no question fits into the model's ${maxLength} tokens`,
    );
  }
  noteLosses(definition.task, fitting, maxLength, options);
  const metrics: readonly Metric[] =
    definition.generate === undefined
      ? protocols[protocol].metrics
      : (definition.metrics ?? ['exact_match']);
  const samples =
    definition.generate === undefined
      ? await choose(definition.task, fitting, options)
      : await answer(task, fitting, options);
  const lost = (kind: keyof Losses) => fitting.filter(({ losses }) => losses[kind] > 0).length;
  return {
    definition,
    numFewShot: countExamples(definition, options.numFewShot),
    counts: {
      original: task.items.length,
      effective: fitting.length,
      skipped: all.length - fitting.length,
      cut: lost('tokens'),
      examples_dropped: lost('examples'),
    },
    metrics,
    samples: samples.sort((a, b) => a.doc_id - b.doc_id),
  };
}

/** Whether every choice can be scored; says so where one cannot. */
function fits(
  task: string,
  question: PreparedQuestion,
  maxLength: number,
  { onNote }: EvaluateOptions,
): boolean {
  if (question.continuations === undefined) return true;
  const lengths = question.requests.map(({ continuation }) => continuation.length);
  const wrong = lengths.findIndex((length) => length === 0 || length > maxLength);
  if (wrong < 0) return true;
  onNote?.(
    `${task}: question ${question.item.id} is skipped, as its choice ${wrong + 1} has ${lengths[wrong]} tokens; the model takes 1 to ${maxLength}`,
  );
  return false;
}

function noteLosses(
  task: string,
  questions: readonly PreparedQuestion[],
  maxLength: number,
  { onNote }: EvaluateOptions,
): void {
  const report = (kind: keyof Losses, what: string) => {
    const short = questions.filter(({ losses }) => losses[kind] > 0);
    if (short.length === 0) return;
    onNote?.(
      `${task}: ${short.length} of ${questions.length} prompts do not fit into the model's ${maxLength} tokens and lost ${what}, the first is question ${short[0]!.item.id}`,
    );
  };
  report('examples', 'few-shot examples from the front');
  report('tokens', 'tokens on the left');
}

function engineOptions(task: string, options: EvaluateOptions): EngineOptions {
  const { batchTokens = 'auto', maxLength, sharePrefixes, keep, onProgress } = options;
  return {
    batchTokens,
    ...(maxLength !== undefined && { maxLength }),
    ...(sharePrefixes !== undefined && { sharePrefixes }),
    ...(keep && { keep }),
    onProgress: (done, total) => onProgress?.(task, done, total),
  };
}

/** Scores every choice. */
async function choose(
  task: string,
  questions: readonly PreparedQuestion[],
  options: EvaluateOptions,
): Promise<Sample[]> {
  const { metrics } = protocols[options.protocol ?? 'paper'];
  const choices = questions.filter((question) => question.continuations !== undefined);
  const requests = choices.flatMap((question) => question.requests);
  const scores = await logLikelihoods(options.model, requests, engineOptions(task, options));
  let at = 0;
  return choices.map(({ item, context, continuations, requests: own }) => {
    const mine = scores.slice(at, at + own.length);
    at += own.length;
    const { prediction, values } = scoreChoices(metrics, mine, continuations, item.answer);
    const responses = mine.map(({ logLikelihood, isGreedy }) => {
      return [String(logLikelihood), isGreedy ? 'True' : 'False'] as const;
    });
    return {
      doc_id: item.index,
      doc: item.doc,
      target: String(item.answer),
      arguments: argumentsOf(continuations.map((continuation) => [context, continuation])),
      resps: responses.map((response) => [response]),
      filtered_resps: responses,
      ...commonKeys(item.doc, context, String(item.answer), metrics),
      prediction: String(prediction),
      ...values,
    };
  });
}

/** Generates an answer to every question. */
async function answer(
  { definition }: LoadedTask,
  questions: readonly PreparedQuestion[],
  options: EvaluateOptions,
): Promise<Sample[]> {
  const { generate, metrics = ['exact_match'] } = definition;
  const { maxTokens = 1, stops = [] } = generate ?? {};
  const prompts = questions.filter((question) => question.continuations === undefined);
  const generated = await generateBatch(
    options.model,
    options.tokenizer,
    prompts.map(({ prompt }) => ({ prompt, maxNewTokens: maxTokens, stops })),
    engineOptions(definition.task, options),
  );
  return prompts.map(({ item, text }, i) => {
    const response = generated[i]!.text;
    const given = answerIn(response);
    const settings = { max_gen_toks: maxTokens, until: stops, do_sample: false };
    return {
      doc_id: item.index,
      doc: item.doc,
      target: item.target,
      arguments: argumentsOf([[text, settings]]),
      resps: [[response]],
      filtered_resps: [given],
      ...commonKeys(item.doc, text, item.target, metrics),
      prediction: given,
      ...scoreAnswer(metrics, given, item.target),
    };
  });
}

function argumentsOf(requests: readonly (readonly [string, unknown])[]): Sample['arguments'] {
  return Object.fromEntries(
    requests.map(([first, second], i) => [`gen_args_${i}`, { arg_0: first, arg_1: second }]),
  );
}

function commonKeys(
  doc: Sample['doc'],
  prompt: string,
  target: string,
  metrics: readonly Metric[],
) {
  return {
    filter: 'none',
    metrics,
    doc_hash: hashText(JSON.stringify(doc, undefined, 2)),
    prompt_hash: hashText(prompt),
    target_hash: hashText(target),
  } as const;
}

// `leia eval`: asks models the questions of tasks and writes what they score, in lm-evaluation-harness's form.
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { KeptResults } from '../evaluate/engine/kept-results.ts';
import {
  type Evaluation,
  evaluateTasks,
  type PreparedQuestion,
  prepareQuestions,
} from '../evaluate/evaluate.ts';
import { checkPresentResults, evaluationGrid, writeEvaluation } from '../evaluate/result-files.ts';
import { renderText } from '../evaluate/tables/render.ts';
import { builtinTasks, findTasks } from '../evaluate/tasks/definition.ts';
import { type LoadedTask, loadTask } from '../evaluate/tasks/load-task.ts';
import { type ProtocolName, protocolNames } from '../evaluate/tasks/protocol.ts';
import { Checkpoint, readConfig } from '../llama/checkpoint.ts';
import { LeiaError } from '../system/error.ts';
import { lockFolder } from '../system/lock.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { folderNames } from './folder-names.ts';
import { interruptible } from './interrupt.ts';
import { modelOptions, openModel } from './model-options.ts';
import { addSettings, readSettings } from './options.ts';
import { formatDuration, Progress, warn } from './progress.ts';

/** Questions of each task that a dry run shows unless `--limit` says otherwise. */
const shownQuestions = 2;

const schema = z.object({
  model: z
    .array(z.string())
    .min(1)
    .describe('Hugging Face folders of LLaMAs; each is asked the same questions'),
  tasks: z
    .array(z.string())
    .min(1)
    .describe('tasks by name or pattern (xcsqa_*), or files of your own that end in .yaml'),
  data: z
    .string()
    .optional()
    .describe(
      "folder with the sets' files as published, or a dataset on the Hugging Face Hub (each task's own unless given)",
    ),
  examples: z
    .string()
    .optional()
    .describe("file of few-shot examples instead of the task's own, for one task"),
  output: z
    .string()
    .optional()
    .describe('folder for results.json; the same command continues there after a kill'),
  samples: z
    .boolean()
    .default(false)
    .describe('write prompt, target, outputs and scores of every question to samples_TASK.jsonl'),
  protocol: z
    .enum(protocolNames)
    .default('paper')
    .describe('how prompts are encoded and cut: as the paper or as lm-evaluation-harness did it'),
  faithful: z
    .boolean()
    .default(false)
    .describe("repeat the faults of the harness that the paper used, for jaqket's numbers"),
  limit: z
    .number()
    .positive()
    .optional()
    .describe('at most so many questions of each task, or a share of them below 1'),
  numFewshot: z
    .int()
    .nonnegative()
    .optional()
    .describe('examples before each question (as the task says unless given)'),
  seed: z
    .int()
    .nonnegative()
    .optional()
    .describe('decides the order of questions and the examples (the tasks say 42)'),
  batchTokens: z
    .union([z.literal('auto'), z.coerce.number().int().positive()], {
      error: 'expected auto or a whole number of at least 1',
    })
    .default('auto')
    .describe('tokens computed at once'),
  dryRun: z
    .boolean()
    .default(false)
    .describe('print the first prompts exactly as the model gets them, with token ids, and stop'),
  device: modelOptions.device,
  dtype: modelOptions.dtype,
});

type Settings = z.output<typeof schema>;

const example = `
Examples:
  leia eval --model checkpoints/llama runs/ja --tasks xcodah_ja xcsqa_ja --data data/X-CSR --output results
  leia eval --model checkpoints/llama --tasks niilc --data data/niilc --limit 20 --samples --output results
  leia eval --model checkpoints/llama --tasks ./my-task.yaml --dry-run`;

export function registerEval(program: Command): void {
  const command = program
    .command('eval')
    .summary('ask models the questions of tasks, and score their answers')
    .description('Ask models the questions of tasks, and score their answers.');
  addSettings(command, schema)
    .addHelpText('after', () => `\nTasks: ${taskList()}`)
    .addHelpText('after', example);
  command.action(async () => {
    await run(readSettings(command, schema));
  });
}

/** `xcodah_{ar,de,…}, jaqket`: tasks of several languages once. */
function taskList(): string {
  const languages = new Map<string, string[]>();
  for (const name of builtinTasks()) {
    const [, stem = name, language] = /^(\w+)_([a-z]{2})$/.exec(name) ?? [];
    languages.set(stem, [...(languages.get(stem) ?? []), ...(language ? [language] : [])]);
  }
  return [...languages]
    .map(([stem, list]) => (list.length === 0 ? stem : `${stem}_{${list.join(',')}}`))
    .join(', ');
}

async function run(settings: Settings): Promise<void> {
  const names = settings.tasks.flatMap((names) => names.split(',')).filter(Boolean);
  const definitions = findTasks(names, { faithful: settings.faithful });
  if (settings.faithful && definitions.every(({ faithful }) => faithful === undefined)) {
    warn('--faithful changes nothing: none of the tasks has faults to repeat');
  }
  if (settings.examples !== undefined && definitions.length > 1) {
    throw new LeiaError('usage', '--examples is for one task, several are asked');
  }
  if (settings.samples && settings.output === undefined) {
    throw new LeiaError('usage', '--samples needs --output, the folder that they are written to');
  }
  const { data, examples, numFewshot: numFewShot } = settings;
  const tasks: LoadedTask[] = [];
  for (const definition of definitions) {
    tasks.push(await loadTask(definition, { data, examples, numFewShot }));
  }
  if (settings.dryRun) return await showPrompts(tasks, settings);
  await interruptible(async (signal) => {
    const names = folderNames(settings.model);
    const isOne = names.length === 1;
    const evaluations: [name: string, Evaluation][] = [];
    for (const [i, model] of settings.model.entries()) {
      const name = isOne ? '' : names[i]!;
      const output = settings.output && join(settings.output, name);
      evaluations.push([name, await evaluateModel(model, output, tasks, settings, signal)]);
    }
    process.stdout.write(renderText(evaluationGrid(evaluations)));
  });
}

async function evaluateModel(
  folder: string,
  output: string | undefined,
  tasks: readonly LoadedTask[],
  settings: Settings,
  signal: AbortSignal,
): Promise<Evaluation> {
  const { protocol, limit, numFewshot: numFewShot, seed, batchTokens } = settings;
  const began = Date.now();
  await using lock =
    output === undefined ? undefined : await lockFolder(output, { onWarning: warn });
  void lock;
  const target = output === undefined ? undefined : { output, weights: await weightsHash(folder) };
  if (target !== undefined) {
    const asked = { weights: target.weights, protocol, tasks: tasks.map(nameOf) };
    const replaced = await checkPresentResults(target.output, asked);
    if (replaced !== undefined) warn(replaced);
  }
  const tokenizer = await Tokenizer.load(folder);
  using model = await openModel({ ...settings, model: folder });
  await using keep =
    target &&
    (await KeptResults.open(join(target.output, 'requests.jsonl'), {
      weights: target.weights,
      dtype: model.dtype,
      protocol,
    }));
  if (keep && keep.damagedLines > 0) {
    warn(`${keep.path}: left out ${keep.damagedLines} torn or damaged results`);
  }
  const progress = new RequestProgress(signal, keep !== undefined);
  const evaluation = await evaluateTasks({
    model,
    tokenizer,
    tasks,
    protocol,
    limit,
    numFewShot,
    seed,
    batchTokens,
    ...(keep && { keep }),
    onProgress: progress.update,
    onNote: (note) => {
      progress.clear();
      warn(note);
    },
  });
  progress.done();
  if (target !== undefined) {
    const run = { folder, weights: target.weights, began, tokenizer };
    await writeEvaluation(target.output, evaluation, run, { samples: settings.samples });
  }
  return evaluation;
}

function nameOf({ definition }: LoadedTask): string {
  return definition.task;
}

/** Tells apart what results may be kept for: the weights and the config, which decides how they are used. */
async function weightsHash(folder: string): Promise<string> {
  await using checkpoint = await Checkpoint.open(folder);
  const { source } = checkpoint.config;
  const hash = createHash('sha256').update(await checkpoint.hashWeights());
  return hash.update(JSON.stringify(source)).digest('hex');
}

/** Requests done, their rate and the time left; where an interruption ends the work. */
class RequestProgress {
  readonly #line = new Progress();
  readonly #signal: AbortSignal;
  readonly #isKept: boolean;
  #task = '';
  #began = 0;
  #first = 0;

  constructor(signal: AbortSignal, isKept: boolean) {
    this.#signal = signal;
    this.#isKept = isKept;
  }

  readonly update = (task: string, done: number, total: number): void => {
    if (this.#signal.aborted) {
      this.#line.done();
      const next = this.#isKept
        ? 'the same command continues where it was'
        : 'nothing was kept, as there was no --output';
      throw new LeiaError('interrupted', `interrupted; ${next}`);
    }
    if (task !== this.#task) {
      this.#line.done();
      this.#task = task;
      this.#began = performance.now();
      this.#first = done;
    }
    const rate = (done - this.#first) / ((performance.now() - this.#began) / 1000);
    const known = rate > 0 && Number.isFinite(rate);
    const speed = known
      ? `, ${rate.toPrecision(3)}/s, ${formatDuration((total - done) / rate)} left`
      : '';
    this.#line.update(`${task}: ${done} of ${total} requests${speed}`);
  };

  clear(): void {
    this.#line.clear();
  }

  done(): void {
    this.#line.done();
  }
}

/** Prints the first prompts of every task for every model: texts between ⟦ and ⟧, with the ids they became. */
async function showPrompts(tasks: readonly LoadedTask[], settings: Settings): Promise<void> {
  const { protocol, numFewshot: numFewShot, seed, limit = shownQuestions } = settings;
  for (const folder of settings.model) {
    const tokenizer = await Tokenizer.load(folder);
    const { maxPositionEmbeddings: maxLength } = await readConfig(folder);
    for (const task of tasks) {
      const options = { protocol, numFewShot, seed, limit, maxLength };
      const questions = await prepareQuestions(task, tokenizer, options);
      for (const question of questions) {
        process.stdout.write(`${describe(folder, task, protocol, question)}\n`);
      }
    }
  }
}

function describe(
  folder: string,
  { definition }: LoadedTask,
  protocol: ProtocolName,
  question: PreparedQuestion,
): string {
  const { item, examples, losses } = question;
  const lines = [
    `${definition.task}, question ${item.id}, ${examples.length - losses.examples} examples, protocol ${protocol}, model ${basename(resolve(folder))}`,
  ];
  if (losses.examples > 0) lines.push(`too long: ${losses.examples} examples left out`);
  if (losses.tokens > 0) lines.push(`too long: ${losses.tokens} tokens cut on the left`);
  const show = (what: string, text: string, ids: readonly number[]) =>
    lines.push(`${what}, ${ids.length} tokens`, `⟦${text}⟧`, `[${ids.join(', ')}]`);
  if (question.continuations === undefined) {
    show('prompt', question.text, question.prompt);
    lines.push('right answer', `⟦${item.target}⟧`);
  } else {
    const { context, continuations, requests } = question;
    show('context', context, requests[0]?.context ?? []);
    for (const [i, text] of continuations.entries()) {
      const right = i === item.answer ? ', the right one' : '';
      show(`choice ${i + 1} of ${continuations.length}${right}`, text, requests[i]!.continuation);
    }
  }
  return `${lines.join('\n')}\n`;
}

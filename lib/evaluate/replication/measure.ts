// What is measured of a trained model: the tasks, by the same evaluation as any other task, and two diagnostics that
// need the tokens around an inserted name, which no text can spell.
import { join } from 'node:path';
import { z } from 'zod';
import { translateTokens } from '../../leia/adapt.ts';
import { RandomStream } from '../../leia/random.ts';
import { Checkpoint } from '../../llama/checkpoint.ts';
import { LlamaModel } from '../../llama/llama-model.ts';
import { readIfPresent, writeFileAtomically } from '../../system/files.ts';
import { parseChecked } from '../../system/json.ts';
import { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { logLikelihoods } from '../engine/log-likelihoods.ts';
import type { LogLikelihoodRequest } from '../engine/requests.ts';
import { evaluateTasks } from '../evaluate.ts';
import { writeEvaluation } from '../result-files.ts';
import { findTasks } from '../tasks/definition.ts';
import { loadTask } from '../tasks/load-task.ts';
import { type Experiment, inside } from './experiment.ts';
import { askAbout, setNames, taskFile } from './questions.ts';
import { shuffled } from './words.ts';

/** Names among which the right one is looked for. */
export const candidates = 20;

const share = z.number().min(0).max(1);
const diagnosticsSchema = z.strictObject({
  /** Right answers to the held questions with the English name inserted after the name; null without the tokens. */
  heldWithName: share.nullable(),
  /** How often the right English name is the likeliest of {@link candidates} after a name and <translate>. */
  retrieval: share.nullable(),
});
export type Diagnostics = z.infer<typeof diagnosticsSchema>;

/** In the folder of the model; the last of its files, so that what is there is whole. */
const diagnosticsFile = 'diagnostics.json';

/** What {@link measure} has written, if it has finished. Throws LeiaError `format` for a damaged file, `io`. */
export async function readDiagnostics(folder: string): Promise<Diagnostics | undefined> {
  const path = join(folder, diagnosticsFile);
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  return parseChecked(diagnosticsSchema, text, path);
}

/** Measures the model in a folder, and writes results, samples and diagnostics there, unless that is done. */
export async function measure(experiment: Experiment, folder: string): Promise<void> {
  if ((await readDiagnostics(folder)) !== undefined) return;
  const began = Date.now();
  const questions = inside.questions(experiment.folder);
  const { device, size } = experiment;
  await using checkpoint = await Checkpoint.open(folder);
  using model = await LlamaModel.load(checkpoint, { device, dtype: size.dtype });
  const tokenizer = await Tokenizer.load(folder);
  const tasks = [];
  for (const definition of findTasks(setNames.map((set) => taskFile(questions, set)))) {
    tasks.push(await loadTask(definition));
  }
  const evaluation = await evaluateTasks({ model, tokenizer, tasks });
  const weights = await checkpoint.hashWeights();
  await writeEvaluation(
    folder,
    evaluation,
    { folder, weights, began, tokenizer },
    { samples: true },
  );
  const diagnostics = await diagnose(experiment, model, tokenizer);
  await writeFileAtomically(join(folder, diagnosticsFile), `${JSON.stringify(diagnostics)}\n`);
}

async function diagnose(
  experiment: Experiment,
  model: LlamaModel,
  tokenizer: Tokenizer,
): Promise<Diagnostics> {
  if (tokenizer.tokenId(translateTokens[0]) === undefined) {
    return { heldWithName: null, retrieval: null };
  }
  return {
    heldWithName: await heldWithName(experiment, model, tokenizer),
    retrieval: await retrieval(experiment, model, tokenizer),
  };
}

async function heldWithName(
  { world }: Experiment,
  model: LlamaModel,
  tokenizer: Tokenizer,
): Promise<number> {
  const questions = askAbout(world, { group: 'held', language: 'target', naming: 'inserted' });
  const groups = [];
  for (const { choices, answer } of questions) {
    const requests = [];
    for (const choice of choices) {
      requests.push({
        context: [tokenizer.bosId],
        continuation: await withMarks(tokenizer, choice),
      });
    }
    groups.push({ requests, answer });
  }
  return await accuracy(model, groups);
}

async function retrieval(
  { world }: Experiment,
  model: LlamaModel,
  tokenizer: Tokenizer,
): Promise<number> {
  const held = world.entities.filter(({ group }) => group === 'held');
  const groups = [];
  for (const [index, entity] of held.entries()) {
    const random = RandomStream.of(world.seed, 3, index);
    const others = held.filter((other) => other !== entity);
    const some = shuffled(random, others).slice(0, candidates - 1);
    const context = [
      tokenizer.bosId,
      ...(await withMarks(tokenizer, `${entity.name.target} ${translateTokens[0]}`)),
    ];
    const requests = [];
    for (const { name } of [entity, ...some]) {
      const continuation = await withMarks(tokenizer, name.english);
      requests.push({ context, continuation });
    }
    groups.push({ requests, answer: 0 });
  }
  return await accuracy(model, groups);
}

/** The ids of a text in which the two marks are tokens. */
async function withMarks(tokenizer: Tokenizer, text: string): Promise<number[]> {
  const ids: number[] = [];
  for (const part of text.split(/ ?(<\/?translate>) ?/)) {
    const mark = (translateTokens as readonly string[]).includes(part);
    if (mark) ids.push(tokenizer.tokenId(part)!);
    else if (part !== '') ids.push(...(await tokenizer.encode(part)).ids);
  }
  return ids;
}

/** The share of groups whose right request has the highest log-likelihood. */
async function accuracy(
  model: LlamaModel,
  groups: readonly { requests: readonly LogLikelihoodRequest[]; answer: number }[],
): Promise<number> {
  const all = groups.flatMap(({ requests }) => requests);
  const scores = await logLikelihoods(model, all, { batchTokens: 'auto' });
  let [at, right] = [0, 0];
  for (const { requests, answer } of groups) {
    const own = scores.slice(at, at + requests.length).map(({ logLikelihood }) => logLikelihood);
    at += requests.length;
    if (own.indexOf(Math.max(...own)) === answer) right++;
  }
  return right / groups.length;
}

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KeptResults } from '../../lib/evaluate/engine/kept-results.ts';
import { evaluateTasks, prepareQuestions } from '../../lib/evaluate/evaluate.ts';
import { characterF } from '../../lib/evaluate/tasks/character-f.ts';
import { expand, findTasks, parseTask } from '../../lib/evaluate/tasks/definition.ts';
import { makeTask } from '../../lib/evaluate/tasks/load-task.ts';
import { answerIn } from '../../lib/evaluate/tasks/metrics.ts';
import { type ProtocolName, protocolNames } from '../../lib/evaluate/tasks/protocol.ts';
import { generate } from '../../lib/llama/generate.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { LeiaError } from '../../lib/system/error.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { plainLogLikelihood } from './engine/plain.ts';
import { builtin, modelFolder } from './tasks/support.ts';

const choiceTasks = ['xcodah_ja', 'xcsqa_en', 'jcommonsenseqa', 'jaqket'];

async function open(maxLength?: number) {
  const folder = await modelFolder(maxLength);
  return { model: await LlamaModel.load(folder), tokenizer: await Tokenizer.load(folder) };
}

test.each(
  choiceTasks.flatMap((name) =>
    protocolNames.map((protocol): [string, ProtocolName] => [name, protocol]),
  ),
)('%s with protocol %s: predictions are those of one request at a time', async (name, protocol) => {
  const { model, tokenizer } = await open();
  const task = await builtin(name);
  const { results, samples } = await evaluateTasks({ model, tokenizer, tasks: [task], protocol });
  const maxLength = model.config.maxPositionEmbeddings;
  const asked = await prepareQuestions(task, tokenizer, { protocol, maxLength });
  let right = 0;
  for (const { item, ...question } of asked) {
    if (question.continuations === undefined) throw new Error('expected choices');
    const scores = [];
    for (const request of question.requests) scores.push(await plainLogLikelihood(model, request));
    const sums = scores.map(({ logLikelihood }) => logLikelihood);
    const prediction = sums.indexOf(Math.max(...sums));
    const sample = samples[name]!.find(({ doc_id }) => doc_id === item.index)!;
    expect(sample.prediction).toBe(String(prediction));
    expect(sample.acc).toBe(prediction === item.answer ? 1 : 0);
    for (const [i, response] of sample.filtered_resps.entries()) {
      expect(Math.abs(Number(response[0]) - sums[i]!)).toBeLessThan(1e-3);
    }
    right += prediction === item.answer ? 1 : 0;
  }
  expect(results.results[name]!['acc,none']).toBeCloseTo(right / asked.length, 12);
  expect(results['n-samples'][name]).toEqual({
    original: task.items.length,
    effective: task.items.length,
    skipped: 0,
    cut: 0,
    examples_dropped: 0,
  });
  model.dispose();
});

test.each(['jemhopqa', 'niilc'])('%s: answers are those of one prompt at a time', async (name) => {
  const { model, tokenizer } = await open();
  const task = await builtin(name);
  const { results, samples } = await evaluateTasks({ model, tokenizer, tasks: [task] });
  const maxLength = model.config.maxPositionEmbeddings;
  const maxNewTokens = task.definition.generate!.maxTokens;
  const values: number[] = [];
  for (const question of await prepareQuestions(task, tokenizer, { maxLength })) {
    if (question.continuations !== undefined) throw new Error('expected a prompt');
    const ids: number[] = [];
    const stopIds = [tokenizer.eosId];
    for await (const id of generate(model, question.prompt, { maxNewTokens, stopIds }))
      ids.push(id);
    const text = await tokenizer.decode(ids, { skipSpecialTokens: true });
    const sample = samples[name]![question.item.index]!;
    expect(sample.resps).toEqual([[text]]);
    expect(sample.prediction).toBe(answerIn(text));
    values.push(characterF(answerIn(text), question.item.target));
    expect(sample.char_f).toBe(values.at(-1));
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(results.results[name]!['char_f,none']).toBeCloseTo(mean, 12);
  model.dispose();
});

const ownTask = {
  task: 'capitals',
  data: { files: 'capitals.jsonl' },
  fields: { question: 'q', choices: 'c.*' },
  answer: { text: 'a' },
  prompt: 'Q: {question}\nA:',
  choice: ' {choice}',
  fewShot: { count: 1, from: 'questions' },
};
const ownQuestions = [
  { q: 'Japan', c: ['Tokyo', 'Rome'], a: 'Tokyo' },
  { q: 'Italy', c: ['Oslo', 'Rome', 'Bern'], a: 'Rome' },
  { q: 'Norway', c: ['Oslo', 'Bern'], a: 'Oslo' },
];

test('a task of one’s own can be given as objects', async () => {
  const { model, tokenizer } = await open();
  const [definition] = expand(parseTask(ownTask), false);
  const task = makeTask(definition!, ownQuestions);
  const { results, samples } = await evaluateTasks({ model, tokenizer, tasks: [task], limit: 0.5 });
  expect(results['n-samples'].capitals).toMatchObject({ original: 3, effective: 2 });
  const [first] = samples.capitals!;
  expect(Object.values(first!.arguments).map(({ arg_1 }) => arg_1)).toEqual([' Tokyo', ' Rome']);
  expect(first!.arguments.gen_args_0!.arg_0).toMatch(
    /^Q: (Italy|Norway)\nA: (Rome|Oslo)\n\nQ: Japan\nA:$/,
  );
  model.dispose();
});

test('what was computed before an interruption is kept, and the results are the same', async () => {
  const { model, tokenizer } = await open();
  const tasks = [await builtin('xcsqa_en')];
  const path = join(await temporaryFolder(), 'requests.jsonl');
  const origin = { weights: 'w', dtype: model.dtype, protocol: 'paper' };
  const whole = await evaluateTasks({ model, tokenizer, tasks });
  const options = { model, tokenizer, tasks, batchTokens: 1 };
  {
    await using keep = await KeptResults.open(path, origin);
    const onProgress = (_: string, done: number) => {
      if (done >= 20) throw new LeiaError('interrupted', 'enough');
    };
    await expectError(() => evaluateTasks({ ...options, keep, onProgress }), 'interrupted', '');
  }
  await using keep = await KeptResults.open(path, origin);
  const seen: number[] = [];
  const onProgress = (_: string, done: number) => seen.push(done);
  const { results, samples } = await evaluateTasks({ ...options, keep, onProgress });
  expect(seen[0]).toBeGreaterThanOrEqual(20);
  expect(seen.at(-1)).toBe(60);
  expect(results.results).toEqual(whole.results.results);
  expect(samples.xcsqa_en!.map(({ prediction }) => prediction)).toEqual(
    whole.samples.xcsqa_en!.map(({ prediction }) => prediction),
  );
  model.dispose();
});

test('a question is no example of its own, though examples are cut to other lengths', async () => {
  const { model, tokenizer } = await open();
  const lists = { passages: { join: ' ', tokens: 4, exampleTokens: 2 } };
  const fields = { ...ownTask.fields, passages: 'p.*' };
  const prompt = '{passages} {question}';
  const fewShot = { count: 2, from: 'questions' };
  const [definition] = expand(parseTask({ ...ownTask, fields, lists, prompt, fewShot }), false);
  const questions = ownQuestions.map((question) => ({ ...question, p: [`about ${question.q}`] }));
  const task = makeTask(definition!, questions);
  for (const question of await prepareQuestions(task, tokenizer, { maxLength: 1000 })) {
    const indices = question.examples.map(({ index }) => index);
    expect([...indices, question.item.index].sort()).toEqual([0, 1, 2]);
  }
  model.dispose();
});

test('a choice that is longer than the model is skipped, counted and named', async () => {
  const { model, tokenizer } = await open(24);
  const [definition] = expand(parseTask({ ...ownTask, fewShot: undefined }), false);
  const long = { q: 'x', c: ['a', 'many words that no model of twenty-four tokens takes'], a: 'a' };
  const task = makeTask(definition!, [...ownQuestions, long]);
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  const { results } = await evaluateTasks({ model, tokenizer, tasks: [task], onNote });
  expect(results['n-samples'].capitals).toMatchObject({ original: 4, effective: 3, skipped: 1 });
  expect(notes.filter((note) => note.includes('question 3 is skipped'))).toHaveLength(1);
  const alone = makeTask(definition!, [long]);
  await expectError(
    () => evaluateTasks({ model, tokenizer, tasks: [alone] }),
    'usage',
    'no question fits into the model',
  );
  model.dispose();
});

test('answers as long as the model are refused, as no question would be left', async () => {
  const { model, tokenizer } = await open(180);
  const tasks = [await builtin('niilc')];
  const wanted = 'niilc: its answers have up to 180 tokens, the model takes 180 with the question';
  await expectError(() => evaluateTasks({ model, tokenizer, tasks }), 'usage', wanted);
  model.dispose();
});

test('a prompt that is longer than the model loses examples, then its beginning, and is counted', async () => {
  const { model, tokenizer } = await open(160);
  const tasks = [await builtin('xcsqa_en')];
  const notes: string[] = [];
  const options = { model, tokenizer, tasks, onNote: (note: string) => notes.push(note) };
  const paper = await evaluateTasks(options);
  expect(paper.results['n-samples'].xcsqa_en).toMatchObject({
    effective: 12,
    examples_dropped: 12,
  });
  expect(
    notes.some(
      (note) => note.includes('12 of 12 prompts') && note.includes('lost few-shot examples'),
    ),
  ).toBe(true);
  const harness = await evaluateTasks({ ...options, protocol: 'lm-eval' });
  expect(harness.results['n-samples'].xcsqa_en).toMatchObject({ cut: 12, examples_dropped: 0 });
  model.dispose();
});

test('the results have the keys of lm-evaluation-harness', async () => {
  const { model, tokenizer } = await open();
  const tasks = [await builtin('xcodah_ja')];
  const { results, samples } = await evaluateTasks({
    model,
    tokenizer,
    tasks,
    protocol: 'lm-eval',
  });
  expect(Object.keys(results.results.xcodah_ja!)).toEqual([
    ...['name', 'alias', 'sample_len'],
    ...['acc,none', 'acc_stderr,none', 'acc_norm,none', 'acc_norm_stderr,none'],
    ...['acc_bytes,none', 'acc_bytes_stderr,none'],
  ]);
  expect(results.configs.xcodah_ja).toMatchObject({
    ...{ task: 'xcodah_ja', protocol: 'lm-eval', num_fewshot: 0, output_type: 'multiple_choice' },
  });
  expect(samples.xcodah_ja!.map(({ doc_id }) => doc_id)).toEqual([0, 1, 2]);
  expect(Object.keys(samples.xcodah_ja![0]!)).toEqual(
    expect.arrayContaining([
      'doc',
      'target',
      'arguments',
      'resps',
      'filtered_resps',
      'filter',
      'metrics',
      'doc_hash',
      'prompt_hash',
      'target_hash',
      'acc',
      'acc_norm',
      'acc_bytes',
    ]),
  );
  model.dispose();
});

test('an unknown task is named with the nearest', async () => {
  await expectError(() => findTasks(['xcodha_ja']), 'usage', "did you mean 'xcodah_ja'");
  await expectError(() => findTasks(['xcsqa_q*']), 'usage', 'there is no task');
  expect(findTasks(['xcsqa_*', 'xcsqa_ja'])).toHaveLength(16);
});

// Larger parts of the question sets than the fixtures have, from the folder in `LEIA_QUESTION_SETS`: predictions are
// those of a scorer that runs one request at a time without a cache.
import { describe, expect, test } from 'vitest';
import {
  evaluateTasks,
  type PreparedQuestion,
  prepareQuestions,
} from '../../lib/evaluate/evaluate.ts';
import { expand, findTasks, parseTask } from '../../lib/evaluate/tasks/definition.ts';
import { type LoadedTask, loadTask } from '../../lib/evaluate/tasks/load-task.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { plainGeneration, plainLogLikelihood } from './engine/plain.ts';
import { modelFolder } from './tasks/support.ts';

const sets = process.env.LEIA_QUESTION_SETS;
const full = process.env.LEIA_TEST_FULL === '1';
/** Every question of the sets with choices, and 40 that ask for text: an hour. */
const whole = process.env.LEIA_WHOLE_SETS === '1';

/** English CODAH: a prompt and four endings, which X-CODAH joins. */
const codah = {
  task: 'codah_en',
  data: { files: 'full_data*.tsv', columns: ['category', 'start', 'a', 'b', 'c', 'd', 'right'] },
  fields: { start: 'start', choices: ['a', 'b', 'c', 'd'] },
  answer: { index: 'right' },
  prompt: '{start}',
  choice: ' {choice}',
};

/** English CommonsenseQA, the source of X-CSQA. */
const csqa = {
  task: 'csqa_en',
  data: { files: 'dev_rand_split*.jsonl' },
  fields: {
    question: 'question.stem',
    choices: 'question.choices.*.text',
    labels: 'question.choices.*.label',
  },
  answer: { label: 'answerKey' },
  prompt: 'Question: {question}\nAnswer:',
  choice: ' {choice}',
  fewShot: { count: 4, from: 'questions' },
  order: 'shuffled',
};

const languages = ['ar', 'en', 'es', 'hi', 'ja', 'ru', 'sw', 'zh'];
const names = [
  ...languages.flatMap((language) => [`xcodah_${language}`, `xcsqa_${language}`]),
  ...['jcommonsenseqa', 'jemhopqa', 'codah_en', 'csqa_en'],
  // 180 passes over a long prompt for each question take too long for every run of the tests.
  ...(full ? ['niilc'] : []),
];

async function load(name: string): Promise<LoadedTask> {
  const own = [codah, csqa].find(({ task }) => task === name);
  const [definition] = own === undefined ? findTasks([name]) : expand(parseTask(own), false);
  // The samples of X-CSQA have three questions.
  const numFewShot = name.startsWith('xcsqa') ? 2 : undefined;
  return await loadTask(definition!, { data: sets!, numFewShot });
}

/** How many questions of a set are asked. Without a cache, each generated token costs a pass over all before it. */
function limitOf({ definition }: LoadedTask): number {
  if (definition.generate !== undefined) return whole ? 40 : full ? 2 : 1;
  if (whole) return Number.MAX_SAFE_INTEGER;
  return full ? 40 : 2;
}

describe.skipIf(sets === undefined)('predictions are those of one request at a time', () => {
  // The other fixtures' vocabularies are smaller than the tokenizer's.
  test.each(full ? ['tiny-llama', 'tiny-llama-tied'] : ['tiny-llama'])('%s', async (fixture) => {
    const folder = await modelFolder(4096, fixture);
    using model = await LlamaModel.load(folder);
    const tokenizer = await Tokenizer.load(folder);
    for (const name of names) {
      const task = await load(name);
      const numFewShot = name.startsWith('xcsqa') ? 2 : undefined;
      const options = { limit: limitOf(task), numFewShot, maxLength: 4096 };
      const { samples } = await evaluateTasks({ ...options, model, tokenizer, tasks: [task] });
      const found = new Map(samples[name]!.map((sample) => [sample.doc_id, sample.prediction]));
      for (const question of await prepareQuestions(task, tokenizer, options)) {
        const expected = await plainPrediction(task, model, tokenizer, question);
        expect(found.get(question.item.index), `${name}: ${question.item.id}`).toBe(expected);
      }
    }
  });
});

async function plainPrediction(
  { definition }: LoadedTask,
  model: LlamaModel,
  tokenizer: Tokenizer,
  question: PreparedQuestion,
): Promise<string> {
  if (question.continuations === undefined) {
    const { prompt } = question;
    const maxNewTokens = definition.generate!.maxTokens;
    const { text } = await plainGeneration(model, tokenizer, { prompt, maxNewTokens, stops: [] });
    return text.normalize('NFKC').split('\n')[0]!.trim();
  }
  const sums: number[] = [];
  for (const request of question.requests) {
    sums.push((await plainLogLikelihood(model, request)).logLikelihood);
  }
  return String(sums.indexOf(Math.max(...sums)));
}

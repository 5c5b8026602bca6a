// What `leia eval` writes is what `leia compare` reads.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { evaluateTasks } from '../../../lib/evaluate/evaluate.ts';
import { writeEvaluation } from '../../../lib/evaluate/result-files.ts';
import { drawExamples } from '../../../lib/evaluate/tables/examples.ts';
import { MethodReader, readLines } from '../../../lib/evaluate/tables/read-methods.ts';
import { runOfResults } from '../../../lib/evaluate/tables/results.ts';
import { LlamaModel } from '../../../lib/llama/llama-model.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { builtin, modelFolder } from '../tasks/support.ts';

test('reads the results and samples of an evaluation, from its files and in memory', async () => {
  const model = await LlamaModel.load(await modelFolder());
  const tokenizer = await Tokenizer.load(await modelFolder());
  const tasks = [await builtin('jcommonsenseqa'), await builtin('jemhopqa')];
  const evaluation = await evaluateTasks({ model, tokenizer, tasks });
  model.dispose();
  const folder = await mkdtemp(join(tmpdir(), 'leia-compare-'));
  const about = { folder: 'model', weights: 'hash', began: 0, tokenizer };
  await writeEvaluation(folder, evaluation, about, { samples: true });

  const { runs } = await new MethodReader().read('LEIA', 'candidate', [folder]);
  const [run] = runs;
  expect([...run!.scores.keys()]).toEqual(['jcommonsenseqa', 'jemhopqa']);
  expect(run!.conditions!.get('jcommonsenseqa')).toMatchObject({
    metric: 'acc,none',
    protocol: 'paper',
    version: expect.stringMatching(/^\d/),
    'number of few-shot examples': '4',
    'hash of items and prompts': evaluation.results.task_hashes.jcommonsenseqa,
  });
  expect(run!.conditions!.get('jemhopqa')!.metric).toBe('char_f,none');
  for (const [task, score] of run!.scores) {
    const items = [...run!.items!.get(task)!.values()];
    expect(items).toHaveLength(evaluation.samples[task]!.length);
    expect(items.reduce((sum, each) => sum + each, 0) / items.length).toBeCloseTo(score, 12);
  }
  const inMemory = runOfResults(run!.name, evaluation.results, { samples: evaluation.samples });
  expect(inMemory).toEqual({
    ...{ name: run!.name, scores: run!.scores, items: run!.items },
    conditions: run!.conditions,
  });

  const lines = await readLines(run!.samples!.get('jcommonsenseqa')!);
  const wrong = lines.map((line) => ({ ...(line as object), acc: 0 }));
  const right = lines.map((line) => ({ ...(line as object), acc: 1 }));
  const options = { task: 'jcommonsenseqa', right: 'a', wrong: 'b', metric: 'acc,none' };
  const { examples } = drawExamples(right, wrong, { ...options, count: 3, seed: 0 });
  for (const { id, question, choices, right } of examples) {
    const sample = evaluation.samples.jcommonsenseqa!.find(({ doc_id }) => String(doc_id) === id)!;
    expect(question).toMatch(/^質問：.*\n選択肢：\n- /);
    expect(question.split('質問：')).toHaveLength(2);
    expect(right).toBe(choices[Number(sample.prediction)]);
  }
  expect(examples).toHaveLength(3);
  await rm(folder, { recursive: true });
});

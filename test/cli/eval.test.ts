// `leia eval` as its user runs it: the files it writes, several models and tasks, and what it refuses.
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashText, type Results, type Sample } from '../../lib/evaluate/results.ts';
import { modelFolder, sets } from '../evaluate/tasks/support.ts';
import { fixtures, readJson, temporaryFolder } from '../llama/fixtures.ts';
import { run } from './in-process.ts';

const recorded = join(fixtures, 'lm-eval', 'seed-1', 'dummy');

async function recordedFile(start: string): Promise<string> {
  const name = (await readdir(recorded)).find((file) => file.startsWith(start))!;
  return await readFile(join(recorded, name), 'utf8');
}

async function linesOf(path: string): Promise<Sample[]> {
  const text = await readFile(path, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample);
}

const resultsOf = async (folder: string) =>
  (await readJson(join(folder, 'results.json'))) as unknown as Results & Record<string, unknown>;

test('writes results and samples with every key that lm-evaluation-harness writes', async () => {
  const [model, output] = [await modelFolder(), await temporaryFolder()];
  const args = ['--model', model, '--tasks', 'xcsqa_en', '--data', sets, '--output', output];
  const { code, output: table } = await run('eval', ...args, '--protocol', 'lm-eval', '--samples');
  expect(code).toBe(0);
  expect(table).toMatch(/xcsqa_en +1 +4 +12 +acc_norm +0\.\d{4} +0\.\d{4}\n/);
  const results = await resultsOf(output);
  const theirs = JSON.parse(await recordedFile('results_')) as Results & Record<string, unknown>;
  // What only that program has: the versions of its libraries.
  const missing = Object.keys(theirs).filter((key) => !(key in results));
  expect(missing).toEqual(['transformers_version', 'lm_eval_version']);
  const [task, own] = [theirs.results.tiny_choice!, results.results.xcsqa_en!];
  expect(Object.keys(task).filter((key) => !(key in own))).toEqual([]);
  for (const key of [
    'versions',
    'n-shot',
    'higher_is_better',
    'n-samples',
    'task_hashes',
    'configs',
  ] as const) {
    expect(Object.keys(results[key])).toEqual(['xcsqa_en']);
    expect(typeof results[key].xcsqa_en).toBe(typeof theirs[key].tiny_choice);
  }
  expect(results['n-samples'].xcsqa_en).toMatchObject({ original: 12, effective: 12 });
  const samples = await linesOf(join(output, 'samples_xcsqa_en.jsonl'));
  const [their] = (await recordedFile('samples_'))
    .split('\n')
    .map((line) => line && JSON.parse(line));
  for (const [key, value] of Object.entries(their as Sample)) {
    expect(samples[0], key).toHaveProperty(key);
    expect(typeof samples[0]![key], key).toBe(typeof value);
    expect(Array.isArray(samples[0]![key]), key).toBe(Array.isArray(value));
  }
  const accuracy = samples.reduce((sum, { acc }) => sum + (acc as number), 0) / samples.length;
  expect(own['acc,none']).toBeCloseTo(accuracy, 12);
});

test('hashes documents, prompts and targets as lm-evaluation-harness does', async () => {
  const lines = (await recordedFile('samples_')).trimEnd().split('\n');
  const theirs = JSON.parse(await recordedFile('results_')) as Results;
  const samples = lines.map((line) => JSON.parse(line) as Sample);
  for (const { doc, arguments: args, target, ...sample } of samples) {
    expect(hashText(JSON.stringify(doc, undefined, 2))).toBe(sample.doc_hash);
    expect(hashText(args.gen_args_0!.arg_0)).toBe(sample.prompt_hash);
    expect(hashText(target)).toBe(sample.target_hash);
  }
  const all = samples.map((s) => s.doc_hash + s.prompt_hash + s.target_hash).join('');
  expect(hashText(all)).toBe(theirs.task_hashes.tiny_choice);
});

test('asks several models the same questions, each into a folder of its own', async () => {
  const models = [await modelFolder(), await modelFolder()];
  const output = await temporaryFolder();
  const tasks = ['--tasks', 'xcodah_ja,niilc', 'jemhopqa', '--data', sets, '--limit', '2'];
  const result = await run('eval', '--model', ...models, ...tasks, '--output', output);
  expect(result.code).toBe(0);
  for (const name of ['tiny', 'tiny-2']) {
    const rows = new RegExp(`^${name} (xcodah_ja|niilc|jemhopqa) `, 'gm');
    expect(result.output.match(rows)).toHaveLength(5);
  }
  const [one, two] = [
    await resultsOf(join(output, 'tiny')),
    await resultsOf(join(output, 'tiny-2')),
  ];
  expect(two.results).toEqual(one.results);
  expect(Object.keys(one.results)).toEqual(['xcodah_ja', 'niilc', 'jemhopqa']);
  expect(one.config.limit).toBe(2);
});

test('models whose names would be one have folders of their own', async () => {
  const [first, second, third] = [await modelFolder(), await modelFolder(), await modelFolder()];
  await rename(third, join(third, '..', 'tiny-2'));
  const output = await temporaryFolder();
  const models = [first, join(third, '..', 'tiny-2'), second];
  const args = ['--tasks', 'xcodah_ja', '--data', sets, '--output', output];
  expect((await run('eval', '--model', ...models, ...args)).code).toBe(0);
  const folders = ['tiny', 'tiny-2', 'tiny-3'];
  expect((await readdir(output)).filter((name) => !name.startsWith('.')).sort()).toEqual(folders);
  const asked = folders.map(async (name) => (await resultsOf(join(output, name))).model_name);
  expect(await Promise.all(asked)).toEqual(models);
});

test('results of another model stay, and it is said when others are replaced', async () => {
  const [model, output] = [await modelFolder(), await temporaryFolder()];
  const args = ['--data', sets, '--limit', '2', '--output', output];
  const asked = (tasks: string, ...more: string[]) =>
    run('eval', '--model', model, '--tasks', tasks, ...args, ...more);
  expect(await asked('xcodah_ja,niilc')).toMatchObject({ code: 0 });
  const fewer = await asked('xcodah_ja', '--faithful');
  expect(fewer.code).toBe(0);
  expect(fewer.error).toContain('results.json: its results of niilc are replaced\n');
  expect(fewer.error).toContain('--faithful changes nothing: none of the tasks has faults');
  const more = await asked('xcodah_ja,niilc', '--protocol', 'lm-eval');
  expect(more.error).toContain('its results by the protocol paper are replaced\n');
  const before = await readFile(join(output, 'results.json'), 'utf8');
  const path = join(model, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...config, rms_norm_eps: 1e-3 }));
  const other = await asked('xcodah_ja');
  expect(other.code).toBe(2);
  expect(other.error).toContain(`${output} holds the results of ${model}, with other weights or`);
  expect(await readFile(join(output, 'results.json'), 'utf8')).toBe(before);
  for (const text of ['{', '{"results": 3}']) {
    await writeFile(join(output, 'results.json'), text);
    const { code, error } = await asked('xcodah_ja');
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining('results.json') });
  }
});

test('a second run has the results that are kept, and gives the same', async () => {
  const [model, output] = [await modelFolder(), await temporaryFolder()];
  const args = ['--model', model, '--tasks', 'xcsqa_en', '--data', sets, '--output', output];
  const kept = async () =>
    (await readFile(join(output, 'requests.jsonl'), 'utf8')).split('\n').length - 1;
  expect((await run('eval', ...args, '--limit', '3')).code).toBe(0);
  const after = await kept();
  expect((await run('eval', ...args)).code).toBe(0);
  const first = await resultsOf(output);
  const all = await kept();
  expect(all).toBeGreaterThan(after);
  expect((await run('eval', ...args, '--samples')).code).toBe(0);
  expect(await kept()).toBe(all);
  expect((await resultsOf(output)).results).toEqual(first.results);
  // Another protocol shares nothing with it, and samples of another evaluation do not stay.
  expect((await run('eval', ...args, '--protocol', 'lm-eval')).code).toBe(0);
  expect(await kept()).toBeGreaterThan(all);
  expect(await readdir(output)).not.toContain('samples_xcsqa_en.jsonl');
});

test('results that a kill tore are left out with a word, and computed again', async () => {
  const [model, output] = [await modelFolder(), await temporaryFolder()];
  const args = ['--model', model, '--tasks', 'xcodah_ja', '--data', sets, '--output', output];
  expect((await run('eval', ...args)).code).toBe(0);
  const first = await resultsOf(output);
  const path = join(output, 'requests.jsonl');
  const lines = await readFile(path);
  await writeFile(path, lines.subarray(0, lines.length - 9));
  const { code, error } = await run('eval', ...args);
  expect(code).toBe(0);
  expect(error).toContain(`${path}: left out 1 torn or damaged results`);
  expect((await resultsOf(output)).results).toEqual(first.results);
});

test('--faithful is in the results and changes what is scored', async () => {
  const [model, output] = [await modelFolder(), await temporaryFolder()];
  const args = ['--model', model, '--tasks', 'jaqket', '--data', sets, '--output', output];
  const scored: unknown[] = [];
  for (const flags of [[], ['--faithful']]) {
    expect((await run('eval', ...args, ...flags, '--samples')).code).toBe(0);
    const results = await resultsOf(output);
    expect(results.configs.jaqket!.faithful).toBe(flags.length > 0);
    const [sample] = await linesOf(join(output, 'samples_jaqket.jsonl'));
    scored.push(sample!.arguments.gen_args_0!.arg_1);
  }
  expect(scored).toEqual(['0', ' 富士山']);
});

const refused: [name: string, args: string[], code: number, text: string][] = [
  ['no tasks', [], 2, '--tasks is missing'],
  ['an unknown task', ['--tasks', 'jaket'], 2, "did you mean 'jaqket'?"],
  [
    'a protocol',
    ['--tasks', 'niilc', '--protocol', 'other'],
    2,
    'Allowed choices are paper, lm-eval',
  ],
  ['a batch of no tokens', ['--tasks', 'niilc', '--batch-tokens', '0'], 2, '--batch-tokens'],
  ['a limit of 0', ['--tasks', 'niilc', '--limit', '0'], 2, '--limit'],
  ['a limit of one and a half', ['--tasks', 'xcodah_ja', '--limit', '1.5'], 2, '--limit is 1.5'],
  ['samples without a folder', ['--tasks', 'niilc', '--samples'], 2, '--samples needs --output'],
  ['a negative seed', ['--tasks', 'niilc', '--seed', '-1'], 2, '--seed'],
  [
    'examples for two tasks',
    ['--tasks', 'niilc,jemhopqa', '--examples', 'x'],
    2,
    '--examples is for one task',
  ],
  [
    'examples that are not there',
    ['--tasks', 'niilc', '--examples', 'x.xml'],
    1,
    'cannot read x.xml',
  ],
  [
    'examples where there is no rule',
    ['--tasks', 'xcodah_ja', '--num-fewshot', '1'],
    2,
    'no rule for few-shot',
  ],
];

test.each(refused)('refuses %s in one line', async (_, args, code, text) => {
  const model = await modelFolder();
  const result = await run('eval', '--model', model, '--data', sets, ...args);
  expect(result.error).toContain(text);
  expect(result.code).toBe(code);
});

test('a question that is longer than the model is said to be', async () => {
  const model = await modelFolder(64);
  const args = ['--model', model, '--tasks', 'xcsqa_en', '--data', sets];
  const { code, error } = await run('eval', ...args);
  expect(code).toBe(0);
  expect(error).toContain(
    "prompts do not fit into the model's 64 tokens and lost few-shot examples",
  );
  const shown = await run('eval', ...args, '--dry-run');
  expect(shown.output).toContain('too long: 4 examples left out');
});

test('damaged questions are named before a model is read', async () => {
  const data = join(await temporaryFolder(), 'dev.jsonl');
  await writeFile(
    data,
    '{"id":"1","question":{"choices":[{"label":"A","text":"a"}]},"answerKey":"A"}\n',
  );
  const result = await run('eval', '--model', '/nowhere', '--tasks', 'xcodah_ja', '--data', data);
  expect(result.error).toContain('dev.jsonl:1: there is 1 choice, expected 2 or more');
  expect(result.code).toBe(1);
});

import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drawExamples, renderExamples } from '../../../lib/evaluate/tables/examples.ts';
import { expand } from '../../../lib/evaluate/tables/find-files.ts';
import { scoreGrid } from '../../../lib/evaluate/tables/grid.ts';
import { layouts } from '../../../lib/evaluate/tables/layouts.ts';
import { differingConditions, tasksOf } from '../../../lib/evaluate/tables/methods.ts';
import { MethodReader, readLines } from '../../../lib/evaluate/tables/read-methods.ts';
import { buildTable } from '../../../lib/evaluate/tables/table.ts';
import { expectError } from '../../llama/fixtures.ts';
import { writeResults } from './result-folders.ts';

const lmEval = resolve(import.meta.dirname, '../../fixtures/lm-eval');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-compare-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function file(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

function read(...places: string[]) {
  return new MethodReader().read('LEIA', 'candidate', places);
}

describe('results', () => {
  it('reads the files of lm-evaluation-harness as they are', async () => {
    const { runs } = await read(join(lmEval, 'seed-*'));
    expect(runs.map(({ scores }) => scores.get('tiny_choice'))).toEqual([1 / 3, 1 / 6]);
    const [first] = runs;
    const items = [...first!.items!.get('tiny_choice')!.values()];
    expect(items).toHaveLength(12);
    expect(items.reduce((sum, score) => sum + score, 0)).toBe(4);
    expect(first!.conditions!.get('tiny_choice')).toEqual({
      metric: 'acc,none',
      version: '1',
      'number of few-shot examples': '0',
      'number of items': '12',
      'hash of items and prompts':
        '0b68a4033d9273613975a623c411a34d5432f4b3de548bdb1a12ca3802bb8c72',
    });
    expect(
      differingConditions([{ name: 'LEIA', role: 'candidate', runs }], ['tiny_choice']),
    ).toEqual([]);
  });

  it('takes the metric that is asked for', async () => {
    const method = await new MethodReader('acc_norm').read('x', 'baseline', [
      join(lmEval, 'seed-1'),
    ]);
    expect(method.runs[0]!.scores.get('tiny_choice')).toBe(0.25);
    const reader = new MethodReader('char_f');
    await expectError(
      () => reader.read('x', 'baseline', [join(lmEval, 'seed-1')]),
      'usage',
      "no task has the metric 'char_f'; found acc,none acc_norm,none",
    );
  });

  it('reads a result file by its name, and says which there are if a folder has several', async () => {
    await cp(join(lmEval, 'seed-1', 'dummy'), folder, { recursive: true });
    await cp(join(lmEval, 'seed-3', 'dummy'), folder, { recursive: true });
    await expectError(
      () => read(folder),
      'usage',
      'has 2 result files; name one of them, such as ',
    );
    const names = (await readdir(folder)).filter((name) => name.startsWith('results')).sort();
    const { runs } = await read(...names.map((name) => join(folder, name)));
    expect(runs.map(({ scores }) => scores.get('tiny_choice'))).toEqual([1 / 3, 1 / 6]);
    const right = runs.map(({ items }) => [...items!.get('tiny_choice')!.values()]);
    expect(right.map((list) => list.reduce((sum, s) => sum + s, 0))).toEqual([4, 2]);
  });

  it('names what differs between runs that are compared', async () => {
    const held = [1, 0, 1];
    await writeResults(join(folder, 'a'), { held });
    await writeResults(join(folder, 'b'), { held }, { protocol: 'lm-eval', version: 2 });
    const { runs } = await read(join(folder, 'a'), join(folder, 'b'));
    const method = { name: 'LEIA', role: 'candidate' as const, runs };
    expect(differingConditions([method], ['held'])).toEqual([
      `held: protocol is paper in LEIA (${join(folder, 'a')}), lm-eval in LEIA (${join(folder, 'b')})`,
      `held: version is 1 in LEIA (${join(folder, 'a')}), 2 in LEIA (${join(folder, 'b')})`,
    ]);
  });

  it.each([
    ['{"results": {"held": {"acc,none": 0.', 'format', 'is not JSON'],
    ['{"model": "x"}', 'format', 'results is missing'],
    ['{"results": {}}', 'usage', 'no task has a metric; found none'],
    [
      '{"results": {"held": {"acc,none": 40}}}',
      'format',
      'held: acc,none: expected a score between 0 and 1, got 40',
    ],
    ['{"results": {"held": {"acc,none": "0.4"}}}', 'format', 'got string'],
    ['{\n "results": {"held": {\n "acc,none": NaN\n}}}', 'format', 'got no number'],
    ['{"results": {"held": 1}}', 'format', 'results.held: '],
  ] as const)('refuses %j', async (content, code, text) => {
    const path = await file('results.json', content);
    await expectError(() => read(path), code, text);
    await expectError(() => read(folder), code, text);
  });

  it('refuses samples that are broken or twice there, by file and line', async () => {
    await writeResults(folder, { held: [1, 0] });
    const path = join(folder, 'samples_held.jsonl');
    await writeFile(path, '{"doc_id": 0, "acc": 1}\n{"doc_id": 0, "acc": 1}\n');
    await expectError(() => read(folder), 'format', 'line 2: item 0 was there before');
    await writeFile(path, '{"doc_id": 0, "acc": 1}\n{"doc_');
    await expectError(() => read(folder), 'format', `${path}: line 2 is not JSON`);
    await writeFile(path, '{"acc": 1}\n');
    await expectError(() => read(folder), 'format', 'line 1: doc_id');
  });

  it('refuses a run that is given twice, and folders without results', async () => {
    await writeResults(join(folder, 'run-1'), { held: [1] });
    await expectError(
      () => read(join(folder, 'run-*'), join(folder, 'run-1')),
      'usage',
      'run-1 is given twice, for LEIA and LEIA',
    );
    await mkdir(join(folder, 'empty'));
    await expectError(() => read(join(folder, 'empty')), 'usage', 'empty has no results.json');
    await expectError(() => read(join(folder, 'none')), 'io', 'no such file');
    await expectError(() => read(join(folder, 'x*')), 'usage', 'nothing matches');
    await expectError(() => read(lmEval), 'usage', 'has no results.json');
  });
});

describe('expand', () => {
  it('puts seed 10 after seed 9, and takes patterns in any part', async () => {
    for (const seed of [10, 9, 1])
      await mkdir(join(folder, `s${seed}`, 'eval'), { recursive: true });
    await mkdir(join(folder, '.s2', 'eval'), { recursive: true });
    const found = await expand(`${folder}/s*/ev?l`);
    expect(found).toEqual([1, 9, 10].map((seed) => join(folder, `s${seed}`, 'eval')));
    expect(await expand('a.b/c[1]')).toEqual(['a.b/c[1]']);
    await expectError(() => expand(`${folder}/s+*`), 'usage', 'nothing matches');
  });
});

describe('lists of numbers', () => {
  it('reads CSV with several methods, per cent, and quoted names', async () => {
    const path = await file(
      'paper.csv',
      '\ufeffmethod,seed,task,percent\r\n"LEIA",1,xcodah_ja,41.5\r\nLEIA,2,xcodah_ja,42\r\n"a ""b"", c",1,xcodah_ja,30\r\n\r\n',
    );
    const { runs } = await read(path);
    expect(runs.map(({ scores }) => scores.get('xcodah_ja'))).toEqual([0.415, 0.42]);
    expect(runs.map(({ name }) => name)).toEqual([`${path} seed 1`, `${path} seed 2`]);
    const other = await new MethodReader().read('a "b", c', 'baseline', [path]);
    expect(other.runs[0]!.scores.get('xcodah_ja')).toBe(0.3);
  });

  it('reads several methods of one JSON list, each once', async () => {
    const rows = ['LEIA', 'plain'].map((method, i) => ({ method, task: 'a', score: 0.5 - i / 10 }));
    const path = await file('numbers.json', JSON.stringify(rows));
    const reader = new MethodReader();
    const [ours, theirs] = [
      await reader.read('LEIA', 'candidate', [path]),
      await reader.read('plain', 'baseline', [path]),
    ];
    expect([ours, theirs].map(({ runs }) => runs[0]!.scores.get('a'))).toEqual([0.5, 0.4]);
    const again = () => reader.read('LEIA', 'candidate', [path]);
    await expectError(again, 'usage', 'numbers.json is given twice, for LEIA and LEIA');
  });

  it('reads JSON, and means with intervals', async () => {
    const rows = [
      { task: 'a', score: 0.4, half_width: 0.01, runs: 5 },
      { task: 'b', score: 0.5, half_width: 0, runs: 3 },
    ];
    const { runs, means } = await read(await file('numbers.json', JSON.stringify(rows)));
    expect(runs).toEqual([]);
    // 2.776 is the critical t of five runs
    expect(means!.get('a')).toMatchObject({ runs: 5, mean: 0.4, halfWidth: 0.01 });
    expect(means!.get('a')!.deviation).toBeCloseTo((0.01 * Math.sqrt(5)) / 2.776445, 8);
  });

  it.each([
    ['7B', [true, true, true, true, true, true]],
    ['13B', [true, true, false, true, false, true]],
  ])('the authors’ table of their %s models comes out as they print it', async (size, bold) => {
    const path = resolve(import.meta.dirname, '../../fixtures/published/leia-swallow.csv');
    const reader = new MethodReader();
    const methods = [
      await reader.read(`Swallow ${size}`, 'baseline', [path]),
      await reader.read(`LEIA ${size}`, 'candidate', [path]),
    ];
    const { title, columns } = layouts['table-3'];
    const table = buildTable(methods, { title, groups: columns(tasksOf(methods)) });
    const { header, rows } = scoreGrid(table);
    expect(header.slice(1)).toEqual([
      ...['X-CODAH', 'X-CSQA', 'JCommonsenseQA', 'NIILC', 'JEMHopQA', 'JAQKET'],
    ]);
    const printed = (await readFile(path, 'utf8'))
      .split('\n')
      .filter((line) => line.includes(size));
    const scores = rows.flatMap((row) => row.slice(1).map(({ text }) => text));
    expect(scores).toEqual(printed.map((line) => line.split(',')[2]));
    // Bold is what is better than the other; in a tie both are the best.
    expect(rows[1]!.slice(1).map((cell, i) => cell.bold && !rows[0]![i + 1]!.bold)).toEqual(bold);
  });

  it.each([
    ['', 'is empty'],
    ['task,score\na,1.5', 'expected a score of 0 to 1'],
    ['task,percent\na,101', 'expected a score of 0 to 1'],
    ['task,score\na,', 'either score (0 to 1) or percent'],
    ['task,score,percent\na,0.5,50', 'either score (0 to 1) or percent'],
    ['task,score\na,high', 'expected a number'],
    ['task,score\na,NaN', 'expected a number'],
    ['task,score\na', 'entry 1 has 1 fields, its first line 2'],
    ['task,score\n"a,0.5', 'a quotation mark has no partner'],
    ['task,score\na"b,0.5', 'a quotation mark has no partner'],
    ['task,skore\na,0.5', 'skore'],
    ['task,score\na,0.5\na,0.6', 'two scores of a'],
    ['task,score,half_width\na,0.5,0.1', 'half_width and runs come together'],
    ['task,score,half_width,runs\na,0.5,0.1,1', 'at least 2'],
    ['task,score,half_width,runs\na,0.5,0.1,5\na,0.6,0.1,5', 'two scores of a'],
  ])('refuses %j', async (content, text) => {
    const path = await file('numbers.csv', content);
    await expectError(() => read(path), 'format', text);
  });

  it('says which methods there are, and takes no method from two kinds of numbers', async () => {
    const list = await file('a.csv', 'method,task,score\nplain,a,0.5\nFT,a,0.4');
    await expectError(() => read(list), 'usage', "no numbers of 'LEIA'; it has plain, FT");
    const means = await file('b.csv', 'task,score,half_width,runs\na,0.5,0.1,5');
    const single = await file('c.csv', 'task,score\na,0.5');
    await expectError(() => read(means, single), 'usage', 'both single runs and means over runs');
  });
});

describe('drawExamples', () => {
  const options = { task: 'held', right: 'LEIA', wrong: 'plain', metric: 'acc,none', seed: 1 };

  async function lines(name: string, held: readonly number[]) {
    await writeResults(join(folder, name), { held });
    return readLines(join(folder, name, 'samples_held.jsonl'));
  }

  it('draws items that one got right and the other wrong, the same ones for the same seed', async () => {
    const ours = await lines('a', [1, 1, 1, 1, 1, 0, 0]);
    const theirs = await lines('b', [0, 0, 0, 1, 0, 0, 1]);
    const sheet = drawExamples(ours, theirs, { ...options, count: 3 });
    expect(sheet.found).toBe(4);
    expect(sheet.examples).toHaveLength(3);
    for (const { id } of sheet.examples) expect(['0', '1', '2', '4']).toContain(id);
    expect(drawExamples(ours, theirs, { ...options, count: 3 })).toEqual(sheet);
    const drawn = [1, 2, 3, 4, 5].map(
      (seed) => drawExamples(ours, theirs, { ...options, count: 1, seed }).examples[0]!.id,
    );
    expect(new Set(drawn).size).toBeGreaterThan(1);
    const [one] = sheet.examples;
    expect(one).toEqual({
      id: one!.id,
      question: `Question: Is this ${one!.id}?\nAnswer:`,
      choices: ['yes', 'no', 'perhaps'],
      ...{ answer: 'yes', right: 'yes', wrong: 'no' },
    });
    expect(renderExamples([sheet])).toContain('| question | Question: Is this');
    expect(drawExamples(ours, ours, { ...options, count: 3 })).toMatchObject({ found: 0 });
  });

  it('shows what was generated where there are no choices, and reads lm-eval’s form', async () => {
    const generated = (acc: number, text: string) => [
      {
        doc_id: 1,
        arguments: { gen_args_0: { arg_0: 'Q\n\nWho?', arg_1: {} } },
        target: 'Kafka',
        filtered_resps: [text],
        acc,
      },
    ];
    const sheet = drawExamples(generated(1, ' Kafka\n'), generated(0, 'Brod'), {
      ...options,
      count: 1,
    });
    expect(sheet.examples).toEqual([
      { id: '1', question: 'Who?', choices: [], answer: 'Kafka', right: 'Kafka', wrong: 'Brod' },
    ]);
    const [one, two] = ['seed-1', 'seed-3'].map((seed) => join(lmEval, seed));
    const { runs } = await read(one!, two!);
    const [a, b] = await Promise.all(
      runs.map((run) => readLines(run.samples!.get('tiny_choice')!)),
    );
    const real = drawExamples(a!, b!, { ...options, count: 12 });
    expect(real.found).toBeGreaterThan(0);
    for (const { choices, right, wrong } of real.examples) {
      expect(choices).toHaveLength(3);
      expect(right).not.toBe(wrong);
    }
  });

  it('shows the choice that a metric by length takes, which the sums do not', async () => {
    const sample = (sums: number[], norm: number) => ({
      doc_id: 1,
      arguments: ['no', 'certainly'].map((choice) => ['Q', ` ${choice}`]),
      target: '1',
      filtered_resps: sums.map((sum) => [String(sum), 'False']),
      ...{ acc: 0, acc_norm: norm },
    });
    // By the sums both say no. By character the first says certainly.
    const [ours, theirs] = [sample([-2, -6], 1), sample([-2, -12], 0)];
    const sheet = drawExamples([ours], [theirs], { ...options, metric: 'acc_norm', count: 1 });
    expect(sheet.examples[0]).toMatchObject({
      answer: 'certainly',
      right: 'certainly',
      wrong: 'no',
    });
  });

  it('refuses lines that are no samples', async () => {
    await expectError(
      () => drawExamples([{ doc_id: 1 }], [], { ...options, count: 1 }),
      'format',
      'samples of held of LEIA: line 1: arguments',
    );
  });
});

// `leia report` as its user runs it, on folders of real runs.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { train } from '../../lib/train/train.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { find, parse, textOf } from '../report/parse.ts';
import { makeRun } from '../train/runs.ts';
import { run } from './in-process.ts';

test('one page compares a finished run and one that was stopped', async () => {
  const finished = await makeRun({ maxSteps: 2 });
  await train(finished);
  const stopped = {
    ...finished,
    output: `${finished.output}-stopped`,
    settings: { ...finished.settings, learningRate: 2e-3 },
  };
  const onStep = () => {
    throw new Error('killed');
  };
  await expect(train({ ...stopped, onStep })).rejects.toThrow('killed');
  const output = join(await temporaryFolder(), 'page.html');
  const { code } = await run('report', finished.output, stopped.output, '--output', output);
  expect(code).toBe(0);
  const page = parse((await readFile(output, 'utf8')).replace('<!DOCTYPE html>', ''));
  const rows = find(page, 'tr').map((row) =>
    row.children.flatMap((cell) => (typeof cell === 'string' ? [] : [textOf(cell)])),
  );
  expect(rows.map((row) => row.slice(0, 2))).toEqual([
    ...[
      ['run', 'steps'],
      ['run', '2'],
      ['run-stopped', '1 of 2'],
    ],
    ...[
      ['setting', 'run'],
      ['learningRate', '0.001'],
    ],
  ]);
});

test('what is no run, and more runs than can be told apart, are refused', async () => {
  const folder = await temporaryFolder();
  const none = await run('report', folder);
  expect(none).toMatchObject({ code: 2, error: expect.stringContaining('has no run.json') });
  const nowhere = await run('report', join(folder, 'runs'));
  expect(nowhere.error).toBe(`leia: there is no folder ${join(folder, 'runs')}\n`);
  const many = await run('report', ...Array.from({ length: 9 }, () => folder));
  expect(many).toMatchObject({ code: 2, error: expect.stringContaining('at most 8') });
});

// Every prompt of the fixtures' sets, byte for byte and id by id, against what a Python script without a line of this
// library made of the same files; and the first of each task as the command line prints it.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepareQuestions } from '../../../lib/evaluate/evaluate.ts';
import { protocolNames } from '../../../lib/evaluate/tasks/protocol.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { run } from '../../cli/in-process.ts';
import { fixtures, readJson } from '../../llama/fixtures.ts';
import { builtin, modelFolder, sets } from './support.ts';

interface Ids {
  context: number[];
  continuations: number[][];
}
interface Recorded {
  id: string;
  context?: string;
  continuations?: string[];
  answer?: number;
  paper?: Ids;
  'lm-eval'?: Ids;
  prompt?: string;
  ids?: number[];
  target?: string;
}

const recorded = (await readJson(
  join(fixtures, 'evaluation', 'prompts.json'),
)) as unknown as Record<string, Recorded[]>;
const tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));

test.each(Object.keys(recorded))('%s', async (key) => {
  const [name, faithful] = key.split(' ') as [string, string | undefined];
  const numFewShot = key === 'xcsqa_ja' ? 0 : undefined;
  const task = await builtin(name, { faithful: faithful !== undefined, numFewShot });
  for (const protocol of protocolNames) {
    const options = { protocol, numFewShot, maxLength: 1e6 };
    const asked = await prepareQuestions(task, tokenizer, options);
    expect(asked.map(({ item }) => item.id)).toEqual(recorded[key]!.map(({ id }) => id));
    for (const [i, question] of asked.entries()) {
      const expected = recorded[key]![i]!;
      if (question.continuations === undefined) {
        expect(question.text).toBe(expected.prompt);
        expect(question.prompt).toEqual(expected.ids);
        expect(question.item.target).toBe(expected.target);
      } else {
        expect(question.context).toBe(expected.context);
        expect(question.continuations).toEqual(expected.continuations);
        expect(question.item.answer).toBe(expected.answer);
        const { context, continuations } = expected[protocol]!;
        const wanted = continuations.map((continuation) => ({ context, continuation }));
        expect(question.requests).toEqual(wanted);
      }
    }
  }
});

const printed: [name: string, ...flags: string[]][] = [
  ['xcodah_ja'],
  ['xcsqa_en'],
  ['jcommonsenseqa'],
  ['jaqket'],
  ['jaqket', '--faithful'],
  ['jemhopqa'],
  ['niilc'],
];

test.each(printed)('leia eval --dry-run prints %s', async (name, ...flags) => {
  const folder = await modelFolder();
  const task = ['--model', folder, '--tasks', name, '--data', sets];
  const result = await run('eval', ...task, '--dry-run', '--limit', '1', ...flags);
  expect(result.error).toBe('');
  expect(result.code).toBe(0);
  const file = `${[name, ...flags].join('').replace('--', '-')}.txt`;
  await expect(result.output).toMatchFileSnapshot(join(fixtures, 'evaluation', 'prompts', file));
  // What is printed is what the other program made.
  const expected = recorded[[name, ...flags].join(' ').replace('--', '')]![0]!;
  const { prompt, ids, context, continuations = [], paper } = expected;
  expect(result.output).toContain(
    `⟦${prompt ?? context}⟧\n[${(ids ?? paper?.context)?.join(', ')}]`,
  );
  for (const [i, text] of continuations.entries()) {
    expect(result.output).toContain(`⟦${text}⟧\n[${paper!.continuations[i]!.join(', ')}]`);
  }
});

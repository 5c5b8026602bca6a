import { createHash } from 'node:crypto';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findTasks, readTaskFile } from '../../../lib/evaluate/tasks/definition.ts';
import { askedQuestions } from '../../../lib/evaluate/tasks/few-shots.ts';
import { loadTask } from '../../../lib/evaluate/tasks/load-task.ts';
import { expectError, fixtures, temporaryFolder } from '../../llama/fixtures.ts';
import { builtin, sets } from './support.ts';

const own = `
task: capitals
data: { files: capitals.jsonl }
fields: { question: q, choices: c.*, labels: l.* }
answer: { label: a }
prompt: "{question}"
choice: " {choice}"
`;

async function ownTask(text = own) {
  const folder = await temporaryFolder();
  const path = join(folder, 'own.yaml');
  await writeFile(path, text);
  await writeFile(join(folder, 'capitals.jsonl'), '{"q":"x","c":["a","b"],"l":[1,2],"a":2}\n');
  return { folder, path };
}

test('a task of one’s own finds its data beside it', async () => {
  const { path } = await ownTask();
  const [definition] = findTasks([path]);
  const { items } = await loadTask(definition!);
  expect(items[0]).toMatchObject({ choices: ['a', 'b'], answer: 1 });
});

test('the tasks that the documentation shows are tasks', async () => {
  const page = await readFile(join(fixtures, '..', '..', 'docs', 'evaluate.md'), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
  expect(blocks).toHaveLength(2);
  for (const text of blocks) {
    const { path } = await ownTask(text);
    expect(findTasks([path])[0]!.task).toContain('capitals');
  }
});

const badTasks: [name: string, change: [string, string], text: string][] = [
  ['an unknown key', ['prompt:', 'promt: x\nprompt:'], 'promt'],
  ['an unknown field', ['"{question}"', '"{frage}"'], '{frage} is no field'],
  ['no choices', ['choices: c.*, ', ''], 'expected a field choices'],
  ['no answer', ['answer: { label: a }', ''], 'needs to know the right one'],
  ['neither kind', ['choice: " {choice}"', ''], 'expected either choice'],
  ['no labels', [', labels: l.*', ''], 'needs a field labels'],
  ['a wrong path', ['q,', '"q..r",'], 'expected a path'],
  ['a language without languages', ['task: capitals', 'task: x_{language}'], 'needs languages'],
  [
    'languages that its name lacks',
    ['task: capitals', 'task: x\nlanguages: [ja, en]'],
    'expected {language} in the name',
  ],
  [
    'a choice that is misspelt',
    ['{choice}', '{chioce}'],
    'choice: expected {choice} or {index}, got {chioce}',
  ],
  ['choices that all read alike', ['{choice}', 'yes'], 'got no name in braces'],
  [
    'an example that ends in nothing',
    ['prompt:', 'fewShot: { count: 1, target: "{label}" }\nprompt:'],
    'fewShot.target: expected {choice} or {index} or {answer}, got {label}',
  ],
  [
    'a list that is misspelt',
    ['prompt:', 'lists: { choices: { each: "- {items}", join: " " } }\nprompt:'],
    'lists.choices.each: expected {item} or {index}, got {items}',
  ],
  [
    'a faithful choice that is misspelt',
    ['prompt:', 'faithful: { choice: "{chioce}" }\nprompt:'],
    'faithful.choice: expected',
  ],
  ['broken YAML', ['prompt:', 'prompt: ['], 'is not valid YAML'],
  ['a list', [own, '- a'], 'own.yaml'],
  ['nothing', [own, ''], 'own.yaml'],
];

test.each(badTasks)('a task file with %s is refused in one line', async (_, change, text) => {
  const { path } = await ownTask(own.replace(...change));
  await expectError(() => findTasks([path]), 'format', text);
});

test('two files with tasks of one name are refused, one that is named twice is not', async () => {
  const { folder, path } = await ownTask();
  const other = join(folder, 'other.yaml');
  await writeFile(other, own);
  await expectError(
    () => findTasks([path, other]),
    'usage',
    'names two tasks capitals; rename one',
  );
  expect(findTasks([path, path])).toHaveLength(1);
});

test('a file with aliases that would grow without end is refused', async () => {
  const lines = Array.from({ length: 12 }, (_, i) => {
    const ref = i === 0 ? 'x' : `*a${i - 1}`;
    return `a${i}: &a${i} [${Array(10).fill(ref).join(', ')}]`;
  });
  const { path } = await ownTask(`${lines.join('\n')}\n`);
  await expectError(() => readTaskFile(path), 'format', 'is not valid YAML');
});

test('the built-in tasks are found under every name of their language', async () => {
  const folder = await temporaryFolder();
  for (const name of ['ja', 'jap']) {
    await mkdir(join(folder, name, 'X-CODAH', name), { recursive: true });
    const content = await readFile(join(sets, 'X-CODAH', 'jap', 'dev.jsonl'));
    await writeFile(join(folder, name, 'X-CODAH', name, 'dev.jsonl'), content);
    const task = await builtin('xcodah_ja', { data: join(folder, name) });
    expect(task.items).toHaveLength(3);
  }
});

test('the Hub’s form of a set, Parquet, gives the same questions', async () => {
  const folder = join(sets, 'X-CODAH-ja');
  const [json, parquet] = [
    await builtin('xcodah_ja'),
    await builtin('xcodah_ja', { data: folder }),
  ];
  const shown = ({ items }: typeof json) =>
    items.map(({ id, choices, answer }) => [id, choices, answer]);
  expect(shown(parquet)).toEqual(shown(json));
});

test.each(['', 'X-CSQA', 'X-CSQA/en'])('a folder may be named at any level: %s', async (below) => {
  const task = await builtin('xcsqa_en', { data: join(sets, below) });
  expect(task.items).toHaveLength(12);
});

test('a missing set is named with where it is published', async () => {
  const folder = await temporaryFolder();
  await expectError(
    () => builtin('jcommonsenseqa', { data: folder }),
    'usage',
    'has no file jcommonsenseqa*/valid*.json*',
  );
  await expectError(() => builtin('niilc', { data: folder }), 'usage', 'github.com/mynlp/niilc-qa');
  await expectError(() => builtin('niilc', { data: '/nowhere' }), 'usage', 'no folder or file');
  const [niilc] = findTasks(['niilc']);
  await expectError(() => loadTask(niilc!), 'usage', '--data is missing');
});

test('two files that could be meant are named', async () => {
  const folder = await temporaryFolder();
  for (const name of ['a', 'b']) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'NIILC-ECQA2015_test.xml'), '');
  }
  await expectError(
    () => builtin('niilc', { data: folder, numFewShot: 0 }),
    'usage',
    'a/NIILC-ECQA2015_test.xml, b/NIILC-ECQA2015_test.xml',
  );
});

test('few-shot examples: as many as asked for, of another file, refused where there are too few', async () => {
  const train = await readFile(join(sets, 'jemhopqa', 'train_ver1.1.json'), 'utf8');
  const reversed = (JSON.parse(train) as { qid: string }[]).reverse();
  const examples = join(await temporaryFolder(), 'reversed.json');
  await writeFile(examples, JSON.stringify(reversed));
  const task = await builtin('jemhopqa', { examples });
  const [asked] = askedQuestions(task, { limit: 1 });
  expect(asked!.examples.map(({ id }) => id)).toEqual(reversed.slice(0, 4).map(({ qid }) => qid));
  expect(askedQuestions(task, { limit: 1, numFewShot: 1 })[0]!.examples).toHaveLength(1);
  const ja = await builtin('xcsqa_ja');
  await expectError(
    () => askedQuestions(ja),
    'usage',
    '4 few-shot examples are asked for, and there are 2',
  );
  await expectError(() => builtin('xcodah_ja', { numFewShot: 2 }), 'usage', 'no rule for few-shot');
  for (const limit of [0, -1, 1.5, Number.NaN]) {
    await expectError(() => askedQuestions(task, { limit }), 'usage', `--limit is ${limit}`);
  }
});

test('a question is no example of its own where the file of examples is that of the questions', async () => {
  const numFewShot = 2;
  for (const name of ['jemhopqa', 'jcommonsenseqa']) {
    const [questions] = (await builtin(name)).files;
    const link = join(await temporaryFolder(), basename(questions!));
    await symlink(questions!, link);
    for (const examples of [questions!, link]) {
      const task = await builtin(name, { examples, numFewShot });
      for (const { item, examples } of askedQuestions(task, { numFewShot })) {
        expect(examples).toHaveLength(numFewShot);
        expect(examples.map(({ id }) => id)).not.toContain(item.id);
      }
    }
  }
});

test('a limit takes the first questions and leaves their prompts as they are; a seed changes them', async () => {
  const task = await builtin('xcsqa_en');
  const all = askedQuestions(task);
  expect(askedQuestions(task, { limit: 3 })).toEqual(all.slice(0, 3));
  expect(askedQuestions(task, { limit: 0.25 })).toEqual(all.slice(0, 3));
  expect(askedQuestions(task, { limit: 100 })).toEqual(all);
  expect(askedQuestions(task, { seed: 42 })).toEqual(all);
  expect(askedQuestions(task, { seed: 7 })).not.toEqual(all);
  for (const { item, examples } of all) expect(examples).not.toContain(item);
});

/** A server that answers as the Hub does, for one dataset of these files. */
async function hub(files: Readonly<Record<string, string>>): Promise<string> {
  const commit = 'b'.repeat(40);
  const entryOf = (path: string) => {
    const lastCommit = { id: commit, title: '', date: '2024-01-01T00:00:00.000Z' };
    const oid = createHash('sha1').update(path).digest('hex');
    return { type: 'file', path, size: Buffer.byteLength(files[path]!), oid, lastCommit };
  };
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(request.url!.split('?')[0]!);
    const sendJson = (value: unknown) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (path.startsWith('/api/datasets/own/set/tree/main')) {
      return sendJson(Object.keys(files).map(entryOf));
    }
    if (path === '/api/datasets/own/set/paths-info/main') {
      const { paths } = (await json(request)) as { paths: string[] };
      return sendJson(paths.map(entryOf));
    }
    const text = files[path.replace('/datasets/own/set/resolve/main/', '')];
    if (text === undefined) return response.writeHead(404).end();
    const size = Buffer.byteLength(text);
    response.setHeader('etag', `"${commit}"`).setHeader('x-repo-commit', commit);
    response.setHeader('content-length', size).setHeader('content-range', `bytes 0-0/${size}`);
    return response.end(request.method === 'HEAD' ? undefined : text);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a dataset of the Hub is downloaded, and its lack is one line', async () => {
  const content = await readFile(join(sets, 'X-CODAH', 'jap', 'dev.jsonl'), 'utf8');
  vi.stubEnv('HF_ENDPOINT', await hub({ 'X-CODAH/ja/dev.jsonl': content, 'README.md': '#' }));
  vi.stubEnv('HF_HUB_CACHE', await temporaryFolder());
  onTestFinished(() => void vi.unstubAllEnvs());
  const [definition] = findTasks(['xcodah_ja']);
  const { items } = await loadTask(definition!, { data: 'own/set' });
  expect(items).toHaveLength(3);
  const [other] = findTasks(['xcsqa_ja']);
  await expectError(
    () => loadTask(other!, { data: 'own/set' }),
    'usage',
    'the dataset own/set has no file X-CSQA/jap/dev.jsonl',
  );
  await expectError(
    () => loadTask(other!, { data: 'own/other' }),
    'unavailable',
    'the dataset own/other could not be read from the Hugging Face Hub',
  );
  vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
  await expectError(
    () => loadTask(other!),
    'unavailable',
    'name a folder with X-CSQA/jap/dev.jsonl, published at https://inklab.usc.edu/XCSR/, with --data',
  );
});

// Text that comes with its entity spans: what the dataset holds, and what is said of lines that are wrong.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAnnotatedLine } from '../../../lib/corpus/dataset/annotated-line.ts';
import { prepareText } from '../../../lib/corpus/dataset/annotated-text.ts';
import type { LinkedArticle } from '../../../lib/corpus/dataset/encode-articles.ts';
import { lineBatches } from '../../../lib/corpus/dataset/text-work.ts';
import { Dataset } from '../../../lib/leia/dataset.ts';
import { LeiaError } from '../../../lib/system/error.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { fixtures, temporaryFolder } from '../../llama/fixtures.ts';

let tokenizer: Tokenizer;
let folder: string;
let files = 0;
beforeAll(async () => {
  tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  folder = await mkdtemp(join(tmpdir(), 'leia-text-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(content: string | Uint8Array): Promise<string> {
  const path = join(folder, `${files++}.jsonl`);
  await writeFile(path, content);
  return path;
}
const lines = (objects: readonly unknown[]): string =>
  objects.map((object) => `${JSON.stringify(object)}\n`).join('');

async function read(content: string | Uint8Array, skip = 0): Promise<LinkedArticle[]> {
  const articles: LinkedArticle[] = [];
  const path = await file(content);
  for await (const batch of lineBatches(path, skip)) {
    articles.push(...batch.lines.map((line) => parseAnnotatedLine(line, path)));
  }
  return articles;
}

const TEXT = 'a casa 😀 é grande, o rio é azul';
const LINES = [
  {
    id: 7,
    title: 'Um',
    text: TEXT,
    spans: [
      { start: 21, end: 24, name: ' the\triver ', target: 'Q1' },
      { start: 2, end: 6, name: 'house' },
      { start: 2, end: 8, name: 'house with a face' },
      { start: 9, end: 10, name: null },
    ],
  },
  { text: 'sem nada', spans: [] },
  { text: '', spans: [] },
];

test('spans become links, in order, with tidy names', async () => {
  const expected = [
    {
      title: 'Um',
      text: TEXT,
      links: [
        { start: 2, end: 6, target: 'house', name: 'house' },
        { start: 2, end: 8, target: 'house with a face', name: 'house with a face' },
        { start: 9, end: 10, target: '', name: null },
        { start: 21, end: 24, target: 'Q1', name: 'the river' },
      ],
      filtered: 0,
      fromTemplates: 0,
    },
    { title: 'line 2', text: 'sem nada', links: [], filtered: 0, fromTemplates: 0 },
    { title: 'line 3', text: '', links: [], filtered: 0, fromTemplates: 0 },
  ];
  const text = lines(LINES);
  expect(await read(text)).toEqual(expected);
  expect(await read(gzipSync(`\ufeff${text}`))).toEqual(expected);
  expect(await read(text.replaceAll('\n', '\r\n'))).toEqual(expected);
  expect(await read(text.trimEnd())).toEqual(expected);
  const spaced = `\n \n${text}`;
  expect(await read(spaced, 1)).toEqual([
    { ...expected[1], title: 'line 4' },
    { ...expected[2], title: 'line 5' },
  ]);
});

test('the dataset: tokens, entities, figures; the same again is left as it is', async () => {
  const output = join(await temporaryFolder(), 'data');
  const options = { text: await file(lines(LINES)), language: 'pt', tokenizer, output };
  const { manifest } = await prepareText(options);
  expect(manifest.report).toEqual({
    articles: 3,
    withoutLinks: 2,
    anchors: 4,
    linked: 3,
    fromTemplates: 0,
    filtered: 0,
    misaligned: { overlap: 1 },
  });
  expect(manifest.meta.source).toMatchObject({ text: { bytes: expect.any(Number) } });
  using dataset = await Dataset.open(output);
  expect(dataset.articleCount).toBe(1);
  expect(dataset.passage(0)).toMatchObject({ title: 'Um', text: TEXT });
  const { inputIds, entities } = dataset.article(0);
  const found = entities.map(async ({ start, end, nameIds }) => [
    (await tokenizer.decode(inputIds.subarray(start, end))).trim(),
    await tokenizer.decode(nameIds),
  ]);
  expect(await Promise.all(found)).toEqual([
    ['casa', 'house'],
    ['rio', 'the river'],
  ]);
  expect(await prepareText(options)).toEqual({ manifest, made: false });
});

test('many lines, interrupted, on more threads or fewer: the same bytes', async () => {
  const many = Array.from({ length: 400 }, (_, i) => ({ ...LINES[0], title: `${i}` }));
  const text = await file(lines(many));
  const run = async (stops: readonly number[], workers: number): Promise<string[]> => {
    const output = join(await temporaryFolder(), 'data');
    const options = { text, language: 'pt', tokenizer, output, workers, shardBytes: 40_000 };
    for (const stop of stops) {
      const controller = new AbortController();
      const onProgress = (stage: string, done: number) => {
        if (stage === 'articles' && done >= stop) controller.abort();
      };
      const work = prepareText({ ...options, signal: controller.signal, onProgress });
      await expect(work).rejects.toMatchObject({ code: 'interrupted' });
    }
    const { shards } = (await prepareText(options)).manifest;
    return shards.flatMap((shard) => Object.values(shard.files).map(({ sha256 }) => sha256));
  };
  const expected = await run([], 1);
  expect(expected.length).toBeGreaterThan(6);
  expect(await run([], 3)).toEqual(expected);
  expect(await run([150, 390], 2)).toEqual(expected);
});

describe('refused', () => {
  const line = (change: object) => lines([{ text: 'a 😀', spans: [], ...change }]);
  const spans = (change: object) => line({ spans: [{ start: 0, end: 1, name: 'A', ...change }] });
  test.each([
    ['{"text": "a"', 'line 1 is not JSON'],
    ['[]', 'line 1: the whole: Invalid input: expected object, received array; expected {"text"'],
    ['null', 'line 1: the whole: Invalid input: expected object'],
    ['"a"', 'expected object'],
    [line({ spans: undefined }), 'line 1: spans is missing, expected array'],
    [line({ text: 3 }), 'text: Invalid input: expected string, received number'],
    [line({ title: {} }), 'title: Invalid input'],
    [line({ text: 'a\ud800' }), 'text has half of a surrogate pair'],
    [line({ spans: {} }), 'spans: Invalid input'],
    [line({ spans: [3] }), 'spans.0: Invalid input'],
    [spans({ end: 4 }), "line 1: spans.0: [0, 4) is not inside the text's 3 code points"],
    [spans({ end: 0 }), 'spans.0: expected start < end, got [0, 0)'],
    [spans({ start: 2, end: 1 }), 'expected start < end'],
    [spans({ start: -1 }), 'spans.0.start: Too small'],
    [spans({ start: 0.5 }), 'spans.0.start: Invalid input: expected int'],
    [spans({ end: 1e300 }), 'spans.0.end'],
    [spans({ end: '1' }), 'spans.0.end: Invalid input: expected number, received string'],
    [spans({ name: ' \n' }), 'spans.0: the name is empty; without a name write null'],
    [spans({ name: 'A\udc00' }), 'the name has half of a surrogate pair'],
    [spans({ name: undefined }), 'spans.0.name is missing, expected string'],
    [`${line({})}\n{`, 'line 3 is not JSON'],
    ['<mediawiki>', 'not JSON'],
    [Uint8Array.of(0x22, 0xff, 0x22), 'not UTF-8'],
    [gzipSync(line({})).subarray(0, 30), 'cut off'],
  ])('%s', (content, message) => expectRefusal(content, message));

  test.each([
    ['opened', `{"text":${'['.repeat(200_000)}`, 'line 1 is not JSON'],
    [
      'closed again',
      `{"text":"a","spans":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      'spans.0: Invalid input',
    ],
  ])('200,000 brackets, %s', (_, content, message) => expectRefusal(content, message));

  async function expectRefusal(content: string | Uint8Array, message: string): Promise<void> {
    const error = await read(content).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LeiaError);
    expect(error).toMatchObject({ code: 'format', message: expect.stringContaining(message) });
    expect((error as LeiaError).message).not.toContain('\n');
    expect((error as LeiaError).message).toMatch(/^\S+\.jsonl: |^\d+\.jsonl: /);
    expect((error as LeiaError).message.length).toBeLessThan(400);
  }

  test('a file without any name: no dataset, and the folder is free', async () => {
    const output = join(await temporaryFolder(), 'data');
    const options = { language: 'pt', tokenizer, output };
    for (const text of ['', line({}), spans({ name: null })]) {
      const work = prepareText({ ...options, text: await file(text) });
      await expect(work).rejects.toMatchObject({
        code: 'mismatch',
        message: expect.stringContaining('no span with a name in it'),
      });
      expect(await readdir(output)).toEqual([]);
    }
  });

  test('any change of a file gives lines or a format error', async () => {
    const bytes = Buffer.from(lines(LINES));
    const change = fc.record({
      at: fc.nat(bytes.length - 1),
      byte: fc.nat(255),
      cut: fc.nat(bytes.length),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, byte, cut }) => {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        try {
          for (const { text, links } of await read(changed.subarray(0, cut))) {
            const { length } = Array.from(text);
            for (const { start, end } of links) expect(start < end && end <= length).toBe(true);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'format' });
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a part of the lines is taken', () => {
  const spans = [{ start: 0, end: 6, name: 'Lisbon' }];
  const MANY = Array.from({ length: 300 }, (_, i) => ({
    title: `T${i}`,
    text: `Lisboa ${'é '.repeat(i % 40)}fim`,
    spans,
  }));

  test('by title, length, sample and number, for any number of threads', async () => {
    const only = await file(
      `# mine\n${MANY.map(({ title }) => ` ${title}\n`)
        .slice(100)
        .join('')}`,
    );
    const filter = {
      only,
      minLength: 20,
      maxLength: 80,
      sample: { share: 0.5, seed: 1 },
      limit: 40,
    };
    const made = async (text: string, workers: number, more: object) => {
      const output = join(await temporaryFolder(), 'data');
      const options = { text, language: 'pt', tokenizer, output, workers };
      const { manifest } = await prepareText({ ...options, ...more });
      using dataset = await Dataset.open(output);
      const titles = Array.from(
        { length: dataset.articleCount },
        (_, i) => dataset.passage(i).title,
      );
      return { manifest, titles };
    };
    const text = await file(lines(MANY));
    const { manifest, titles } = await made(text, 1, filter);
    expect(titles).toHaveLength(40);
    for (const title of titles) {
      const i = Number(title.slice(1));
      expect(i).toBeGreaterThanOrEqual(100);
      const length = Array.from(MANY[i]!.text).length;
      expect(length).toBeGreaterThanOrEqual(20);
      expect(length).toBeLessThanOrEqual(80);
    }
    expect((await made(text, 2, filter)).titles).toEqual(titles);
    const { only: recorded, ...others } = manifest.meta.source.filter as Record<string, unknown>;
    expect(recorded).toMatchObject({ bytes: expect.any(Number), sha256: expect.any(String) });
    expect(others).toEqual({ ...filter, only: undefined });
    const leftOut = manifest.report.leftOut as Record<string, number>;
    expect(leftOut.title).toBe(100);
    expect(Object.keys(leftOut).sort()).toEqual(['sample', 'title', 'tooLong', 'tooShort']);
    const out = Object.values(leftOut).reduce((sum, count) => sum + count, 0);
    expect(manifest.report.articles).toBe(out + 40);
    const nothing = made(text, 1, { minLength: 1000 });
    const message = 'no article is left: 300 too short; leave out less';
    await expect(nothing).rejects.toMatchObject({ code: 'mismatch', message });
  });
});

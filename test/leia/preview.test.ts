// What a preview shows, beside what training sees: the rows of the first epoch, taken apart again.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerPreview } from '../../lib/cli/preview.ts';
import { type SequenceOptions, SequenceSource } from '../../lib/leia/batches.ts';
import { Dataset } from '../../lib/leia/dataset.ts';
import type { Passage } from '../../lib/leia/dataset-records.ts';
import { DatasetWriter } from '../../lib/leia/dataset-writer.ts';
import { type Piece, previewArticle } from '../../lib/leia/preview.ts';
import { ArticleTokenizer } from '../../lib/leia/tokenize-article.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { trainSettings } from '../../lib/train/settings.ts';
import { fixtures } from '../llama/fixtures.ts';

const tokenizerFolder = join(fixtures, 'tokenizer-tiny');
const translateId = 512;
const endTranslateId = 513;

/**
 * One paragraph of 40 words. Ten are linked to a page with an English name, which may be inserted. No name is
 * inserted for the three links to a page without one, nor for the three around a part of a token.
 */
function passageOf(number: number): Passage {
  const word = (i: number) => (i % 12 === 10 ? 'world' : `${'aeiou'[i % 5]}m${number}x${i}`);
  const words = Array.from({ length: 40 }, (_, i) => word(i));
  const anchors: Passage['anchors'] = [];
  let start = 0;
  for (const [i, word] of words.entries()) {
    const end = start + word.length;
    const link = { start, end, target: word, name: `Name ${i}` };
    if (i % 4 === 1) anchors.push(link);
    if (i % 12 === 6) anchors.push({ ...link, name: null });
    if (i % 12 === 10) anchors.push({ ...link, start: start + 2 });
    start = end + 1;
  }
  return { title: `Article ${number}`, text: words.join(' '), anchors };
}

async function write(folder: string, passages: readonly Passage[]): Promise<void> {
  const tokenizer = await Tokenizer.load(tokenizerFolder);
  const articles = new ArticleTokenizer(tokenizer);
  const { hash, vocabSize, bosId } = tokenizer;
  const writer = await DatasetWriter.create(folder, {
    language: 'pt',
    tokenizer: { hash, vocabSize, bosId },
    source: {},
  });
  for (const passage of passages) {
    const spans = passage.anchors.flatMap(({ start, end, name }) =>
      name === null ? [] : [{ start, end, name }],
    );
    const [result] = await articles.tokenize([{ text: passage.text, spans }]);
    await writer.append({ ...passage, ...result!.article });
  }
  await writer.finish({});
}

type Settings = Pick<SequenceOptions, 'strategy' | 'pSkip' | 'seed'>;

let folder: string;
let dataset: Dataset;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-preview-'));
  await write(
    folder,
    Array.from({ length: 12 }, (_, i) => passageOf(i)),
  );
  dataset = await Dataset.open(folder);
  tokenizer = await Tokenizer.load(tokenizerFolder);
});
afterAll(async () => {
  dataset.close();
  await rm(folder, { recursive: true });
});

/** Every article as the first epoch of training has it: its text with the marks, without white space. */
async function firstEpoch(settings: Settings): Promise<string[]> {
  const rows = new SequenceSource(dataset, {
    ...settings,
    translateId,
    endTranslateId,
    lossOnNames: true,
    sequenceLength: 32,
  });
  const ids: number[] = [];
  while (rows.epoch === 0) ids.push(...rows.next().inputIds);
  const starts = ids.flatMap((id, i) => (id === tokenizer.bosId ? [i] : []));
  const texts: string[] = [];
  // The last row may hold the beginning of the second epoch, too.
  for (const [i, start] of starts.slice(0, dataset.articleCount).entries()) {
    const text = await textOf(ids.slice(start + 1, starts[i + 1]));
    texts[Number(/m(\d+)x/.exec(text)![1])] = text;
  }
  expect(texts.filter(Boolean)).toHaveLength(dataset.articleCount);
  return texts;
}

async function textOf(ids: readonly number[]): Promise<string> {
  const marks = new Map([
    [translateId, '<translate>'],
    [endTranslateId, '</translate>'],
  ]);
  let text = '';
  let from = 0;
  for (const [i, id] of [...ids, -1].entries()) {
    if (!marks.has(id) && id >= 0) continue;
    text += (await tokenizer.decode(ids.slice(from, i))) + (marks.get(id) ?? '');
    from = i + 1;
  }
  return dense(text);
}

const dense = (text: string) => text.replace(/\s/gu, '');
const joined = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join('');

describe('previewArticle', () => {
  it.each([
    { strategy: 'left', pSkip: 0.5, seed: 1 },
    { strategy: 'right', pSkip: 0.5, seed: 1 },
    { strategy: 'right', pSkip: 0.5, seed: 2 },
    { strategy: 'replace', pSkip: 0.8, seed: 3 },
    { strategy: 'right', pSkip: 0, seed: 4 },
  ] as const)('shows what the first epoch has: %j', async (settings) => {
    const trained = await firstEpoch(settings);
    let shown = 0;
    for (const [i, after] of trained.entries()) {
      const preview = await previewArticle(dataset, i, tokenizer, settings);
      const names = after.match(/<translate>/g)?.length ?? 0;
      if (preview === undefined) {
        expect(names).toBe(0);
        continue;
      }
      shown++;
      expect(preview.title).toBe(`Article ${i}`);
      expect(joined(preview.before)).toBe(dataset.passage(i).text);
      expect(dense(joined(preview.after))).toBe(after);
      expect(preview.inserted).toBe(names);
      const inserted = preview.after.filter(({ kind }) => kind === 'name');
      expect(inserted).toHaveLength(names);
      for (const { text } of inserted) expect(text).toMatch(/^Name \d+$/);
      const linked = preview.before.filter(({ kind }) => kind === 'entity');
      expect(linked).toHaveLength(10);
    }
    expect(shown).toBeGreaterThan(6);
  });

  it('chooses the paragraph with most names, where they stand close', async () => {
    const long = `${'um dois tres '.repeat(20)}fim`;
    const passage = (paragraphs: string[], links: [number, string][]): Passage => ({
      title: 'One',
      text: paragraphs.join('\n'),
      anchors: links.map(([paragraph, word]) => {
        const before = paragraphs.slice(0, paragraph).join('\n').length + (paragraph > 0 ? 1 : 0);
        const start = before + paragraphs[paragraph]!.indexOf(word);
        return { start, end: start + word.length, target: word, name: word.toUpperCase() };
      }),
    });
    const first = `${'um dois tres '.repeat(6)}casa rio mar fim`;
    const show = (linked: Passage) =>
      previewArticle({ ...dataset, passage: () => linked }, 0, tokenizer, {
        strategy: 'right',
        pSkip: 0,
        seed: 1,
      });
    const chosen = await show(
      passage(
        [long, 'um a b', first],
        [
          [0, 'fim'],
          [2, 'casa'],
          [2, 'rio'],
        ],
      ),
    );
    expect(joined(chosen!.before)).toBe(first);
    expect(chosen!.inserted).toBe(2);
    // A line of a few words tells nothing.
    expect(await show(passage([long, 'um a b'], [[1, 'a']]))).toBeUndefined();
  });
});

describe('leia preview', () => {
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    vi.spyOn(console, 'log').mockImplementation((text: string) => {
      lines.push(...stripVTControlCharacters(text).split('\n'));
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  async function run(...args: string[]): Promise<string[]> {
    const program = new Command().exitOverride();
    registerPreview(program);
    const common = ['preview', '--data', folder, '--tokenizer', tokenizerFolder];
    await program.parseAsync([...common, ...args], { from: 'user' });
    return lines;
  }

  it('prints passages with the names that its settings insert in the first epoch', async () => {
    const settings = { strategy: 'left', pSkip: 0.6, seed: 9 } as const;
    const trained = await firstEpoch(settings);
    const args = ['--strategy', 'left', '--p-skip', '0.6', '--seed', '9', '--limit', '4'];
    const shown = (await run(...args)).filter((line) => line.startsWith('  after'));
    const expected = trained.filter((text) => text.includes('<translate>')).slice(0, 4);
    expect(shown.map((line) => dense(line.replace('  after', '')))).toEqual(expected);
  });

  it('inserts, unless told otherwise, as train does', async () => {
    const { strategy, pSkip, seed } = trainSettings
      .pick({ strategy: true, pSkip: true, seed: true })
      .parse({});
    const trained = await firstEpoch({ strategy, pSkip, seed });
    const shown = (await run('--limit', '12')).filter((line) => line.startsWith('  after'));
    expect(shown.map((line) => dense(line.replace('  after', '')))).toEqual(
      trained.filter((text) => text.includes('<translate>')),
    );
  });

  it('says when there is nothing to show', async () => {
    await expect(run('--p-skip', '1')).rejects.toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(/lower --p-skip/) }),
    );
    expect(lines).toEqual([]);
  });
});

// What each arm is trained on: the names stand where its configuration says, and the control's are wrong.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { armOf, arms } from '../../../lib/evaluate/replication/arms.ts';
import {
  articlesFor,
  claimFolder,
  type Experiment,
  inside,
  openExperiment,
  withWrongNames,
  writeData,
} from '../../../lib/evaluate/replication/experiment.ts';
import { wordsOf } from '../../../lib/evaluate/replication/vocabulary.ts';
import { SequenceSource } from '../../../lib/leia/batches.ts';
import { Dataset } from '../../../lib/leia/dataset.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';

let experiment: Experiment;
let tokenizer: Tokenizer;

beforeAll(async () => {
  const settings = { preset: 'quick', worldSeed: 1, device: 'cpu' } as const;
  experiment = openExperiment(await mkdtemp(join(tmpdir(), 'leia-arms-')), settings);
  await writeData(experiment);
  tokenizer = await Tokenizer.load(inside.tokenizer(experiment.folder));
});

afterAll(() => rm(experiment.folder, { recursive: true, force: true }));

/** The text of all an arm's articles as training sees it in its first epoch, and the share of labels that are ignored. */
async function seenBy(id: string): Promise<{ text: string; ignored: number }> {
  const arm = armOf(id);
  using dataset = await Dataset.open(inside.data(experiment.folder, arm));
  const articles = articlesFor(experiment, arm);
  const { vocabSize } = tokenizer;
  const { strategy = 'right', pSkip = 0.5, lossOnNames = true } = arm.training;
  const source = new SequenceSource(
    { articleCount: articles.length, article: (index) => dataset.article(articles[index]!) },
    {
      ...{ strategy, pSkip, lossOnNames },
      translateId: vocabSize,
      endTranslateId: vocabSize + 1,
      sequenceLength: 64,
      seed: 1,
    },
  );
  const words = new Map(
    wordsOf(experiment.world).map((word) => [tokenizer.tokenId(`▁${word}`)!, word]),
  );
  const parts: string[] = [];
  let [tokens, ignored] = [0, 0];
  while (source.epoch === 0) {
    const { inputIds, labels } = source.next();
    for (const [i, id] of inputIds.entries()) {
      tokens++;
      if (labels[i] === -100) ignored++;
      if (id === vocabSize) parts.push('<');
      else if (id === vocabSize + 1) parts.push('>');
      else if (id !== tokenizer.bosId) parts.push(words.get(id)!);
    }
  }
  return { text: parts.join(' '), ignored: ignored / tokens };
}

const links = () => experiment.corpora.adaptation.flatMap(({ spans }) => spans).length;
const inserted = (text: string) => text.split(' ').filter((word) => word === '<').length;

describe('an arm', () => {
  test.each(['left', 'right', 'replace'] as const)(
    '%s has every name at p_skip 0, half at 0.5',
    async (strategy) => {
      const [all, half] = [await seenBy(`${strategy}-0`), await seenBy(`${strategy}-0.5`)];
      // The last row begins the next epoch, so there may be a few more.
      expect(inserted(all.text) / links()).toBeGreaterThanOrEqual(1);
      expect(inserted(all.text) / links()).toBeLessThan(1.02);
      expect(inserted(half.text) / links()).toBeGreaterThan(0.45);
      expect(inserted(half.text) / links()).toBeLessThan(0.55);
    },
  );

  test.each([
    ['left', (target: string, english: string) => `< ${english} > ${target}`],
    ['right', (target: string, english: string) => `${target} < ${english} >`],
  ] as const)('%s has the English name beside the other', async (strategy, expected) => {
    const { text } = await seenBy(`${strategy}-0`);
    for (const { name } of experiment.world.entities) {
      expect(text).toContain(expected(name.target, name.english));
    }
  });

  test('replace has the English name alone', async () => {
    const { text } = await seenBy('replace-0');
    for (const { name } of experiment.world.entities) {
      expect(text).toContain(`< ${name.english} >`);
      expect(text).not.toContain(` ${name.target} `);
    }
  });

  test('plain has no name, and only what is inserted is never learned', async () => {
    expect(await seenBy('plain')).toMatchObject({ ignored: 0 });
    expect(inserted((await seenBy('plain')).text)).toBe(0);
    const [withLoss, without] = [await seenBy('right-0.5'), await seenBy('right-0.5-no-name-loss')];
    expect(without.text).toBe(withLoss.text);
    expect(without.ignored).toBeGreaterThan(1.3 * withLoss.ignored);
  });

  test('has English text unless it says otherwise', async () => {
    const english = experiment.corpora.replay[0]!.text;
    for (const { id, english: mixed } of arms) {
      const { text } = await seenBy(id);
      // Rows are cut anywhere, so a sentence of the article is looked for.
      const found = english.split(/(?<= \.) /).filter((sentence) => text.includes(sentence));
      if (mixed) expect(found.length).toBeGreaterThan(0);
      else expect(found.filter((sentence) => sentence.split(' ').length > 3)).toEqual([]);
    }
  });

  test('with shuffled names has for everyone the name of one other person', async () => {
    const { adaptation } = experiment.corpora;
    const wrong = withWrongNames(experiment.world, adaptation);
    const given = new Map<string, Set<string>>();
    for (const [i, { text, spans }] of wrong.entries()) {
      expect(text).toBe(adaptation[i]!.text);
      for (const [j, { start, end, name }] of spans.entries()) {
        expect(name).not.toBe(adaptation[i]!.spans[j]!.name);
        const own = text.slice(start, end);
        given.set(own, (given.get(own) ?? new Set()).add(name));
      }
    }
    expect([...given.values()].every((names) => names.size === 1)).toBe(true);
    expect(new Set([...given.values()].flatMap((names) => [...names])).size).toBe(given.size);
    const { text } = await seenBy('right-0.5-shuffled');
    for (const { name } of experiment.world.entities) {
      expect(text).not.toContain(`${name.target} < ${name.english} >`);
    }
  });
});

test('a folder belongs to one world', async () => {
  await claimFolder(experiment);
  await claimFolder(experiment);
  const settings = { preset: 'quick', worldSeed: 2, device: 'cpu' } as const;
  await expect(claimFolder(openExperiment(experiment.folder, settings))).rejects.toThrow(
    /another worldSeed \(1 there, 2 here\); choose another --output/,
  );
});

test('data that is there is left as it is', async () => {
  const file = `${inside.data(experiment.folder, armOf('plain'))}/manifest.json`;
  const { mtimeMs } = await stat(file);
  await writeData(experiment);
  const again = await stat(file);
  expect(again.mtimeMs).toBe(mtimeMs);
});

// Near-duplicates: what MinHash estimates, against the exact Jaccard similarity.
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatStatistics } from '../../../lib/cli/data.ts';
import {
  type PrepareTextOptions,
  prepareText,
} from '../../../lib/corpus/dataset/annotated-text.ts';
import { articleName, DuplicateList } from '../../../lib/corpus/dataset/duplicate-list.ts';
import { extractText } from '../../../lib/corpus/dataset/extract-text.ts';
import {
  DistinctArticles,
  nearSimilarity,
  signatureLength,
  similarity,
  writeSignature,
} from '../../../lib/corpus/dataset/near-duplicates.ts';
import { Dataset } from '../../../lib/leia/dataset.ts';
import { encodeArticles } from '../../../lib/leia/dataset-records.ts';
import { RandomStream } from '../../../lib/leia/random.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { expectError, fixtures, temporaryFolder } from '../../llama/fixtures.ts';
import { isFull } from '../../support/extent.ts';

function signatureOf(ids: ArrayLike<number>): Uint16Array {
  const signature = new Uint16Array(signatureLength);
  writeSignature(ids, signature, 0);
  return signature;
}

/** The exact similarity, by its definition. */
function jaccard(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [one, other] = [a, b].map((ids) => {
    const all = Array.from(ids);
    const starts = Array.from({ length: Math.max(1, all.length - 4) }, (_, i) => i);
    return new Set(starts.map((from) => all.slice(from, from + 5).join()));
  });
  const both = [...one!].filter((shingle) => other!.has(shingle)).length;
  return both / (one!.size + other!.size - both);
}

/** Random tokens, and the same with some runs of them replaced. */
function pair(random: RandomStream, length: number, changes: number): [number[], number[]] {
  const draw = () => Math.floor(random.next() * 32000);
  const a = Array.from({ length }, draw);
  const b = [...a];
  for (let i = 0; i < changes; i++) b[Math.floor(random.next() * length)] = draw();
  return [a, b];
}

test('the estimate is the exact similarity, within its error', () => {
  const random = RandomStream.of(3);
  let [sum, squares, count] = [0, 0, 0];
  for (const length of [40, 150, 800]) {
    for (const share of [0, 0.01, 0.03, 0.06, 0.2, 1]) {
      for (let repeat = 0; repeat < (isFull ? 8 : 3); repeat++) {
        const [a, b] = pair(random, length, Math.round(share * length));
        const exact = jaccard(a, b);
        const error = similarity(signatureOf(a), signatureOf(b)) - exact;
        expect(Math.abs(error)).toBeLessThan(0.25);
        sum += error;
        squares += error ** 2;
        count++;
        if (share === 0) expect(error).toBe(0);
      }
    }
  }
  // Unbiased, and as exact as 128 independent bins are.
  expect(Math.abs(sum / count)).toBeLessThan(0.015);
  expect(Math.sqrt(squares / count)).toBeLessThan(0.05);
});

test('short texts have a signature too', () => {
  for (const length of [0, 1, 4, 5, 6]) {
    const ids = Array.from({ length }, (_, i) => i);
    expect(similarity(signatureOf(ids), signatureOf([...ids]))).toBe(1);
    expect(similarity(signatureOf(ids), signatureOf([...ids, 99]))).toBeLessThan(0.9);
  }
});

test('the first of those that are nearly the same stays', () => {
  const random = RandomStream.of(5);
  const distinct = new DistinctArticles();
  const texts = Array.from({ length: isFull ? 6000 : 1000 }, () => pair(random, 120, 1));
  for (const [i, [text]] of texts.entries()) {
    expect(distinct.add(signatureOf(text))).toBeUndefined();
    expect(distinct.count).toBe(i + 1);
  }
  let found = 0;
  for (const [i, [text, changed]] of texts.entries()) {
    expect(distinct.add(signatureOf(text))).toEqual({ of: i, similarity: 1 });
    const near = distinct.add(signatureOf(changed));
    // One token changed is five shingles of 116 in each: a similarity of 0.92.
    if (near === undefined) continue;
    expect(near.of).toBe(i);
    expect(near.similarity).toBeGreaterThanOrEqual(nearSimilarity);
    found++;
  }
  expect(found).toBeGreaterThan(0.995 * texts.length);
});

test('many texts of one pattern take time that grows with their number', () => {
  const random = RandomStream.of(7);
  const distinct = new DistinctArticles();
  const [pattern] = pair(random, 300, 0);
  for (let i = 0; i < (isFull ? 3000 : 500); i++) {
    // Half of the shingles are those of all others.
    const own = Array.from({ length: 150 }, () => Math.floor(random.next() * 32000));
    expect(distinct.add(signatureOf([...pattern.slice(0, 220), ...own]))).toBeUndefined();
  }
});

test('on articles of a real wiki, what is found is what is so similar', async () => {
  const dump = join(fixtures, 'dumps', 'ltgwiki-2017-pages-articles.xml.bz2');
  const tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  const texts: string[] = [];
  for await (const { lines } of extractText({ dump, limit: isFull ? 250 : 90, workers: 1 })) {
    for (const line of Buffer.from(lines).toString().split('\n').slice(0, -1)) {
      texts.push(JSON.parse(line).text.slice(0, 1500));
    }
  }
  // Some are there once more, with a word at the end.
  const all = [...texts, ...texts.slice(0, 20).map((text) => `${text} Vārds.`)];
  const ids = (await tokenizer.encodeBatch(all)).map(({ ids }) => ids);
  const signatures = ids.map(signatureOf);
  const distinct = new DistinctArticles();
  const kept: number[] = [];
  let [clear, compared] = [0, 0];
  for (const [i, signature] of signatures.entries()) {
    const exact = kept.map((other) => {
      const estimate = similarity(signature, signatures[other]!);
      // Where the estimate is nothing, the exact value takes long and is little.
      return estimate < 0.05 ? 0 : jaccard(ids[i]!, ids[other]!);
    });
    const highest = Math.max(0, ...exact);
    const found = distinct.add(signature);
    compared += exact.length;
    if (found === undefined) {
      kept.push(i);
      expect(highest).toBeLessThan(0.95);
    } else {
      expect(exact[found.of]).toBeGreaterThan(0.65);
      expect(Math.abs(exact[found.of]! - found.similarity)).toBeLessThan(0.2);
      clear++;
    }
  }
  expect(clear).toBeGreaterThanOrEqual(18);
  expect(compared).toBeGreaterThan(isFull ? 20_000 : 4000);
});

test('the list names pages by title and number, and is not trusted if it has become shorter', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'near-duplicates.jsonl');
  const odd = 'A ","text":"\\';
  const article = { text: 'a', anchors: [], inputIds: Int32Array.of(1, 2), entities: [] };
  const encoded = encodeArticles(
    [
      { ...article, title: odd, id: 3 },
      { ...article, title: 'B', id: 7, url: 'https://x.org/B' },
      { ...article, title: 'C' },
    ],
    9,
  );
  const signature = signatureOf([1, 2, 3]);
  let bytes: number;
  {
    await using list = await DuplicateList.open(folder, 0);
    const repeats = [0, 1, 2].map((i) => list.add(signature, articleName(encoded, i)));
    expect(repeats).toEqual([false, true, true]);
    bytes = await list.flush();
  }
  const of = { title: odd, id: 3 };
  const lines = [
    { title: 'B', id: 7, similarity: 1, of },
    { title: 'C', similarity: 1, of },
  ].map((line) => `${JSON.stringify(line)}\n`);
  expect(await readFile(path, 'utf8')).toBe(lines.join(''));
  {
    await using list = await DuplicateList.open(folder, lines[0]!.length);
    list.restore(signature, of);
    expect(list.add(signature, { title: 'C' })).toBe(true);
    expect(await list.flush()).toBe(bytes);
  }
  expect(await readFile(path, 'utf8')).toBe(lines.join(''));
  await expectError(
    () => DuplicateList.open(folder, bytes + 1),
    'format',
    `has ${bytes} bytes, expected ${bytes + 1}`,
  );
});

describe('in a dataset', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  });

  const word = (random: RandomStream) => `w${Math.floor(random.next() * 9999)}`;

  /** 300 texts; each third repeats the one three lines before, but for a word. */
  async function makeOptions(): Promise<PrepareTextOptions> {
    const random = RandomStream.of(9);
    const texts: string[] = [];
    for (let i = 0; i < 300; i++) {
      const own = Array.from({ length: 60 }, () => word(random)).join(' ');
      texts.push(i % 3 === 2 && i > 3 ? `${texts[i - 3]!} ${word(random)}` : `Lisboa ${own}`);
    }
    const lines = texts.map((text, i) => {
      const spans = [{ start: 0, end: 6, name: 'Lisbon' }];
      return JSON.stringify({ title: String(i), text, spans });
    });
    const folder = await temporaryFolder();
    const text = join(folder, 'text.jsonl');
    await writeFile(text, `${lines.join('\n')}\n`);
    return { text, language: 'pt', tokenizer, output: join(folder, 'data') };
  }

  async function made(options: PrepareTextOptions) {
    const { manifest } = await prepareText(options);
    using dataset = await Dataset.open(options.output);
    const titles = Array.from({ length: dataset.articleCount }, (_, i) => dataset.passage(i).title);
    return {
      manifest,
      titles,
      text: await readFile(join(options.output, 'manifest.json'), 'utf8'),
      list: await readFile(join(options.output, 'near-duplicates.jsonl'), 'utf8').catch(() => ''),
    };
  }

  test('they are listed and counted, or dropped; the same for any number of threads, and after an interruption', async () => {
    const base = { ...(await makeOptions()), shardBytes: 60_000 };
    const plain = await made(base);
    expect(plain.titles).toHaveLength(300);
    expect(plain.manifest.report).not.toHaveProperty('nearDuplicates');
    const at = (name: string) => `${base.output}-${name}`;
    // The first of a chain is one that repeats none: each after it is like that one.
    const repeated = Array.from({ length: 300 }, (_, i) => i).filter((i) => i % 3 === 2 && i > 3);
    const drop = { ...base, nearDuplicates: 'drop', output: at('drop'), workers: 1 } as const;
    const dropped = await made(drop);
    expect(dropped.manifest.meta.source.nearDuplicates).toBe('drop');
    const left = 300 - dropped.titles.length;
    expect(dropped.manifest.report).toMatchObject({ articles: 300, leftOut: { repeated: left } });
    const gone = plain.titles.filter((title) => !dropped.titles.includes(title)).map(Number);
    expect(gone.every((i) => repeated.includes(i))).toBe(true);
    expect(gone.length).toBeGreaterThan(70);
    const counted = await made({ ...base, nearDuplicates: 'report', output: at('report') });
    expect(counted.titles).toEqual(plain.titles);
    expect(counted.manifest.report.nearDuplicates).toBe(left);
    expect(formatStatistics(counted.manifest)).toMatch(
      new RegExp(`^near-duplicates of an earlier one +${left}$`, 'm'),
    );
    expect(formatStatistics(dropped.manifest)).toContain(
      `${left} near-duplicates of an earlier one`,
    );
    // Each is listed with the first of its chain, the same whether it is dropped or not.
    expect(plain.list).toBe('');
    expect(counted.list).toBe(dropped.list);
    const listed = dropped.list.split('\n').slice(0, -1);
    const pairs = listed.map((line) => JSON.parse(line));
    expect(pairs.map(({ title }) => Number(title))).toEqual(gone);
    for (const { title, similarity, of, ...rest } of pairs) {
      expect(rest).toEqual({});
      expect(Number(of.title)).toBeLessThan(Number(title));
      expect((Number(title) - Number(of.title)) % 3).toBe(0);
      expect(dropped.titles).toContain(of.title);
      expect(similarity).toBeGreaterThanOrEqual(nearSimilarity);
      expect(similarity).toBeLessThanOrEqual(1);
    }
    for (const kind of ['drop', 'report'] as const) {
      const output = at(`${kind}-parts`);
      const options = {
        ...base,
        nearDuplicates: kind,
        output,
        workers: kind === 'drop' ? 2 : 1,
      } as const;
      const stop = new AbortController();
      const onProgress = (stage: string, done: number) => {
        if (stage === 'articles' && done > 200) stop.abort();
      };
      const begun = prepareText({ ...options, signal: stop.signal, onProgress });
      await expect(begun).rejects.toMatchObject({ code: 'interrupted' });
      const whole = kind === 'drop' ? dropped : counted;
      // What a process that was killed leaves behind its last whole shard.
      await appendFile(join(output, 'near-duplicates.jsonl'), '{"title":"half');
      const resumed = await made(options);
      expect(resumed.text).toBe(whole.text);
      expect(resumed.list).toBe(whole.list);
    }
  });
});

import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Dataset } from '../../lib/leia/dataset.ts';
import type { DatasetMeta } from '../../lib/leia/dataset-format.ts';
import type { Passage } from '../../lib/leia/dataset-records.ts';
import { DatasetWriter } from '../../lib/leia/dataset-writer.ts';
import type { TokenizedArticle } from '../../lib/leia/entity.ts';
import { LeiaError } from '../../lib/system/error.ts';

type FullArticle = Passage & TokenizedArticle;

const meta: DatasetMeta = {
  language: 'ja',
  tokenizer: { hash: 'abc', vocabSize: 512, bosId: 1 },
  source: { dump: 'jawiki.xml.bz2' },
};

const article = fc
  .record({
    title: fc.string({ unit: 'grapheme' }),
    text: fc.string({ unit: 'grapheme' }),
    ids: fc.array(fc.integer({ min: 0, max: 511 }), { minLength: 1, maxLength: 40 }),
    entities: fc.array(fc.tuple(fc.nat(5), fc.nat(5), fc.array(fc.nat(511), { maxLength: 4 }))),
    name: fc.option(fc.string()),
  })
  .map(({ title, text, ids, entities, name }): FullArticle => {
    const result: FullArticle = {
      title,
      text,
      anchors: [{ start: 0, end: 2, target: title, name }],
      inputIds: Int32Array.from(ids),
      entities: [],
    };
    let at = 1;
    for (const [gap, length, nameIds] of entities) {
      const start = at + gap;
      const end = start + 1 + length;
      if (end > ids.length) break;
      result.entities.push({ start, end, nameIds: Int32Array.from(nameIds) });
      at = end;
    }
    return result;
  });

const three: FullArticle[] = [1, 2, 3].map((i) => ({
  title: `東京 ${i}`,
  text: 'x'.repeat(50),
  anchors: [{ start: 1, end: 4, target: 'Tokyo', name: i === 2 ? null : 'Tokyo' }],
  inputIds: Int32Array.from({ length: 20 }, (_, k) => k + i),
  entities: [
    { start: 2, end: 5, nameIds: Int32Array.of(300, 301) },
    { start: 7, end: 20, nameIds: Int32Array.of(302) },
  ],
}));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-dataset-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(articles: readonly FullArticle[], shardBytes = 1 << 20, into = folder) {
  const writer = await DatasetWriter.create(into, meta, { shardBytes });
  for (const item of articles) await writer.append(item);
  return await writer.finish({ anchors: 7 });
}

function read(dataset: Dataset): FullArticle[] {
  return Array.from({ length: dataset.articleCount }, (_, i) => ({
    ...dataset.passage(i),
    ...dataset.article(i),
  }));
}

describe('a dataset', () => {
  it('gives back what was written, in any number of shards', async () => {
    const articles = fc.array(article, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(articles, fc.integer({ min: 1, max: 2000 }), async (articles, bytes) => {
        const into = await mkdtemp(join(folder, 'run-'));
        const manifest = await write(articles, bytes, into);
        using dataset = await Dataset.open(into);
        expect(read(dataset)).toEqual(articles);
        expect(dataset.manifest).toEqual(manifest);
        expect(manifest.tokens).toBe(articles.reduce((sum, a) => sum + a.inputIds.length, 0));
        expect(manifest.entities).toBe(articles.reduce((sum, a) => sum + a.entities.length, 0));
        await dataset.verify();
      }),
      { numRuns: 30 },
    );
  });

  it('says what is in it', async () => {
    await write(three, 1);
    using dataset = await Dataset.open(folder);
    expect(dataset.manifest).toMatchObject({ articles: 3, tokens: 60, entities: 6, meta });
    expect(dataset.manifest.report).toEqual({ anchors: 7 });
    expect(dataset.manifest.shards).toHaveLength(3);
    expect(await readdir(folder)).not.toContain('progress.json');
    for (const index of [-1, 3, 0.5]) {
      expect(() => dataset.article(index)).toThrow(/expected 0 to 2/);
    }
  });

  it('is mapped: what was read outlives it, and writing into that changes no file', async () => {
    await write(three);
    const dataset = await Dataset.open(folder);
    const { inputIds } = dataset.article(1);
    const before = [...inputIds];
    dataset.close();
    expect([...inputIds]).toEqual(before);
    inputIds.fill(0);
    using again = await Dataset.open(folder);
    expect([...again.article(1).inputIds]).toEqual(before);
    await again.verify();
  });

  it('is not read when a file has become shorter since it was opened, mapped or not', async () => {
    await write(three);
    for (const [name, read] of [
      ['articles-00000.bin', (dataset: Dataset) => dataset.article(1).inputIds],
      ['passages-00000.jsonl', (dataset: Dataset) => dataset.passage(1).text],
    ] as const) {
      const path = join(folder, name);
      const whole = await readFile(path);
      for (const mapped of [false, true]) {
        using dataset = await Dataset.open(folder);
        const before = mapped ? read(dataset) : undefined;
        await truncate(path, 40);
        expect(() => read(dataset)).toThrow(
          `${path} has become shorter: 40 bytes, manifest.json says ${whole.length}`,
        );
        // What was read before is no part of the file.
        if (before !== undefined) expect([...before]).toHaveLength(before.length);
        await writeFile(path, whole);
        expect(read(dataset)).toHaveLength(before?.length ?? read(dataset).length);
      }
    }
  });

  it('goes on when a file that is mapped is removed, and says so when one is not there', async () => {
    await write(three);
    const path = join(folder, 'articles-00000.bin');
    using mapped = await Dataset.open(folder);
    mapped.article(0);
    using other = await Dataset.open(folder);
    await rm(path);
    expect([...mapped.article(1).inputIds]).toEqual([...three[1]!.inputIds]);
    expect(() => other.article(1)).toThrow(/cannot read .*articles-00000\.bin: no such file/);
  });

  it('knows the tokenizer it was made with', async () => {
    await write(three);
    using dataset = await Dataset.open(folder);
    dataset.checkTokenizer({ hash: 'abc', folder: 'base' });
    expect(() => dataset.checkTokenizer({ hash: 'abd', folder: 'other' })).toThrow(
      /prepared with another tokenizer than that of other/,
    );
  });

  it('goes on after an interruption as if there had been none', async () => {
    const begun = await DatasetWriter.create(folder, meta, { shardBytes: 500 });
    expect(begun.cursor).toBeNull();
    for (const [i, item] of three.entries()) await begun.append(item, { next: i + 1 });
    // Two articles fill a shard; the third is in one that is given up.
    await begun[Symbol.asyncDispose]();
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
    const resumed = await DatasetWriter.create(folder, meta, { shardBytes: 500 });
    expect(resumed.articleCount).toBe(2);
    expect(resumed.cursor).toEqual({ next: 2 });
    await expect(Dataset.open(folder)).rejects.toThrow(/is not finished/);
    await resumed.append(three[2]!, { next: 3 });
    await resumed.finish();
    using dataset = await Dataset.open(folder);
    expect(read(dataset)).toEqual(three);
  });

  it('refuses to mix two datasets', async () => {
    const begun = await DatasetWriter.create(folder, meta, { shardBytes: 1 });
    await begun.append(three[0]!);
    await begun[Symbol.asyncDispose]();
    const other = { ...meta, source: { dump: 'dewiki.xml.bz2' } };
    await expect(DatasetWriter.create(folder, other)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('other input or options'),
    });
    await (await DatasetWriter.create(folder, meta)).finish();
    await expect(DatasetWriter.create(folder, meta)).rejects.toThrow(/already holds a finished/);
  });

  it('refuses to be empty', async () => {
    const writer = await DatasetWriter.create(folder, meta);
    await expect(writer.finish()).rejects.toMatchObject({ code: 'usage' });
    await expect(Dataset.open(folder)).rejects.toMatchObject({ code: 'io' });
  });

  it('refuses articles that cannot be', async () => {
    const writer = await DatasetWriter.create(folder, meta);
    const base = three[0]!;
    const nameIds = Int32Array.of(5);
    for (const bad of [
      { ...base, inputIds: Int32Array.of() },
      { ...base, inputIds: Int32Array.of(1, 512) },
      { ...base, inputIds: Int32Array.of(1, -1) },
      { ...base, entities: [{ start: 0, end: 2, nameIds }] },
      { ...base, entities: [{ start: 3, end: 3, nameIds }] },
      { ...base, entities: [{ start: 3, end: 21, nameIds }] },
      { ...base, entities: [{ start: 3, end: 5, nameIds: Int32Array.of(600) }] },
      { ...base, entities: [...base.entities, { start: 6, end: 8, nameIds }] },
    ]) {
      await expect(writer.append(bad)).rejects.toMatchObject({ code: 'format' });
    }
    expect(writer.articleCount).toBe(0);
  });

  it('writes no more after an error, be it that of a shard that was still being flushed', async () => {
    const writer = await DatasetWriter.create(folder, meta, { shardBytes: 500 });
    await writer.append(three[0]!, 'one');
    await writer.append(three[1]!, 'two'); // The first shard is full.
    const temporary = /^\..*-00001\..*\.tmp$/;
    await writer.append(three[2]!, 'three');
    const [stolen] = (await readdir(folder)).filter((name) => temporary.test(name));
    await rm(join(folder, stolen!));
    await writer.append(three[0]!, 'four'); // So is the second.
    const refused = {
      code: 'io',
      message: expect.stringMatching(/cannot write .*-00001\..*does another leia write/),
    };
    const rest = async () => {
      for (;;) await writer.append(three[0]!, 'five');
    };
    await expect(rest()).rejects.toMatchObject(refused);
    await expect(writer.append(three[1]!)).rejects.toMatchObject(refused);
    await expect(writer.finish()).rejects.toMatchObject(refused);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
    await using again = await DatasetWriter.create(folder, meta);
    expect([again.cursor, again.articleCount]).toEqual(['two', 2]);
  });

  it('names the folder it cannot write to', async () => {
    const path = join(folder, 'file');
    await writeFile(path, '');
    await expect(DatasetWriter.create(join(path, 'data'), meta)).rejects.toMatchObject({
      code: 'io',
      message: expect.stringContaining(join(path, 'data')),
    });
  });
});

describe('a damaged dataset', () => {
  /** What opening, or else verifying, says; it never succeeds and never throws anything else. */
  async function damage(): Promise<LeiaError> {
    try {
      using dataset = await Dataset.open(folder);
      await dataset.verify();
    } catch (error) {
      expect(error).toBeInstanceOf(LeiaError);
      expect((error as LeiaError).message).not.toContain('\n');
      return error as LeiaError;
    }
    return expect.unreachable('the damage was not seen');
  }

  const files = ['articles-00000.bin', 'passages-00000.jsonl', 'index-00000.bin', 'manifest.json'];

  it.each(files)('is refused when %s is truncated or missing', async (name) => {
    await write(three);
    const path = join(folder, name);
    const { length } = await readFile(path);
    for (const size of [length - 2, length >> 1, 0]) {
      await truncate(path, size);
      expect(await damage()).toMatchObject({
        code: 'format',
        message: expect.stringContaining(name),
      });
    }
    await rm(path);
    expect(await damage()).toMatchObject({ code: 'io', message: expect.stringContaining(name) });
  });

  it('is refused when any bit is flipped', async () => {
    await write(three);
    for (const name of files.slice(0, 3)) {
      const path = join(folder, name);
      const bytes = await readFile(path);
      const position = fc.nat(8 * bytes.length - 1);
      await fc.assert(
        fc.asyncProperty(position, async (bit) => {
          const copy = Buffer.from(bytes);
          copy[bit >> 3]! ^= 1 << (bit & 7);
          await writeFile(path, copy);
          expect((await damage()).code).toBe('format');
        }),
        { numRuns: 20 },
      );
      await writeFile(path, bytes);
    }
  });

  it('is never read past its records, whatever stands in them', async () => {
    await write(three);
    const path = join(folder, 'articles-00000.bin');
    const bytes = await readFile(path);
    const position = fc.nat(bytes.length / 4 - 1);
    await fc.assert(
      fc.asyncProperty(
        position,
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        async (at, x) => {
          const copy = Buffer.from(bytes);
          copy.writeInt32LE(x, 4 * at);
          await writeFile(path, copy);
          using dataset = await Dataset.open(folder);
          for (let i = 0; i < dataset.articleCount; i++) {
            try {
              const { inputIds, entities } = dataset.article(i);
              const ids = [...inputIds, ...entities.flatMap(({ nameIds }) => [...nameIds])];
              expect(ids.every((id) => id >= 0 && id < 512)).toBe(true);
            } catch (error) {
              expect(error).toMatchObject({ name: 'LeiaError', code: 'format' });
            }
          }
        },
      ),
    );
  });

  it.each<[string, (manifest: Record<string, unknown>) => unknown]>([
    ['another version', (manifest) => ({ ...manifest, version: 2 })],
    ['another format', (manifest) => ({ ...manifest, format: 'x' })],
    ['unknown keys', (manifest) => ({ ...manifest, extra: 1 })],
    ['no shards', (manifest) => ({ ...manifest, shards: [] })],
    ['no articles', (m) => ({ ...m, shards: [], articles: 0, tokens: 0, entities: 0 })],
    ['a wrong sum', (manifest) => ({ ...manifest, tokens: 61 })],
    ['a lying shard', (manifest) => lying(manifest)],
    ['nothing', () => null],
  ])('is refused when its manifest has %s', async (_, edit) => {
    await write(three);
    const path = join(folder, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify(edit(manifest)));
    expect((await damage()).code).toBe('format');
  });

  function lying(manifest: Record<string, unknown>) {
    const [shard] = manifest.shards as Record<string, unknown>[];
    return { ...manifest, articles: 1e9, shards: [{ ...shard, articles: 1e9 }] };
  }
});

// From a dump to a dataset: what it holds for each kind of English names, and that an interruption at any
// place changes nothing.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatStatistics } from '../../../lib/cli/data.ts';
import { type PrepareOptions, prepare } from '../../../lib/corpus/dataset/prepare.ts';
import { Dataset } from '../../../lib/leia/dataset.ts';
import type { Passage } from '../../../lib/leia/dataset-records.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { fixtures, temporaryFolder } from '../../llama/fixtures.ts';
import {
  dumpXml,
  EXPECTED,
  KINDS,
  type Kind,
  PAGES,
  writeDump,
  writeNames,
  writePieces,
} from '../small-wiki.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
});

async function makeOptions(
  kind: Kind = 'titles',
  pages = PAGES,
): Promise<PrepareOptions & { dump: string }> {
  const folder = await temporaryFolder();
  return {
    dump: await writeDump(folder, pages),
    language: 'pt',
    names: { kind, path: await writeNames(folder, kind) },
    tokenizer,
    output: join(folder, 'data'),
  };
}

/** Every file of a folder by name. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const files = names.map(async (name) => [name, await readFile(join(folder, name), 'latin1')]);
  return Object.fromEntries(await Promise.all(files));
}

async function passages(folder: string): Promise<Passage[]> {
  using dataset = await Dataset.open(folder);
  return Array.from({ length: dataset.articleCount }, (_, i) => dataset.passage(i));
}

describe('a dataset', () => {
  test.each(KINDS)('with names from %s', async (kind) => {
    const options = await makeOptions(kind);
    const { manifest } = await prepare(options);
    expect(await passages(options.output)).toEqual(EXPECTED);
    expect(manifest.report).toEqual({
      pages: PAGES.length,
      redirects: 3,
      names: expect.any(Number),
      newestRevision: '2026-11-20T08:15:00Z',
      articles: 5,
      withoutLinks: 2,
      anchors: 9,
      linked: 5,
      fromTemplates: 0,
      filtered: 1,
      misaligned: { end: 1 },
    });
    expect(manifest.meta.source).toMatchObject({
      dump: { file: 'ptwiki-pages-articles.xml' },
      lists: 'keep',
      names: { kind },
    });
  });

  test('English titles that templates say are names, where nothing else is known', async () => {
    const folder = await temporaryFolder();
    const text =
      'O {{ill|Castelo|en|Castle (x)}} e {{ill|Lisboa|en|Wrong}} e {{ill|Tejo|en|Wrong}} e {{ill|Reis|en|List of kings}} ' +
      'e {{ill|A|de|B}} e {{ill|C|en|D#E}} e [[Portugal]].';
    const dump = await writeDump(folder, [...PAGES, { title: 'Novo', text }]);
    const options = { ...(await makeOptions()), dump };
    const { manifest } = await prepare(options);
    expect(manifest.report).toMatchObject({ linked: 10, fromTemplates: 2, filtered: 2 });
    const names = (await passages(options.output))
      .at(-1)!
      .anchors.map(({ target, name }) => [target, name]);
    expect(names).toEqual([
      ['Castelo', 'Castle'],
      ['Lisboa', 'Lisbon'],
      ['Rio Tejo', 'Tagus'],
      ['Reis', null],
      ['A', null],
      ['C', null],
      ['Portugal', 'Portugal'],
    ]);
    const output = `${options.output}-wiki`;
    const { manifest: wiki } = await prepare({ ...options, output, links: 'wiki' });
    expect(wiki.report).toMatchObject({ linked: 6, fromTemplates: 0 });
    const [passage] = (await passages(output)).slice(-1);
    expect(passage!.text).toBe('O Castelo e Lisboa e Tejo e Reis e A e C e Portugal.');
    expect(passage!.anchors).toHaveLength(1);
  });

  test('the newest revision stands for the date that a name lacks', async () => {
    const options = await makeOptions();
    const xml = dumpXml(PAGES);
    const times = ['2026-11-21T00:00:01Z', '2026-11-20T23:59:59Z', '2027-01-01', '9999-99-99T'];
    let i = 0;
    await writeFile(
      options.dump,
      xml.replaceAll(/<timestamp>.*?</g, () => `<timestamp>${times[i++ % times.length]}<`),
    );
    const { manifest } = await prepare(options);
    expect(manifest.report.newestRevision).toBe('2026-11-21T00:00:01Z');
    expect(formatStatistics(manifest)).toMatch(/^newest revision in it +2026-11-21T00:00:01Z$/m);
    await writeFile(options.dump, xml.replaceAll(/<timestamp>.*?<\/timestamp>/g, ''));
    const output = `${options.output}-timeless`;
    const { manifest: timeless } = await prepare({ ...options, output });
    expect(timeless.report).not.toHaveProperty('newestRevision');
  });

  test('tokens are those of the text, entities those of the named links', async () => {
    const options = await makeOptions();
    await prepare(options);
    using dataset = await Dataset.open(options.output);
    for (const [i, { text, anchors }] of EXPECTED.entries()) {
      const { inputIds, entities } = dataset.article(i);
      expect(inputIds[0]).toBe(tokenizer.bosId);
      expect([...inputIds.subarray(1)]).toEqual([...(await tokenizer.encode(text)).ids]);
      const found = await Promise.all(
        entities.map(async ({ start, end, nameIds }) => [
          (await tokenizer.decode(inputIds.subarray(start, end))).trim(),
          await tokenizer.decode(nameIds),
        ]),
      );
      const expected = anchors.flatMap(({ start, end, name }) => {
        // The tiny tokenizer has a token "a.", so the link at the end of "… é Lisboa." ends inside one.
        if (name === null || text.endsWith(`é ${text.slice(start, end)}.`)) return [];
        return [[Array.from(text).slice(start, end).join(''), name]];
      });
      expect(found).toEqual(expected);
    }
  });

  test('items of lists can be left out', async () => {
    const options = await makeOptions();
    await prepare({ ...options, lists: 'drop' });
    expect(await passages(options.output)).toEqual(EXPECTED.slice(0, 2));
    await expect(prepare(options)).rejects.toThrow(/source\.lists: "drop" there, "keep" here/);
  });

  test('made before of the same input is left as it is', async () => {
    const options = await makeOptions();
    const { manifest } = await prepare(options);
    const stages: string[] = [];
    expect(await prepare({ ...options, onProgress: (stage) => stages.push(stage) })).toEqual({
      manifest,
      made: false,
    });
    expect(new Set(stages)).toEqual(new Set(['checksums']));
  });

  test('a dump of another language is used with a warning', async () => {
    const warnings: string[] = [];
    const options = await makeOptions();
    await prepare({ ...options, language: 'gl', onWarning: (text) => warnings.push(text) });
    expect(warnings).toEqual([`${options.dump} says that its language is 'pt', not 'gl'`]);
  });
});

test('a page made to be slow is told, and harms no other', async () => {
  const hostile = { title: 'Armadilha', text: `${'{{a|[[b|'.repeat(20_000)} [[Lisboa]]` };
  const warnings: string[] = [];
  const options = await makeOptions('titles', [...PAGES, hostile]);
  await prepare({ ...options, onWarning: (text) => warnings.push(text) });
  expect(warnings).toEqual([
    expect.stringMatching(/^page 'Armadilha': \d+ templates, tables or links are never closed$/),
  ]);
  expect((await passages(options.output)).slice(0, 3)).toEqual(EXPECTED);
});

describe('an interruption', () => {
  /** Many articles, so that there are batches and shards to be interrupted between. */
  const many = Array.from({ length: 300 }, (_, i) => ({
    title: `Página ${i}`,
    text: i % 7 === 0 ? 'Sem ligações.' : `${PAGES[0]!.text}\n${'palavra '.repeat(i)}[[Lisboa]]`,
  }));

  const small = { shardBytes: 300_000, batchBytes: 20_000, workers: 2 };

  test('at any place leads to the same bytes', async () => {
    const options = { ...(await makeOptions('titles', many)), ...small };
    await prepare(options);
    const expected = await contents(options.output);
    expect(Object.keys(expected).length).toBeGreaterThan(6);

    for (const stops of [[1], [129, 290]]) {
      const output = join(await temporaryFolder(), 'data');
      for (const stop of stops) {
        const controller = new AbortController();
        const work = prepare({
          ...options,
          output,
          signal: controller.signal,
          onProgress: (stage, done) => {
            if (stage === 'articles' && done >= stop) controller.abort();
          },
        });
        await expect(work).rejects.toMatchObject({ code: 'interrupted' });
        await expect(Dataset.open(output)).rejects.toThrow(
          /is not finished; run the same leia prepare again/,
        );
        // What a process that was killed in the middle of writing leaves.
        await writeFile(join(output, '.articles-00001.bin.12-abcdef01.tmp'), 'half');
        await writeFile(join(output, '.progress.json.12-abcdef01.tmp'), '{');
      }
      const first: number[] = [];
      await prepare({
        ...options,
        output,
        onProgress: (stage, done) => {
          if (stage === 'articles') first.push(done);
        },
      });
      expect(await contents(output)).toEqual(expected);
      // Shards that were complete are not made again.
      if (stops.at(-1)! > 200) expect(first[0]).toBeGreaterThan(100);
    }
  });

  test('nor do the number of threads and where the pages are parted change a byte', async () => {
    const options = await makeOptions('titles', many);
    const outcomes = await Promise.all(
      [
        { workers: 1, batchBytes: 20_000 },
        { workers: 3, batchBytes: 20_000 },
        { workers: 2, batchBytes: 70_000 },
        { batchBytes: 1_000_000 },
      ].map(async (threads, i) => {
        const output = `${options.output}-${i}`;
        await prepare({ ...options, ...threads, output });
        return contents(output);
      }),
    );
    for (const outcome of outcomes.slice(1)) expect(outcome).toEqual(outcomes[0]);
  });

  test('nor whether the tokenizer is native or the library: each thread has its own then', async () => {
    const options = { ...(await makeOptions('titles', many)), ...small };
    await prepare(options);
    const folder = await temporaryFolder();
    await cp(tokenizer.folder, folder, { recursive: true });
    const path = join(folder, 'tokenizer.json');
    const json = JSON.parse(await readFile(path, 'utf8'));
    const noSteps = { type: 'Sequence', pretokenizers: [] };
    await writeFile(path, JSON.stringify({ ...json, pre_tokenizer: noSteps }));
    const library = await Tokenizer.load(folder);
    expect([tokenizer.tables === undefined, library.tables === undefined]).toEqual([false, true]);
    const output = `${options.output}-library`;
    await prepare({ ...options, tokenizer: library, output });
    const [native, byLibrary] = [await contents(options.output), await contents(output)];
    for (const name of ['articles-00000.bin', 'passages-00001.jsonl', 'index-00001.bin']) {
      expect(byLibrary[name]).toBeDefined();
      expect(byLibrary[name]).toBe(native[name]);
    }
  });

  test('while names or checksums are read is heard too', async () => {
    for (const stop of ['checksums', 'titles', 'names'] as const) {
      const options = await makeOptions('wikidata');
      const controller = new AbortController();
      const onProgress = (stage: string) => {
        if (stage === stop) controller.abort();
      };
      await expect(
        prepare({ ...options, signal: controller.signal, onProgress }),
      ).rejects.toMatchObject({ code: 'interrupted' });
    }
  });

  test('is followed only by the same work, or the difference is named', async () => {
    const options = { ...(await makeOptions('titles', many)), ...small };
    const controller = new AbortController();
    const onProgress = (stage: string, done: number) => {
      if (stage === 'articles' && done >= 200) controller.abort();
    };
    const begun = prepare({ ...options, signal: controller.signal, onProgress });
    await expect(begun).rejects.toMatchObject({ code: 'interrupted' });
    const other = await makeOptions('langlinks');
    for (const [change, message] of [
      [{ language: 'gl' }, /begun with other input or options \(language: "pt" there, "gl" here\)/],
      [{ names: other.names }, /\(source\.names\.kind: "titles" there, "langlinks" here\)/],
      [{ dump: other.dump }, /\(source\.dump\.bytes: \d+ there, \d+ here\)/],
    ] as const) {
      await expect(prepare({ ...options, ...change })).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(message),
      });
    }
    await prepare(options);
    await expect(prepare({ ...options, language: 'gl' })).rejects.toThrow(
      /already holds a finished dataset \(language: "pt" there, "gl" here\); remove it/,
    );
  });
});

describe('a dump in pieces', () => {
  const many = Array.from({ length: 120 }, (_, i) => ({
    title: `Página ${i}`,
    text: `${PAGES[0]!.text}\n${'palavra '.repeat(i)}[[Página ${119 - i}]]`,
  }));

  test('is the dump: links lead from one to another, and names count from the beginning', async () => {
    const options = await makeOptions('langlinks');
    await prepare(options);
    const folder = await temporaryFolder();
    const output = join(folder, 'data');
    const pieces = await writePieces(folder, [2, 5, 2]);
    const { manifest } = await prepare({ ...options, dump: pieces, output });
    const names = ['articles-00000.bin', 'passages-00000.jsonl', 'index-00000.bin'];
    const [whole, parted] = [await contents(options.output), await contents(output)];
    for (const name of names) expect(parted[name]).toBe(whole[name]);
    // Their names say the date already.
    expect(manifest.report).not.toHaveProperty('newestRevision');
    expect(manifest.meta.source.dumps).toEqual(
      pieces.map((path) => ({
        file: basename(path),
        date: '2026-11-20',
        bytes: expect.any(Number),
        sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
      })),
    );
  });

  test('goes on after an interruption in any of them, with any number of threads', async () => {
    const folder = await temporaryFolder();
    const options = {
      ...(await makeOptions()),
      dump: await writePieces(folder, [50, 40, 30], many),
      shardBytes: 60_000,
      batchBytes: 8_000,
    };
    await prepare({ ...options, workers: 2 });
    const expected = await contents(options.output);
    expect(Object.keys(expected).length).toBeGreaterThan(9);
    for (const workers of [1, 3]) {
      const output = join(folder, `data-${workers}`);
      for (const stop of [20, 70, 110]) {
        const controller = new AbortController();
        const onProgress = (stage: string, done: number) => {
          if (stage === 'articles' && done >= stop) controller.abort();
        };
        await expect(
          prepare({ ...options, workers, output, signal: controller.signal, onProgress }),
        ).rejects.toMatchObject({ code: 'interrupted' });
      }
      await prepare({ ...options, workers, output });
      expect(await contents(output)).toEqual(expected);
    }
  });

  test('is of one wiki', async () => {
    const options = await makeOptions();
    const other = join(await temporaryFolder(), 'glwiki.xml');
    await writeFile(other, dumpXml(PAGES).replaceAll('ptwiki', 'glwiki'));
    await expect(prepare({ ...options, dump: [options.dump, other] })).rejects.toMatchObject({
      code: 'mismatch',
      message: `${options.dump} is of 'ptwiki' and ${other} of 'glwiki'; make a dataset of each`,
    });
  });
});

describe('nothing to learn from', () => {
  test.each([
    ['no links', [{ title: 'A', text: 'Texto.' }], 'no article with text and links in it'],
    ['only redirects', [PAGES[2]!], 'none of its 1 pages is an article'],
    ['only templates', [PAGES[4]!, PAGES[2]!], 'none of its 2 pages is an article'],
    ['no known link', [{ title: 'A', text: '[[B]]' }], 'none of the 1 links of'],
  ])('%s: no dataset, and the folder is free for another', async (_, pages, message) => {
    const options = await makeOptions('titles', pages);
    await expect(prepare(options)).rejects.toMatchObject({
      code: 'mismatch',
      message: expect.stringContaining(message),
    });
    expect(await readdir(options.output)).toEqual([]);
    const good = await makeOptions();
    await prepare({ ...good, output: options.output });
  });

  test('a mistake in the input does not bind the folder', async () => {
    const options = await makeOptions();
    const wrong = join(options.output, '..', 'wrong.xml');
    await writeFile(wrong, '<html></html>');
    await expect(prepare({ ...options, dump: wrong })).rejects.toThrow(/a web page/);
    await prepare(options);
    expect(await passages(options.output)).toEqual(EXPECTED);
  });

  test('a table that fits the dump while the language does not: the language is named', async () => {
    const options = await makeOptions('langlinks');
    const rows = Array.from({ length: 20 }, (_, i) => `(${i + 1},'gl','X'),(${i + 1},'en','X')`);
    await writeFile(options.names.path, `INSERT INTO \`langlinks\` VALUES ${rows.join(',')};\n`);
    await expect(prepare({ ...options, language: 'gl' })).rejects.toMatchObject({
      code: 'mismatch',
      message: expect.stringMatching(/^--language is 'gl', but .* says that it is in 'pt', and /),
    });
    await prepare(options);
  });

  test('a pipe, which can be read only once', async () => {
    const options = await makeOptions();
    await expect(prepare({ ...options, dump: '-' })).rejects.toMatchObject({
      code: 'usage',
      message:
        'standard input is read more than once, so it must be a file; save it, and give the file',
    });
    const pipe = join(options.output, '..', 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(prepare({ ...options, dump: pipe })).rejects.toThrow(/pipe is read more than/);
  });

  test('an input that the dataset would replace', async () => {
    const options = await makeOptions();
    await mkdir(options.output);
    for (const name of ['passages-00000.jsonl', 'progress.json']) {
      const dump = join(options.output, name);
      await cp(options.dump, dump);
      await expect(prepare({ ...options, dump })).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringContaining(`${dump} is read as input and has the name of a file`),
      });
      expect(await readFile(dump)).toEqual(await readFile(options.dump));
      await rm(dump);
    }
  });

  test('names of another edition', async () => {
    const options = await makeOptions('wikidata');
    await expect(prepare({ ...options, language: 'sw' })).rejects.toThrow(
      /^--language is 'sw', but .* says that it is in 'pt', and .* does not fit 'sw' either/,
    );
    await writeFile(options.names.path, '{"id":"Q1","sitelinks":{"swwiki":{"title":"A"}}}\n');
    await expect(prepare(options)).rejects.toThrow(
      /gives no English name for any page in 'pt'; is it of this language's edition\?/,
    );
  });
});

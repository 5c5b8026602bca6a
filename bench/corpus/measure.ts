// Times one stage of `leia prepare` on one input with so many threads. Each measurement is a process of its own, so
// that its peak of memory is its own, too. Prints one line of JSON.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer as Library } from 'tokenizers';
import { addon } from '../../lib/core/addon.ts';
import { noFilter } from '../../lib/corpus/dataset/article-filter.ts';
import { dumpWorkers, workOn } from '../../lib/corpus/dataset/dump-work.ts';
import { prepare } from '../../lib/corpus/dataset/prepare.ts';
import { openBatches, openDump } from '../../lib/corpus/dump/dump.ts';
import type { DumpAddon } from '../../lib/corpus/dump/native.ts';
import type { PageBatch } from '../../lib/corpus/dump/page-reader.ts';
import {
  ArticleExtractor,
  readingOf,
  type TemplateTreatment,
} from '../../lib/corpus/wikitext/extract.ts';
import { Dataset } from '../../lib/leia/dataset.ts';
import { ArticleTokenizer } from '../../lib/leia/tokenize-article.ts';
import type { WorkerPool } from '../../lib/system/worker-pool.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import type { Measured, Request } from './stages.ts';

type Counts = Pick<Measured, 'bytes' | 'articles' | 'tokens'>;

async function unpack(path: string, threads: number): Promise<number> {
  const file = await open(path);
  const decoder = new (addon<DumpAddon>().NativeBzip2Decoder)(threads);
  const buffer = new Uint8Array(4 << 20);
  const output = new Uint8Array(1 << 20);
  let bytes = 0;
  for (let last = false; !last; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    last = bytesRead < buffer.length;
    let input = buffer.subarray(0, bytesRead);
    for (let more = true; more; ) {
      const length = await decoder.decode(input, last, output);
      bytes += length;
      more = length === output.length;
      input = new Uint8Array(0);
    }
  }
  await file.close();
  return bytes;
}

/** Passes pieces on and counts their bytes. */
async function* counted(
  batches: AsyncIterable<PageBatch>,
  counts: Counts,
): AsyncGenerator<PageBatch, void, undefined> {
  for await (const batch of batches) {
    counts.bytes += batch.bytes.length;
    yield batch;
  }
}

async function readPages(
  stage: 'text' | 'titles',
  dump: string,
  pool: WorkerPool,
  templates: TemplateTreatment,
): Promise<Counts> {
  const counts: Counts = { bytes: 0, articles: 0, tokens: 0 };
  const { siteinfo, batches, reclaim } = await openBatches(dump);
  const pieces = counted(batches(), counts);
  const source = { file: 'bench', siteinfo };
  if (stage === 'titles') {
    const job = { kind: 'titles', ...source, byPage: true } as const;
    for await (const { articles } of workOn(pieces, job, pool, reclaim))
      counts.articles += articles;
    return counts;
  }
  const job = {
    kind: 'text',
    ...source,
    reading: readingOf({ templates }),
    filter: noFilter,
  } as const;
  for await (const { articles, lines } of workOn(pieces, job, pool, reclaim)) {
    counts.articles += articles;
    reclaim([lines.buffer]);
  }
  return counts;
}

async function run({
  stage,
  dump,
  workers,
  tokenizer,
  names,
  templates,
}: Request): Promise<Measured> {
  const counts: Counts = { bytes: 0, articles: 0, tokens: 0 };
  const texts: { text: string; spans: { start: number; end: number; name: string }[] }[] = [];
  const model = stage === 'tokens' ? await Tokenizer.load(tokenizer) : undefined;
  const library = stage === 'library' ? Library.fromFile(join(tokenizer, 'tokenizer.json')) : null;
  if (model || library) {
    const { siteinfo, pages } = await openDump(dump);
    const extractor = new ArticleExtractor(siteinfo);
    for await (const page of pages()) {
      if (page.namespace !== 0 || page.redirect !== undefined) continue;
      const { text, anchors } = extractor.extract(page);
      counts.bytes += page.wikitext.length;
      texts.push({
        text,
        spans: anchors.map(({ start, end, target }) => ({ start, end, name: target })),
      });
    }
  }
  const pool = dumpWorkers(workers);
  if (stage === 'prepare') {
    const { batches } = await openBatches(dump);
    for await (const { bytes } of batches()) counts.bytes += bytes.length;
  }
  // Once to start the threads and let their code be compiled, once to measure.
  if (stage === 'text' || stage === 'titles') await readPages(stage, dump, pool, templates);
  const cpu = process.cpuUsage();
  const began = performance.now();
  if (stage === 'bzip2') counts.bytes = await unpack(dump, workers);
  else if (stage === 'text' || stage === 'titles') {
    Object.assign(counts, await readPages(stage, dump, pool, templates));
  } else if (library) {
    // The time that the tokenizers library needs for ids and offsets of the same texts.
    for (let from = 0; from < texts.length; from += 128) {
      const batch = texts.slice(from, from + 128).map(({ text }) => text);
      for (const encoding of await library.encodeBatch(batch, { addSpecialTokens: false })) {
        counts.articles++;
        counts.tokens += encoding.getIds().length;
        if (encoding.getOffsets().length !== encoding.getLength()) throw new Error('offsets');
      }
    }
  } else if (model) {
    const work = new ArticleTokenizer(model);
    for (let from = 0; from < texts.length; from += 128) {
      const batch = await work.tokenize(texts.slice(from, from + 128));
      counts.articles += batch.length;
      for (const { article } of batch) counts.tokens += article.inputIds.length;
    }
  } else {
    const folder = await mkdtemp(join(tmpdir(), 'leia-bench-'));
    const output = join(folder, 'data');
    await prepare({
      ...{ dump, language: 'xx', names: { kind: 'langlinks', path: names }, output, workers },
      tokenizer: await Tokenizer.load(tokenizer),
    });
    const { manifest } = await Dataset.open(output);
    counts.articles = manifest.articles;
    counts.tokens = manifest.tokens;
    await rm(folder, { recursive: true });
  }
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - began) / 1000;
  await pool.close();
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    ...counts,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  };
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2]!) as Request)));

// From a dump to a dataset: every article's text, its links with their English names, its tokens. The
// dump is read twice, since a link can only be resolved once all redirects are known; what is kept
// between is titles alone. The dataset is written shard by shard, and a killed run goes on after the last
// whole one.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { LeiaError } from '../core/error.ts';
import { fileError } from '../core/files.ts';
import { Dataset } from '../leia/dataset.ts';
import type { DatasetMeta, Manifest, PassageAnchor } from '../leia/dataset-format.ts';
import { DatasetWriter } from '../leia/dataset-writer.ts';
import { englishName } from '../leia/names.ts';
import { ArticleTokenizer } from '../leia/tokenize-article.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Article } from './article.ts';
import { openDump } from './dump.ts';
import { type NameSource, readNames } from './names/name-source.ts';
import { wikipediaSite } from './names/wikipedia-site.ts';
import { followRedirects } from './redirects.ts';
import type { Siteinfo } from './siteinfo.ts';
import { normaliseTitle } from './title.ts';
import { ArticleExtractor } from './wikitext/extract.ts';
import type { LineOptions } from './wikitext/lines.ts';

export interface PrepareOptions {
  /** MediaWiki `pages-articles` XML, .bz2 or plain. */
  dump: string;
  /** Language code of the edition, as in its domain name: `ja`, `zh-min-nan`. */
  language: string;
  names: NameSource;
  tokenizer: Tokenizer;
  /** Folder of the dataset. */
  output: string;
  /** Whether items of lists are text; the paper's extraction left them out. Default `keep`. */
  lists?: LineOptions['lists'];
  /** Size of the dataset's files: what at most is done again after an interruption. Default 128 MiB. */
  shardBytes?: number;
  signal?: AbortSignal;
  /** Hears of every stage and, now and then, how far it is. */
  onProgress?: (stage: PrepareStage, done: number, total?: number) => void;
  /** Hears what looks wrong but does not stop the work. */
  onWarning?: (message: string) => void;
}

export type PrepareStage = 'checksums' | 'titles' | 'names' | 'articles';

const counts = z.strictObject({
  /** Pages of the article namespace that are no redirects. */
  articles: z.int(),
  /** Left out: no text remains, or no link. */
  withoutLinks: z.int(),
  anchors: z.int(),
  /** Anchors whose page has an English page. */
  linked: z.int(),
  /** Of these, left out because that page is no entity (a list, a category …). */
  filtered: z.int(),
  /** Of the rest, left out because an end is inside a token. */
  misaligned: z.record(z.string(), z.int()),
});
export type PrepareCounts = z.infer<typeof counts>;

const cursorSchema = z.strictObject({ pages: z.int(), counts });

/** Articles tokenised at once: enough to use all cores, little enough to bound the memory. */
const batchSize = 128;
const batchCharacters = 1_000_000;

/**
 * Prepares a dataset, or goes on with one that was interrupted. A dataset that is already there and was
 * made of the same input is left as it is.
 *
 * @throws LeiaError `format` (damaged or wrong input), `mismatch` (nothing could be linked), `usage` (the
 *   folder holds another dataset), `io`, `interrupted`.
 */
export async function prepare(options: PrepareOptions): Promise<Manifest> {
  const { dump, language, names, tokenizer, output, signal } = options;
  const report = options.onProgress ?? (() => {});
  const meta = await describeInput(options, report);
  const present = await finished(output);
  if (present !== undefined && isDeepStrictEqual(present.meta, meta)) return present;
  const { shardBytes } = options;
  const writer = await DatasetWriter.create(output, meta, shardBytes ? { shardBytes } : {});

  const titles = await readTitles(options, report);
  // The code of the text may be another than that of the edition: `nb` in the edition `no`.
  const written = titles.siteinfo.language;
  if (written !== '' && wikipediaSite(written) !== wikipediaSite(language)) {
    options.onWarning?.(
      `${dump} says that its language is '${titles.siteinfo.language}', not '${language}'`,
    );
  }
  const english = await readNames(names, { language, ...titles }, (done) => {
    report('names', done);
    checkInterrupted(signal);
  });
  const link = (article: Article): PassageAnchor[] =>
    article.anchors.map(({ start, end, target }) => {
      const page = followRedirects(target, titles.redirects);
      return { start, end, target: page, name: english.get(page) ?? null };
    });

  const cursor = writer.cursor === null ? undefined : cursorSchema.parse(writer.cursor);
  const work = new Preparation(writer, new ArticleTokenizer(tokenizer), cursor?.counts);
  let pages = cursor?.pages ?? 0;
  for await (const article of readArticles(options, pages)) {
    pages++;
    await work.add(article.title, article.text, link(article), pages);
    report('articles', pages, titles.articles);
    checkInterrupted(signal);
  }
  await work.flush();
  const useless = whyUseless(work.counts, options);
  if (useless !== undefined) {
    await writer.discard();
    throw new LeiaError('mismatch', useless);
  }
  return writer.finish({ redirects: titles.redirects.size, ...work.counts });
}

/** Why there is nothing to learn from the dataset, if so. */
function whyUseless(
  { articles, withoutLinks, linked, anchors }: PrepareCounts,
  { dump, names }: PrepareOptions,
): string | undefined {
  if (articles === withoutLinks) return `${dump}: no article with text and links in it`;
  if (linked > 0) return undefined;
  return `none of the ${anchors} links of ${dump} has an English name in ${names.path}; is it of this language's edition?`;
}

/** Collects articles, tokenises them by the batch and appends them to the dataset. */
class Preparation {
  readonly counts: PrepareCounts;
  readonly #writer: DatasetWriter;
  readonly #tokenizer: ArticleTokenizer;
  #batch: { title: string; text: string; anchors: PassageAnchor[]; pages: number }[] = [];
  #characters = 0;

  constructor(writer: DatasetWriter, tokenizer: ArticleTokenizer, counted?: PrepareCounts) {
    this.#writer = writer;
    this.#tokenizer = tokenizer;
    this.counts = counted ?? {
      articles: 0,
      withoutLinks: 0,
      anchors: 0,
      linked: 0,
      filtered: 0,
      misaligned: {},
    };
  }

  async add(title: string, text: string, anchors: PassageAnchor[], pages: number): Promise<void> {
    this.#batch.push({ title, text, anchors, pages });
    this.#characters += text.length;
    if (this.#batch.length < batchSize && this.#characters < batchCharacters) return;
    await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#characters = 0;
    const kept = batch.map((article) => ({ ...article, anchors: article.anchors.map(toEntity) }));
    const tokenized = await this.#tokenizer.tokenize(
      kept.map(({ text, anchors }) => ({
        text: anchors.length > 0 ? text : '',
        spans: anchors.flatMap(({ start, end, name }) =>
          name === null ? [] : [{ start, end, name }],
        ),
      })),
    );
    for (const [i, { title, text, anchors, pages }] of kept.entries()) {
      this.#count(batch[i]!.anchors, anchors);
      if (text.trim() === '' || anchors.length === 0) {
        this.counts.withoutLinks++;
        continue;
      }
      const { article, misaligned } = tokenized[i]!;
      for (const { reason } of misaligned) {
        this.counts.misaligned[reason] = (this.counts.misaligned[reason] ?? 0) + 1;
      }
      const cursor = { pages, counts: structuredClone(this.counts) };
      await this.#writer.append({ title, text, anchors, ...article }, cursor);
    }
  }

  #count(linked: readonly PassageAnchor[], entities: readonly PassageAnchor[]): void {
    const named = (anchors: readonly PassageAnchor[]) =>
      anchors.filter(({ name }) => name !== null).length;
    this.counts.articles++;
    this.counts.anchors += linked.length;
    this.counts.linked += named(linked);
    this.counts.filtered += named(linked) - named(entities);
  }
}

/** The anchor with the entity's name instead of the English page's title. */
function toEntity(anchor: PassageAnchor): PassageAnchor {
  return { ...anchor, name: anchor.name === null ? null : englishName(anchor.name) };
}

interface Titles {
  siteinfo: Siteinfo;
  redirects: Map<string, string>;
  /** How many articles there are. */
  articles: number;
  /** Their titles by page id, if the names are known by it. */
  pages: Map<number, string>;
}

/** The first pass: redirects and titles, all that has to be known before the first link is resolved. */
async function readTitles(
  { dump: path, names, signal }: PrepareOptions,
  report: (stage: PrepareStage, done: number) => void,
): Promise<Titles> {
  const dump = await openDump(path);
  const { siteinfo } = dump;
  const titles: Titles = { siteinfo, redirects: new Map(), articles: 0, pages: new Map() };
  let count = 0;
  for await (const page of dump.pages()) {
    report('titles', ++count);
    checkInterrupted(signal);
    const title = normaliseTitle(page.title, siteinfo);
    if (page.redirect !== undefined) {
      titles.redirects.set(title, normaliseTitle(page.redirect, siteinfo));
    } else if (page.namespace === 0) {
      titles.articles++;
      if (names.kind === 'langlinks') titles.pages.set(page.id, title);
    }
  }
  return titles;
}

/** The second pass: articles of the main namespace in the order of the dump, but for the first `skip`. */
async function* readArticles(
  { dump: path, lists = 'keep' }: PrepareOptions,
  skip: number,
): AsyncGenerator<Article, void, undefined> {
  const dump = await openDump(path);
  const extractor = new ArticleExtractor(dump.siteinfo, { lists });
  let articles = 0;
  for await (const page of dump.pages()) {
    if (page.namespace !== 0 || page.redirect !== undefined) continue;
    if (++articles > skip) yield extractor.extract(page);
  }
}

/** The manifest of a finished dataset in the folder, if there is one. */
async function finished(folder: string): Promise<Manifest | undefined> {
  try {
    using dataset = await Dataset.open(folder);
    return dataset.manifest;
  } catch (error) {
    if (error instanceof LeiaError && error.code === 'io') return undefined;
    throw error;
  }
}

async function describeInput(
  { dump, language, names, lists = 'keep', tokenizer, signal }: PrepareOptions,
  report: (stage: PrepareStage, done: number) => void,
): Promise<DatasetMeta> {
  report('checksums', 0);
  const { hash, vocabSize, bosId } = tokenizer;
  return {
    language,
    tokenizer: { hash, vocabSize, bosId },
    source: {
      dump: await describeFile(dump, signal),
      lists,
      names: { kind: names.kind, ...(await describeFile(names.path, signal)) },
    },
  };
}

async function describeFile(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ file: string; bytes: number; sha256: string }> {
  try {
    const { size } = await stat(path);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      checkInterrupted(signal);
    }
    return { file: basename(path), bytes: size, sha256: hash.digest('hex') };
  } catch (error) {
    throw fileError('read', path, error);
  }
}

function checkInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new LeiaError('interrupted', 'interrupted; the same command goes on where it stopped');
  }
}

// From a dump to a dataset: every article's text, its links with their English names, its tokens. The
// dump is read twice, since a link can only be resolved once all redirects are known; what is kept
// between is titles alone. The dataset is written shard by shard, and a killed run goes on after the last
// whole one.
import type { Manifest } from '../leia/dataset-format.ts';
import { englishName } from '../leia/names.ts';
import type { Article } from './article.ts';
import { openDump } from './dump.ts';
import {
  type Articles,
  checkInterrupted,
  type DatasetOptions,
  describeFile,
  type LinkedArticle,
  makeDataset,
  type PrepareCounts,
} from './make-dataset.ts';
import { type NameSource, readNames } from './names/name-source.ts';
import { wikipediaSite } from './names/wikipedia-site.ts';
import { followRedirects } from './redirects.ts';
import type { Siteinfo } from './siteinfo.ts';
import { normaliseTitle } from './title.ts';
import { ArticleExtractor } from './wikitext/extract.ts';
import type { LineOptions } from './wikitext/lines.ts';

export interface PrepareOptions extends DatasetOptions {
  /** MediaWiki `pages-articles` XML: .bz2, .gz or plain. */
  dump: string;
  names: NameSource;
  /** Whether items of lists are text; the paper's extraction left them out. Default `keep`. */
  lists?: LineOptions['lists'];
}

/**
 * Prepares a dataset of a dump, or goes on with one that was interrupted. A dataset that is already there
 * and was made of the same input is left as it is.
 *
 * @throws LeiaError `format` (damaged or wrong input), `mismatch` (nothing could be linked), `usage` (the
 *   folder holds another dataset), `io`, `interrupted`.
 */
export async function prepare(options: PrepareOptions): Promise<Manifest> {
  const { dump, names, lists = 'keep', signal } = options;
  options.onProgress?.('checksums', 0);
  const source = {
    dump: await describeFile(dump, signal),
    lists,
    names: { kind: names.kind, ...(await describeFile(names.path, signal)) },
  };
  return makeDataset(options, source, () => openArticles(options));
}

/** The first pass, and what the second will read. */
async function openArticles(options: PrepareOptions): Promise<Articles> {
  const { dump, language, names, signal, onProgress } = options;
  const titles = await readTitles(options);
  // The code of the text may be another than that of the edition: `nb` in the edition `no`.
  const written = titles.siteinfo.language;
  if (written !== '' && wikipediaSite(written) !== wikipediaSite(language)) {
    options.onWarning?.(`${dump} says that its language is '${written}', not '${language}'`);
  }
  const english = await readNames(names, { language, ...titles }, (done) => {
    onProgress?.('names', done);
    checkInterrupted(signal);
  });
  return {
    read: (skip) => readArticles(options, skip, (article) => link(article, titles, english)),
    total: titles.articles,
    report: { redirects: titles.redirects.size },
    whyUseless: (counts) => whyUseless(counts, options),
  };
}

/** Where the links of an article lead in the end, and what that is called in English. */
function link(
  { title, text, anchors }: Article,
  { redirects }: Titles,
  english: ReadonlyMap<string, string>,
): LinkedArticle {
  let filtered = 0;
  const linked = anchors.map(({ start, end, target }) => {
    const page = followRedirects(target, redirects);
    const pageEnglish = english.get(page);
    const name = pageEnglish === undefined ? null : englishName(pageEnglish);
    if (pageEnglish !== undefined && name === null) filtered++;
    return { start, end, target: page, name };
  });
  return { title, text, anchors: linked, filtered };
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

interface Titles {
  siteinfo: Siteinfo;
  redirects: Map<string, string>;
  /** How many articles there are. */
  articles: number;
  /** Their titles by page id, if the names are known by it. */
  pages: Map<number, string>;
}

/** The first pass: redirects and titles, all that has to be known before the first link is resolved. */
async function readTitles({
  dump: path,
  names,
  signal,
  onProgress,
}: PrepareOptions): Promise<Titles> {
  const dump = await openDump(path);
  const { siteinfo } = dump;
  const titles: Titles = { siteinfo, redirects: new Map(), articles: 0, pages: new Map() };
  let count = 0;
  for await (const page of dump.pages()) {
    onProgress?.('titles', ++count);
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
  { dump: path, lists = 'keep', onWarning }: PrepareOptions,
  skip: number,
  link: (article: Article) => LinkedArticle,
): AsyncGenerator<LinkedArticle, void, undefined> {
  const dump = await openDump(path);
  const extractor = new ArticleExtractor(dump.siteinfo, { lists });
  let articles = 0;
  for await (const page of dump.pages()) {
    if (page.namespace !== 0 || page.redirect !== undefined) continue;
    if (++articles <= skip) continue;
    const article = extractor.extract(page);
    if (article.oddity) onWarning?.(`page '${article.title.slice(0, 100)}': ${article.oddity}`);
    yield link(article);
  }
}

// A wiki for tests, and its pages as text with the links marked: `<target:text>`.

import type { Namespace, Siteinfo } from '../../../lib/corpus/dump/siteinfo.ts';
import type { Article, Link } from '../../../lib/corpus/wikitext/article.ts';
import {
  ArticleExtractor,
  type ExtractOptions as Choices,
  type Kept,
} from '../../../lib/corpus/wikitext/extract.ts';

type ExtractOptions = Choices & { keep?: readonly Kept[] };

const NAMES: [number, string][] = [
  [-2, 'Medien'],
  [-1, 'Spezial'],
  [0, ''],
  [1, 'Diskussion'],
  [2, 'Benutzer'],
  [4, 'Wikipedia'],
  [6, 'Datei'],
  [10, 'Vorlage'],
  [14, 'Kategorie'],
  [100, 'Portal'],
];

export function wiki(language = 'de', names = NAMES): Siteinfo {
  const namespaces = names.map(([id, name]): [number, Namespace] => [
    id,
    { id, name, caseRule: 'first-letter' },
  ]);
  return {
    language,
    dbName: `${language}wiki`,
    siteName: 'Wikipedia',
    caseRule: 'first-letter',
    namespaces: new Map(namespaces),
  };
}

const german = wiki();
/** Making an extractor takes milliseconds, as it reads the table of templates. */
const extractors = new Map<Siteinfo, Map<string, ArticleExtractor>>();

function extractorFor(site: Siteinfo, options: ExtractOptions): ArticleExtractor {
  const known = extractors.get(site) ?? new Map<string, ArticleExtractor>();
  extractors.set(site, known);
  const key = JSON.stringify(options);
  const extractor = known.get(key) ?? new ArticleExtractor(site, options);
  known.set(key, extractor);
  return extractor;
}

export function extract(text: string, options: ExtractOptions = {}, site = german): Article {
  const wikitext = Buffer.from(text);
  return extractorFor(site, options).extract({ id: 1, title: 'Page', wikitext });
}

/** Links as they stand in lines of JSON, which all have one form. */
export function inLines(anchors: readonly Link[]): Required<Link>[] {
  return anchors.map((anchor) => ({ ...anchor, english: anchor.english ?? '' }));
}

/** The article's text with `<target:text>` around links, offsets taken as code points. */
export function marked(article: Article): string {
  const points = Array.from(article.text);
  let result = '';
  let from = 0;
  for (const { start, end, target } of article.anchors) {
    result += `${points.slice(from, start).join('')}<${target}:${points.slice(start, end).join('')}>`;
    from = end;
  }
  return result + points.slice(from).join('');
}

export const read = (text: string, options: ExtractOptions = {}): string =>
  marked(extract(text, options));

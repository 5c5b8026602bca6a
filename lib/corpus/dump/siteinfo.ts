// What a MediaWiki dump says about its wiki and its pages. Everything that depends on the language
// (names of namespaces, capitalisation of titles) comes from here, so no edition is special.

/** Whether the first letter of a title is always a capital (Wikipedia) or counts (Wiktionary). */
export type CaseRule = 'first-letter' | 'case-sensitive';

/** A name space of a wiki. */
export interface Namespace {
  id: number;
  /** Local name, '' for articles. */
  name: string;
  caseRule: CaseRule;
}

/** The head of a dump. */
export interface Siteinfo {
  /** `xml:lang` of the root element, for example 'pt' or 'zh'; '' when absent. */
  language: string;
  /** Database name, for example 'ptwiki'; '' in old dumps. */
  dbName: string;
  siteName: string;
  /** What the addresses of its pages begin with, for example 'https://pt.wikipedia.org/wiki/'. */
  base?: string;
  caseRule: CaseRule;
  namespaces: ReadonlyMap<number, Namespace>;
}

/** One page as the dump holds it. */
export interface Page {
  id: number;
  title: string;
  /** 0 is the namespace of articles. */
  namespace: number;
  /** The title that this page redirects to, as the dump writes it; may end in '#section'. */
  redirect?: string;
  /** Number of the version that the dump holds. */
  revision?: number;
  /** When that was written, ISO 8601 in UTC: '2026-11-20T08:15:00Z'. */
  time?: string;
  /** Content model; only 'wikitext' is text. */
  model: string;
  /** In UTF-8. */
  wikitext: Uint8Array;
}

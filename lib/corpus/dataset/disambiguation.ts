// Which pages only list the meanings of a word. A wiki's software knows by `__DISAMBIG__`, which stands in the templates
// of such pages, or in a page itself; the wiki's table page_props has what it knows. Without that table, the templates
// are found in the dump: those that have the word or call one that has it, those that the page
// MediaWiki:Disambiguationspage lists, and their redirects. Where a dump is read once only, or has no templates, there
// is a list of names that many editions use.
// https://www.mediawiki.org/wiki/Extension:Disambiguator
import type { Page, Siteinfo } from '../dump/siteinfo.ts';
import { normaliseTitle } from '../dump/title.ts';

/** Namespaces of the software's messages and of templates, the same in every wiki. */
const MESSAGES = 8;
const TEMPLATES = 10;

const WORD = /__DISAMBIG__/i;
/** What is not read as wikitext. */
const HIDDEN = [
  ['<!--', '-->'],
  ['<nowiki>', '</nowiki>'],
  ['<pre>', '</pre>'],
] as const;
/** What pages that call a template do not get of it. */
const NOT_INCLUDED = [['<noinclude>', '</noinclude>']] as const;
const CALL = /\{\{([^{}|<>]{1,300})/g;
const TEMPLATE_LINK = /\[\[[^[\]|]{0,255}:([^[\]|]{1,255})/g;

/**
 * Names of templates on disambiguation pages: those of the English Wikipedia, which most editions redirect to their own,
 * and the main one of large editions.
 */
const COMMON_NAMES = `Disambiguation, Disambig, Disamb, Dab, Hndis, Human name disambiguation, Geodis, Geo-dis,
Place name disambiguation, Schooldis, School disambiguation, Hospital disambiguation, Mil-unit-dis,
Military unit disambiguation, Numberdis, Number disambiguation, Letter disambiguation,
Letter–number combination disambiguation, Airport disambiguation, Callsigndis, Call sign disambiguation,
Biology disambiguation, Chinese title disambiguation, Genus disambiguation, Species Latin name disambiguation,
Species Latin name abbreviation disambiguation, Mathdab, Mathematical disambiguation, Music disambiguation,
Opus disambiguation, Phonetics disambiguation, Roaddis, Road disambiguation, Station disambiguation,
Taxonomy disambiguation, Church disambiguation, Disambiguation cleanup, Disambig-cleanup,
Aimai, 曖昧さ回避, 人名の曖昧さ回避, 地名の曖昧さ回避, Begriffsklärung, Homonymie, Homonyme, Desambiguación, Desambiguação,
Disambigua, Doorverwijspagina, Förgrening, Flertydig, Täsmennyssivu, Ujednoznacznienie, Rozcestník, Rozlišovacia stránka,
Неоднозначность, Многозначность, Неоднозначність, Вишезначна одредница, Razdvojba, Egyért, Dezambiguizare, Αποσαφήνιση,
Anlam ayrımı, פירושונים, توضيح, ابهام‌زدایی, बहुविकल्पी शब्द, निःसंदिग्धीकरण, দ্ব্যর্থতা নিরসন, แก้กำกวม, Định hướng,
Trang định hướng, Disambiguasi, Nyahkekaburan, 동음이의, 동명이인, 消歧义, 消歧義, 消歧义页, Desambiguació, Argipen, Homónimos,
Apartigilo, Täpsustuslehekülg, Nuorodinis, Nozīmju atdalīšana`;

/** What a piece of a dump says of such templates. Names are normalised and without their namespace. */
export interface DisambiguationTemplates {
  names: string[];
  redirects: [from: string, to: string][];
}

/** Tells disambiguation pages by the templates that they call. */
export class DisambiguationPages {
  readonly #names: ReadonlySet<string>;
  readonly #wiki: Siteinfo;
  /** Prefix of a template's full name. */
  readonly #prefix: RegExp;

  /** `names` are those of the dump's templates. */
  constructor(wiki: Siteinfo, names: readonly string[] = []) {
    const common = COMMON_NAMES.split(/,\s*/).map((name) => normaliseTitle(name, wiki));
    this.#names = new Set([...common, ...names]);
    this.#wiki = wiki;
    const local = wiki.namespaces.get(TEMPLATES)?.name ?? 'Template';
    const plain = local.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    this.#prefix = new RegExp(`^:?\\s*(?:Template|${plain})\\s*:`, 'i');
  }

  has({ wikitext }: Pick<Page, 'wikitext'>): boolean {
    return this.#isOne(Buffer.from(wikitext).toString());
  }

  #isOne(wikitext: string): boolean {
    const text = without(wikitext, HIDDEN);
    return WORD.test(text) || this.#calls(text).some((name) => this.#names.has(name));
  }

  #calls(text: string): string[] {
    return [...text.matchAll(CALL)].map(([, name]) => this.#normalised(firstLine(name!)));
  }

  #normalised(name: string): string {
    return normaliseTitle(name.replace(this.#prefix, ''), this.#wiki);
  }

  /** What pages of the dump say of templates. */
  templatesIn(pages: readonly Page[]): DisambiguationTemplates {
    const names: string[] = [];
    const redirects: [string, string][] = [];
    for (const { namespace, title, redirect, wikitext } of pages) {
      const text = (): string => Buffer.from(wikitext).toString();
      if (namespace === TEMPLATES) {
        const name = this.#normalised(title);
        if (redirect !== undefined) redirects.push([name, this.#normalised(redirect)]);
        else if (this.#isOne(without(text(), NOT_INCLUDED))) names.push(name);
      } else if (namespace === MESSAGES && title.endsWith(':Disambiguationspage')) {
        for (const [, name] of text().matchAll(TEMPLATE_LINK)) names.push(this.#normalised(name!));
      }
    }
    return { names, redirects };
  }
}

/** The names of all such templates, with those that redirect to one of them. */
export function withRedirects({ names, redirects }: DisambiguationTemplates): string[] {
  const all = new Set(names);
  const from = new Map<string, string[]>();
  for (const [source, target] of redirects) {
    if (!from.get(target)?.push(source)) from.set(target, [source]);
  }
  for (const name of all) for (const source of from.get(name) ?? []) all.add(source); // a Set visits what is added
  return [...all].sort();
}

/** A name of a template may begin in the line after its braces. */
function firstLine(name: string): string {
  return name.trim().split('\n', 1)[0]!;
}

/** A text without what stands between these marks, in time that grows with its length alone. */
function without(text: string, marks: readonly (readonly [string, string])[]): string {
  let rest = text;
  for (const [open, close] of marks) {
    const parts: string[] = [];
    let from = 0;
    for (;;) {
      const start = rest.indexOf(open, from);
      const end = start < 0 ? -1 : rest.indexOf(close, start + open.length);
      if (end < 0) break; // none is closed behind this either
      parts.push(rest.slice(from, start));
      from = end + close.length;
    }
    if (from > 0) rest = parts.join('') + rest.slice(from);
  }
  return rest;
}

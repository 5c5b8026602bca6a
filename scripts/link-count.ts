// Counts the links that stand in a page's running text, without a line of the code that reads wikitext for
// datasets: it peels comments, elements, templates and tables off with regular expressions, from the inside
// out, then collects `[[…]]`. Slow, blind to position, simple; made to disagree with the reader where the
// reader is wrong.

/** What a dump says about the wiki's namespaces: number and local name. */
export interface Names {
  namespaces: Iterable<{ id: number; name: string }>;
}

const FILE = 6;
const CATEGORY = 14;
const ENGLISH: Readonly<Record<string, number>> = {
  media: -2,
  special: -1,
  talk: 1,
  user: 2,
  project: 4,
  wikipedia: 4,
  file: FILE,
  image: FILE,
  mediawiki: 8,
  template: 10,
  help: 12,
  category: CATEGORY,
  module: 828,
};
const PROJECTS =
  /^(?:w|wikt|wiktionary|b|wikibooks|n|wikinews|q|wikiquote|s|wikisource|v|wikiversity|voy|wikivoyage|c|commons|d|wikidata|m|meta|mw|species|wikispecies|wmf|foundation|phab|bugzilla|mailarchive|otrs|tools|toollabs|toolforge|incubator|outreach|doi|hdl|rfc|pmid|arxiv|wikia|google|imdbname|imdbtitle|imdbcharacter|imdbcompany|dict|openlibrary|oeis)$/;
/** Editions with codes that are not those of languages. */
const EDITIONS =
  /^(?:simple|nah|als|nrm|pih|lbe|zh-(?:classical|min-nan|yue|cn|tw|cfr)|bat-smg|be-(?:x-old|tarask)|cbk-zam|eml|epo|fiu-vro|map-bms|minnan|mo|nds-nl|roa-(?:rup|tara)|cz|dk|jp|sh|bh|nb|ext|tokipona)$/;
/** Names of the namespaces File and Category where a dump's head is not that of its pages. */
const FOREIGN_CATEGORY =
  /^(?:[ck]at[eéèi]g[oòóô]r\p{L}*|категор\p{L}*|κατηγορ\p{L}*|تصنيف|श्रेणी|वर्ग|分类|分類|カテゴリ|분류|kaarangay)$/u;
const MEDIA = /\.(?:jpe?g|png|svg|gif|tiff?|webp|og[gav]|webm|mp3|wav|flac|midi?|pdf|djvu)\s*$/i;

/** Codes of languages, as the platform knows them. */
const languages = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' });
function isLanguage(prefix: string): boolean {
  if (EDITIONS.test(prefix)) return true;
  return /^[a-z]{2,3}$/.test(prefix) && languages.of(prefix) !== undefined;
}

/** By what titles are compared: their letters and digits, in one case. */
function keyOf(target: string): string {
  let title = target.replace(/&(?:amp;)?#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
  title = title.replace(/&[a-z]+;/gi, ' ');
  if (/%[0-9a-f]{2}/i.test(title)) {
    try {
      title = decodeURIComponent(title);
    } catch {
      // Then the percent sign is a percent sign.
    }
  }
  const letters = title
    .normalize('NFC')
    .toLowerCase()
    .match(/[\p{L}\p{M}\p{N}\p{S}]/gu);
  return letters?.join('') ?? title.trim();
}

/** A link to an article, text that leads elsewhere, or nothing that is shown. */
type Kind = 'article' | 'text' | 'hidden';

function kindOf(target: string, namespaces: ReadonlyMap<string, number>): Kind {
  const shown = /^\s*:/.test(target);
  const plain = target.replace(/^[\s:]+/, '').replace(/^'{2,}|'{2,}$/g, '');
  if (plain.trim() === '' || /[<>{}[\]]|\ue002/.test(plain)) return 'text';
  const [, prefix, rest] = /^([^:]*?)\s*:([\s\S]*)$/.exec(plain) ?? [];
  if (prefix !== undefined && rest !== undefined) {
    const name = prefix.replaceAll('_', ' ').trim().toLowerCase();
    const namespace = namespaces.get(name);
    const hidden =
      namespace === FILE ||
      namespace === CATEGORY ||
      FOREIGN_CATEGORY.test(name) ||
      (namespace === undefined && (isLanguage(name) || MEDIA.test(rest)));
    if (hidden) return shown ? 'text' : 'hidden';
    if (namespace !== undefined || PROJECTS.test(name)) return 'text';
  }
  return plain.includes('#') ? 'text' : 'article';
}

function namespacesOf({ namespaces }: Names): Map<string, number> {
  const result = new Map<string, number>();
  for (const [name, id] of Object.entries(ENGLISH)) {
    result.set(name, id);
    if (id > 1) result.set(`${name} talk`, id + 1);
  }
  for (const { id, name } of namespaces) if (id !== 0) result.set(name.toLowerCase(), id);
  return result;
}

const ELEMENTS =
  'nowiki|pre|math|chem|ce|ref|references|gallery|timeline|score|syntaxhighlight|source|imagemap|templatedata|hiero|graph|mapframe|maplink|inputbox|categorytree|includeonly';

/** Removes matches until there are none: from the inside out. */
function peel(text: string, pattern: RegExp, by = ''): string {
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(pattern, by);
  }
  return text;
}

/** Headings with no words under them, before the next of the same or a higher level: no running text. */
function emptyHeadings(text: string): string[] {
  let open: { level: number; line: string }[] = [];
  const empty: string[] = [];
  for (const line of [...text.replace(/<\/?[a-z][^<>]*>/gi, '').split('\n'), '=x=']) {
    const heading = /^(=+).+?(=+)\s*$/.exec(line);
    if (!heading) {
      if (/[\p{L}\p{N}\ue000]/u.test(line.replace(/__\p{Lu}+__/gu, ''))) open = [];
      continue;
    }
    const level = Math.min(heading[1]!.length, heading[2]!.length);
    empty.push(...open.filter((before) => before.level >= level).map((before) => before.line));
    open = open.filter((before) => before.level < level);
    open.push({ level, line });
  }
  return empty;
}

/** The page without what is no running text; a template leaves a mark, since it may stand in a target. */
function runningText(wikitext: string): string {
  let text = wikitext.replace(/<!--[\s\S]*?(?:-->|$)/g, '');
  text = text.replace(new RegExp(`<(?:${ELEMENTS})\\b[^<>]*/>`, 'gi'), '');
  text = text.replace(new RegExp(`<(${ELEMENTS})\\b[^<>]*>[\\s\\S]*?</\\1\\s*>`, 'gi'), '');
  // Innermost first, so that `{{a|{{b}}}}` and `{{{1}}}` come apart at the right braces.
  text = peel(text, /\{\{(?:[^{}]|\{(?!\{)|\}(?!\}))*?\}\}/g, '\ue002');
  text = peel(text, /<table\b(?:(?!<\/?table)[\s\S])*<\/table\s*>/gi);
  text = peel(
    text,
    /^[ \t:*#\ue002]*\{\|(?:(?!^[ \t:*#\ue002]*\{\||^[\s\ue002]*\|\})[\s\S])*(?:^[\s\ue002]*\|\}|<\/table\s*>)/gm,
  );
  // A row of a table that never ends is not running text either.
  return text.replace(/^[ \t\ue002]*\|.*$/gm, '');
}

export interface Count {
  /** Keys of the targets of article links. */
  targets: string[];
  /** Whether the page has words of its own, outside templates, tables, images and headings. */
  words: boolean;
}

/** What stands in the running text of a page. */
export function countLinks(wikitext: string, names: Names): Count {
  const namespaces = namespacesOf(names);
  let text = runningText(wikitext);
  const targets: (string | undefined)[] = [];
  const link = /\[\[([^[\]]*(?:\[[^[\]]*\][^[\]]*)*)\]\]/g;
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(link, (_, inside: string) => {
      const inner = [...inside.matchAll(/\ue000(\d+)\ue001/g)].map(([, id]) => Number(id));
      const target = inside.split('|', 1)[0]!.replace(/\ue000\d+\ue001/g, '<');
      const kind = kindOf(target, namespaces);
      if (kind === 'hidden') {
        for (const id of inner) targets[id] = undefined;
        return '';
      }
      if (inner.length > 0 || kind === 'text') return inside;
      targets.push(keyOf(target));
      return `\ue000${targets.length - 1}\ue001`;
    });
  }
  for (const heading of emptyHeadings(text)) {
    for (const [, id] of heading.matchAll(/\ue000(\d+)\ue001/g)) targets[Number(id)] = undefined;
  }
  const shown = text
    .replace(/^=.*=\s*$/gm, '')
    .replace(/<[^<>]*>|__\p{Lu}+__|&[a-z]+;/giu, '')
    .replace(/^#\S+/, '');
  return {
    targets: targets.filter((target) => target !== undefined),
    words: /[\p{L}\p{N}\ue000]/u.test(shown),
  };
}

/** The key under which {@link countLinks} would count a link to this title. */
export const linkKey = keyOf;

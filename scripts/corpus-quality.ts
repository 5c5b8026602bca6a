// Measures how well dumps become articles: npx tsx scripts/corpus-quality.ts DUMP...
//
// Links are compared with a second reading of the wikitext that shares only the classification of
// targets with the reader: it peels comments, elements, templates and tables off with regular expressions,
// from the inside out, and then collects `[[…]]`. Slow and blind to position, but made differently.
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openDump } from '../lib/corpus/dump.ts';
import type { Page, Siteinfo } from '../lib/corpus/siteinfo.ts';
import { ArticleExtractor } from '../lib/corpus/wikitext/extract.ts';
import { LinkResolver } from '../lib/corpus/wikitext/links.ts';

/** Markup that has no business in plain text. */
export const LEFTOVERS: readonly [string, RegExp][] = [
  ['[[', /\[\[/g],
  [']]', /\]\]/g],
  ['{{', /\{\{/g],
  ['}}', /\}\}/g],
  ['{|', /\{\|/g],
  ['|}', /\|\}/g],
  ["''", /''/g],
  ['<tag', /<\/?(?:ref|br|div|span|small|sup|sub|nowiki|table|tr|td|gallery|center|font|math)\b/gi],
  ['<!--', /<!--|-->/g],
  ['&entity;', /&(?:[a-z]{2,8}|#\d{2,6}|#x[0-9a-f]{2,5});/gi],
  ['__SWITCH__', /__\p{Lu}{3,}__/gu],
  ['==', /^=|==\s*$/gm],
  ['list mark', /^[*#:;]/gm],
  ['thumb|', /\b(?:thumb|thumbnail|frameless|upright)\s*\|/gi],
  ['px|', /\d+px\s*\|/g],
  ['style=', /\b(?:style|class|align|colspan|rowspan|bgcolor)\s*=\s*["'\d]/gi],
  ['-{', /-\{|\}-/g],
];

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

/** Targets of the article links outside templates, tables, references and captions. */
export function linksOf(wikitext: string, resolver: LinkResolver): string[] {
  let text = wikitext.replace(/<!--[\s\S]*?(?:-->|$)/g, '');
  text = text.replace(new RegExp(`<(?:${ELEMENTS})\\b[^<>]*/>`, 'gi'), '');
  text = text.replace(new RegExp(`<(${ELEMENTS})\\b[^<>]*>[\\s\\S]*?</\\1\\s*>`, 'gi'), '');
  // Innermost first, so that `{{a|{{b}}}}` and `{{{1}}}` come apart at the right braces.
  text = peel(text, /\{\{(?:[^{}]|\{(?!\{)|\}(?!\}))*?\}\}/g);
  text = peel(text, /<table\b(?:(?!<\/?table)[\s\S])*<\/table\s*>/gi);
  text = peel(
    text,
    /^[ \t:*#]*\{\|(?:(?!^[ \t:*#]*\{\||^\s*\|\})[\s\S])*(?:^\s*\|\}|<\/table\s*>)/gm,
  );
  // A row of a table that never ends is not running text either.
  text = text.replace(/^[ \t]*\|.*$/gm, '');
  const targets: (string | undefined)[] = [];
  const link = /\[\[([^[\]]*(?:\[[^[\]]*\][^[\]]*)*)\]\]/g;
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(link, (_, inside: string) => {
      const inner = [...inside.matchAll(/\ue000(\d+)\ue001/g)].map(([, id]) => Number(id));
      const target = resolver.resolve(inside.split('|', 1)[0]!.replace(/\ue000\d+\ue001/g, '<'));
      if (target.kind === 'hidden') {
        for (const id of inner) targets[id] = undefined;
        return '';
      }
      if (inner.length > 0 || target.kind !== 'article') return inside;
      targets.push(target.title);
      return `\ue000${targets.length - 1}\ue001`;
    });
  }
  for (const heading of emptyHeadings(text)) {
    for (const [, id] of heading.matchAll(/\ue000(\d+)\ue001/g)) targets[Number(id)] = undefined;
  }
  return targets.filter((target) => target !== undefined);
}

export interface Quality {
  /** Article pages that are no redirects, and those of them with text. */
  articles: number;
  kept: number;
  characters: number;
  /** Links by the second reading, anchors found, and how many of both agree. */
  links: number;
  anchors: number;
  common: number;
  /** By name, in all. */
  leftovers: Map<string, number>;
  /** Of some pages where links differ: title, missing and surplus targets. */
  differences: string[];
}

function common(
  a: readonly string[],
  b: readonly string[],
): { both: number; missing: string[]; surplus: string[] } {
  const counts = new Map<string, number>();
  for (const target of a) counts.set(target, (counts.get(target) ?? 0) + 1);
  const surplus: string[] = [];
  for (const target of b) {
    const count = counts.get(target) ?? 0;
    if (count > 0) counts.set(target, count - 1);
    else surplus.push(target);
  }
  const missing = [...counts].flatMap(([target, count]) => Array<string>(count).fill(target));
  return { both: b.length - surplus.length, missing, surplus };
}

/** Measures the articles among these pages. */
export async function measure(
  pages: AsyncIterable<Page> | Iterable<Page>,
  wiki: Siteinfo,
): Promise<Quality> {
  const extractor = new ArticleExtractor(wiki);
  const resolver = new LinkResolver(wiki);
  const quality: Quality = {
    articles: 0,
    kept: 0,
    characters: 0,
    links: 0,
    anchors: 0,
    common: 0,
    leftovers: new Map(),
    differences: [],
  };
  for await (const page of pages) {
    if (page.namespace !== 0 || page.redirect !== undefined) continue;
    quality.articles++;
    const { text, anchors } = extractor.extract(page);
    if (text !== '') quality.kept++;
    quality.characters += text.length;
    const expected = linksOf(page.text, resolver);
    const found = anchors.map(({ target }) => target);
    const { both, missing, surplus } = common(expected, found);
    quality.links += expected.length;
    quality.anchors += found.length;
    quality.common += both;
    if (missing.length + surplus.length > 0) {
      const list = (name: string, all: string[]): string =>
        all.length > 0
          ? ` ${name} ${all.slice(0, 5).join(', ')}${all.length > 5 ? ` (${all.length})` : ''};`
          : '';
      quality.differences.push(
        `${page.title}:${list('missing', missing)}${list('surplus', surplus)}`,
      );
    }
    for (const [name, pattern] of LEFTOVERS) {
      const count = text.match(pattern)?.length ?? 0;
      if (count > 0) quality.leftovers.set(name, (quality.leftovers.get(name) ?? 0) + count);
    }
  }
  return quality;
}

export const recall = ({ common: both, links }: Quality): number => (links > 0 ? both / links : 1);
export const precision = ({ common: both, anchors }: Quality): number =>
  anchors > 0 ? both / anchors : 1;
export const leftoversPerMillion = ({ leftovers, characters }: Quality): number =>
  ([...leftovers.values()].reduce((sum, count) => sum + count, 0) / Math.max(characters, 1)) * 1e6;

async function main(paths: string[]): Promise<void> {
  if (paths.length === 0) {
    console.error('usage: npx tsx scripts/corpus-quality.ts DUMP.xml[.bz2]...');
    process.exitCode = 2;
  }
  for (const path of paths) {
    const dump = await openDump(path);
    const quality = await measure(dump.pages(), dump.siteinfo);
    const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
    console.log(path);
    console.log(
      `  articles with text  ${quality.kept} of ${quality.articles} (${percent(quality.kept / quality.articles)}), ${quality.characters} characters`,
    );
    console.log(
      `  links               ${quality.links} in the wikitext, ${quality.anchors} anchors: recall ${percent(recall(quality))}, precision ${percent(precision(quality))}`,
    );
    const rests = [...quality.leftovers].map(([name, count]) => `${name} ${count}`).join(', ');
    console.log(
      `  left-over markup    ${leftoversPerMillion(quality).toFixed(1)} per million characters: ${rests || 'none'}`,
    );
    for (const line of quality.differences.slice(0, 12)) console.log(`    ${line}`);
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2));
}

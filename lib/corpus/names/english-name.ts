/**
 * Which English page titles are entity names, and how they are written in the text. The paper (Yamada & Ri
 * 2024, section 3 and appendix) drops titles outside the article namespace and lists, and removes what
 * stands in parentheses, e.g. the "(film)" that only tells two pages apart.
 */

/** Namespaces of the English Wikipedia whose pages are no entities; matched exactly, before the first ":". */
export const excludedNamespaces: ReadonlySet<string> = new Set([
  'Wikipedia',
  'Category',
  'File',
  'Portal',
  'Template',
  'MediaWiki',
  'User',
  'Help',
  'Book',
  'Draft',
  'WikiProject',
  'Special',
  'Talk',
]);

const excludedPrefix = 'List of ';

/**
 * The entity name of an English page title, or null if the page is no entity or nothing is left of its name.
 * White space is collapsed, so that no double space remains where parentheses stood.
 */
export function englishName(title: string): string | null {
  const colon = title.indexOf(':');
  if (colon >= 0 && excludedNamespaces.has(title.slice(0, colon))) return null;
  if (title.startsWith(excludedPrefix)) return null;
  const name = withoutParentheses(title).replace(/\s+/gu, ' ').trim();
  return name === '' ? null : name;
}

/** Removes every "(…)", nested ones as a whole; a parenthesis without partner stays. */
function withoutParentheses(title: string): string {
  const open: number[] = [];
  const ranges: [number, number][] = [];
  for (let i = 0; i < title.length; i++) {
    if (title[i] === '(') open.push(i);
    if (title[i] !== ')') continue;
    const start = open.pop();
    if (start === undefined) continue;
    while ((ranges.at(-1)?.[0] ?? -1) > start) ranges.pop();
    ranges.push([start, i + 1]);
  }
  let result = '';
  let from = 0;
  for (const [start, end] of ranges) {
    result += title.slice(from, start);
    from = end;
  }
  return result + title.slice(from);
}

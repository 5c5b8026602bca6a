// What Wikidata calls a language's Wikipedia: the name of its database. For some old editions the database has another
// language code than the address or the text.

const OLD_CODES: Readonly<Record<string, string>> = {
  'be-tarask': 'be-x-old',
  egl: 'eml',
  gsw: 'als',
  lzh: 'zh-classical',
  nan: 'zh-min-nan',
  nb: 'no',
  rup: 'roa-rup',
  sgs: 'bat-smg',
  vro: 'fiu-vro',
  yue: 'zh-yue',
};

/** The database of a language's Wikipedia as sitelinks name it: `zh-min-nan` and `nan` are `zh_min_nanwiki`. */
export function wikipediaSite(language: string): string {
  const code = language.toLowerCase();
  return `${(OLD_CODES[code] ?? code).replaceAll('-', '_')}wiki`;
}

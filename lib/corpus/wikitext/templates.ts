// What is known of the templates of a wiki: the lines of the table for its language, and the templates that name a
// language in their own name, `{{lang-ru|…}}`, with what the language is called there.
import type { Siteinfo } from '../dump/siteinfo.ts';
import { knownLanguages, languageLabels } from './language-forms.ts';
import type { TemplateDefinition } from './native.ts';
import { TEMPLATE_TABLE } from './template-table.ts';

/** `{{lang-en-short|…}}` of the Japanese edition. */
const JAPANESE_SIGNS: Readonly<Record<string, string>> = {
  ...{ en: '英', fr: '仏', de: '独', es: '西', it: '伊', pt: '葡', ru: '露', nl: '蘭', la: '羅' },
  ...{ el: '希', grc: '希', zh: '中', ko: '朝', ar: '亜' },
};
/** By edition: reading the table takes some milliseconds. */
const known = new Map<string, TemplateDefinition[]>();

/** Signs of the pattern language, which names of languages do not have. */
const plainText = (text: string): string => text.replace(/[{}[\]]/g, '');

/** The templates of a wiki, for `NativeWikitextReader`. */
export function templatesOf({ language }: Pick<Siteinfo, 'language'>): TemplateDefinition[] {
  const [edition = ''] = language.split('-');
  const present = known.get(edition);
  if (present !== undefined) return present;
  const definitions: TemplateDefinition[] = [];
  const labels = languageLabels(edition);
  for (const code of knownLanguages) {
    const label = labels(code);
    if (label === undefined) continue;
    const roman = edition === 'en' ? '[, romanized: {2|translit}]' : '';
    definitions.push({ names: [`lang-${code}`], shown: `${plainText(label)}{1|text}${roman}` });
    if (edition === 'ja' && code in JAPANESE_SIGNS) {
      definitions.push({ names: [`lang-${code}-short`], shown: `${JAPANESE_SIGNS[code]}: {1}` });
    }
  }
  for (const line of TEMPLATE_TABLE.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [editions = '', names = '', shown = ''] = line.split(' | ');
    if (editions.trim() !== '*' && editions.trim() !== edition) continue;
    definitions.push({ names: names.trim().split(', ').flatMap(spellings), shown });
  }
  known.set(edition, definitions);
  return definitions;
}

/** A name in small ASCII letters, with its first letter small and as a capital: the others must be as they are. */
function spellings(name: string): string[] {
  const [first = ''] = name;
  const ascii = first < '\u0080';
  return ascii ? [name] : [name, first.toUpperCase() + name.slice(first.length)];
}

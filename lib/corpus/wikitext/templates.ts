// What is known of the templates of a wiki: the lines of the table for its language, and the templates that name a
// language in their own name, `{{lang-ru|…}}`, with what the language is called there.
import type { Siteinfo } from '../dump/siteinfo.ts';
import type { TemplateDefinition } from './native.ts';
import { LANGUAGE_PREFIXES } from './prefixes.ts';
import { TEMPLATE_TABLE } from './template-table.ts';

/** Languages that templates name, without being editions. */
const OLD_LANGUAGES = [
  'grc',
  'ang',
  'hbo',
  'akk',
  'sux',
  'egy',
  'ota',
  'non',
  'goh',
  'gmh',
  'fro',
  'syc',
];

/** Short names of languages where an edition writes them so. */
const SHORT_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ru: {
    ...{
      en: 'англ.',
      de: 'нем.',
      fr: 'фр.',
      la: 'лат.',
      it: 'итал.',
      es: 'исп.',
      ja: 'яп.',
      uk: 'укр.',
    },
    ...{
      pl: 'польск.',
      el: 'греч.',
      grc: 'др.-греч.',
      ar: 'араб.',
      he: 'ивр.',
      zh: 'кит.',
      pt: 'порт.',
    },
  },
  uk: {
    ...{
      en: 'англ.',
      de: 'нім.',
      fr: 'фр.',
      la: 'лат.',
      it: 'італ.',
      es: 'ісп.',
      ja: 'яп.',
      ru: 'рос.',
    },
    ...{
      pl: 'пол.',
      el: 'грец.',
      grc: 'дав.-гр.',
      ar: 'араб.',
      he: 'івр.',
      zh: 'кит.',
      pt: 'порт.',
    },
  },
};
/** `{{lang-en-short|…}}` of the Japanese edition. */
const JAPANESE_SIGNS: Readonly<Record<string, string>> = {
  ...{ en: '英', fr: '仏', de: '独', es: '西', it: '伊', pt: '葡', ru: '露', nl: '蘭', la: '羅' },
  ...{ el: '希', grc: '希', zh: '中', ko: '朝', ar: '亜' },
};
/** How a language is named before a word of it, where its name alone does not do. */
const BEFORE_WORDS: Readonly<Record<string, (name: string) => string>> = {
  ar: (name) => `ب${name}`,
  he: (name) => `ב${name}`,
  el: (name) => smallFirst(name),
  es: (name) => `en ${name}`,
  fr: (name) => `en ${name}`,
  pt: (name) => `em ${name}`,
  vi: (name) => smallFirst(name),
};

function smallFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** What stands before a word of another language, by its code; undefined if the language is not known. */
export type LanguageLabels = (code: string) => string | undefined;

/** The labels of an edition. */
export function languageLabels(edition: string): LanguageLabels {
  const colon = edition === 'fr' ? ' : ' : edition === 'zh' ? '：' : ': ';
  try {
    const names = new Intl.DisplayNames([edition], { type: 'language', fallback: 'none' });
    return (code) => {
      const short = SHORT_NAMES[edition]?.[code];
      if (short !== undefined) return `${short} `;
      const name = isTag(code) ? names.of(code) : undefined;
      return name === undefined ? undefined : `${BEFORE_WORDS[edition]?.(name) ?? name}${colon}`;
    };
  } catch {
    return () => undefined; // an edition whose code is no language's
  }
}

/** Whether codes of languages look like this; others are refused by `Intl`. */
function isTag(code: string): boolean {
  return /^[a-z]{2,3}(?:-[A-Za-z]{2,4})?$/.test(code);
}

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
  for (const code of [...LANGUAGE_PREFIXES, ...OLD_LANGUAGES]) {
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

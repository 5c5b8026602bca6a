// How a language writes what templates compute: numbers, dates, and the names of other languages before their words. The
// engine's tables say it; they are asked once for each wiki, since the text itself is made by native code.
import type { Siteinfo } from '../dump/siteinfo.ts';
import type { LanguageForms } from './native.ts';
import { LANGUAGE_PREFIXES } from './prefixes.ts';

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

/** Codes of the languages that templates name. */
export const knownLanguages: readonly string[] = [...LANGUAGE_PREFIXES, ...OLD_LANGUAGES];

/** Short names of languages where an edition writes them so. */
const SHORT_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ru: {
    en: 'англ.',
    de: 'нем.',
    fr: 'фр.',
    la: 'лат.',
    it: 'итал.',
    es: 'исп.',
    ja: 'яп.',
    uk: 'укр.',
    pl: 'польск.',
    el: 'греч.',
    grc: 'др.-греч.',
    ar: 'араб.',
    he: 'ивр.',
    zh: 'кит.',
    pt: 'порт.',
  },
  uk: {
    en: 'англ.',
    de: 'нім.',
    fr: 'фр.',
    la: 'лат.',
    it: 'італ.',
    es: 'ісп.',
    ja: 'яп.',
    ru: 'рос.',
    pl: 'пол.',
    el: 'грец.',
    grc: 'дав.-гр.',
    ar: 'араб.',
    he: 'івр.',
    zh: 'кит.',
    pt: 'порт.',
  },
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
    // Otherwise the names would be those of this machine's language.
    if (Intl.DisplayNames.supportedLocalesOf([edition]).length === 0) return () => undefined;
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

const known = new Map<string, LanguageForms>();

/**
 * The forms of a wiki's language. One that the engine does not know has the numbers and dates of English, but neither
 * labels nor units written out.
 */
export function languageForms({ language: written }: Pick<Siteinfo, 'language'>): LanguageForms {
  let forms = known.get(written);
  if (forms === undefined) {
    const language = isKnown(written) ? written : 'en';
    const labelOf = languageLabels(written);
    const labels = knownLanguages.flatMap((code) => {
      const label = labelOf(code);
      return label === undefined ? [] : [{ code, label }];
    });
    const english = ['en', 'simple'].includes(written);
    forms = { english, ...numberForm(language), ...dateForms(language), labels };
    known.set(written, forms);
  }
  return forms;
}

function isKnown(language: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf([language]).length > 0;
  } catch {
    return false; // an edition whose code is no language's
  }
}

function numberForm(
  language: string,
): Pick<LanguageForms, 'group' | 'point' | 'last' | 'others' | 'least'> {
  const format = new Intl.NumberFormat(language, { numberingSystem: 'latn' });
  const parts = format.formatToParts(1234567890.5);
  const signOf = (kind: string): string => parts.find(({ type }) => type === kind)?.value ?? '';
  const sizes = parts.flatMap(({ type, value }) => (type === 'integer' ? [value.length] : []));
  return {
    group: signOf('group'),
    point: signOf('decimal') || '.',
    last: sizes.at(-1) ?? 3,
    others: sizes.at(-2) ?? 3,
    least: format.format(1234).length > 4 ? 4 : 5,
  };
}

/** Calendars whose years are those of the common era, or ahead of them by as many in each. */
const SOLAR_CALENDARS = new Set(['gregory', 'buddhist']);

function dateForms(
  language: string,
): Pick<LanguageForms, 'months' | 'days' | 'dateDigits' | 'yearsAhead'> {
  const locale = language === 'en' ? 'en-GB' : language;
  const own = new Intl.DateTimeFormat(locale).resolvedOptions();
  const calendar = SOLAR_CALENDARS.has(own.calendar) ? own.calendar : 'gregory';
  const form = { timeZone: 'UTC', calendar, year: 'numeric', month: 'long' } as const;
  const inMonth = new Intl.DateTimeFormat(locale, form);
  const onDay = new Intl.DateTimeFormat(locale, { ...form, day: 'numeric' });
  const formsOf = (format: Intl.DateTimeFormat): string[] =>
    Array.from({ length: 12 }, (_, month) =>
      format
        .formatToParts(Date.UTC(2000, month, 28))
        .map(({ type, value }) => (type === 'day' ? '{d}' : type === 'year' ? '{y}' : value))
        .join('')
        .replaceAll('\u202f', ' '),
    );
  const plain = { useGrouping: false } as const;
  const digits = new Intl.NumberFormat(locale, { ...plain, numberingSystem: own.numberingSystem });
  const latin = new Intl.DateTimeFormat(locale, { ...form, numberingSystem: 'latn' });
  const year = latin.formatToParts(Date.UTC(2000, 0)).find(({ type }) => type === 'year')?.value;
  return {
    months: formsOf(inMonth),
    days: formsOf(onDay),
    dateDigits: Array.from({ length: 10 }, (_, digit) => digits.format(digit)),
    yearsAhead: Number(year) - 2000,
  };
}

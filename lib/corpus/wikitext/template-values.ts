// Templates whose text is made of their arguments' values: numbers, dates, measures. Names of units, separators of
// digits and forms of dates are those of the edition's language, from the engine's tables.
import type { Siteinfo } from '../dump/siteinfo.ts';
import type { Scripts } from './extract.ts';
import { convert } from './measures.ts';
import type { TemplateDefinition } from './native.ts';
import { type LanguageLabels, languageLabels } from './templates.ts';

/** The arguments of a template by name; those without one are numbered from 1. */
export type Values = ReadonlyMap<string, string>;

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾';
const LOWERED = '₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎';
const PLAIN = '0123456789+-=()';

/** A template's text; empty if its arguments are not what the template wants. */
export class TemplateValues {
  readonly #language: string;
  readonly #scripts: Scripts;
  readonly #labels: LanguageLabels;
  readonly #functions: Readonly<Record<string, (values: Values) => string>>;

  constructor({ language }: Pick<Siteinfo, 'language'>, scripts: Scripts) {
    this.#language = isKnown(language) ? language : 'en';
    this.#scripts = scripts;
    this.#labels = languageLabels(this.#language);
    this.#functions = {
      sup: (values) => this.#script(values.get('1') ?? '', true),
      sub: (values) => this.#script(values.get('1') ?? '', false),
      number: (values) => this.#number(values),
      value: (values) => this.#value(values),
      fraction,
      chem: (values) => this.#chemical(values),
      phonemes,
      syllables,
      date: (values) => this.#date(values),
      day: (values) => this.#day(values.get('3'), values.get('2'), values.get('1')),
      since: (values) => since(values, this.#language),
      language: (values) => this.#labelled(values),
      convert: (values) => convert(values, this.#language),
      abbreviated: (values) => convert(new Map([...values, ['abbr', 'on']]), this.#language),
    };
  }

  /** What the reader of wikitext with these templates calls; see `call` of `NativeWikitextReader`. */
  caller(templates: readonly TemplateDefinition[]): (template: number, given: string) => string {
    const functions = templates.map(({ shown }) =>
      shown.startsWith('@') ? this.#functions[shown.slice(1)] : undefined,
    );
    return (template, given) => functions[template]?.(valuesOf(given)) ?? '';
  }

  #script(text: string, raised: boolean): string {
    const digits = text.replaceAll('−', '-');
    if (this.#scripts === 'plain' || !/^[\d+-]+$/.test(digits)) return text;
    if (this.#scripts === 'signs') return `${raised ? '^' : '_'}${text}`;
    const signs = raised ? RAISED : LOWERED;
    return Array.from(digits, (sign) => signs[PLAIN.indexOf(sign)]).join('');
  }

  #number(values: Values): string {
    const text = values.get('1') ?? '';
    if (values.get('2') === 'R') return text.replaceAll(',', '');
    const [, sign = '', whole, decimals] = /^([-−+]?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
    return whole === undefined ? text : sign + formatNumber(whole, decimals, this.#language);
  }

  /** `{{val|1.23|0.05|e=6|u=m}}` */
  #value(values: Values): string {
    const [number, uncertainty = ''] = [values.get('1'), values.get('2')];
    if (number === undefined) return '';
    const exponent = values.get('e');
    const unit = values.get('u') ?? values.get('ul');
    const below = values.get('3');
    const error =
      below !== undefined
        ? `+${uncertainty.replace(/^\+/, '')}−${below.replace(/^[-−]/, '')}`
        : uncertainty && (uncertainty.startsWith('(') ? uncertainty : `±${uncertainty}`);
    const power = exponent === undefined ? '' : `×10${this.#script(exponent, true)}`;
    return `${number}${error}${power}${unit === undefined ? '' : ` ${unit}`}`;
  }

  /** `{{chem|H|2|O}}`, `{{chem2|H2O}}` */
  #chemical(values: Values): string {
    const parts = listed(values).join('');
    return parts.replace(/(?<=[\p{L})\]])\d+/gu, (digits) => this.#script(digits, false));
  }

  /** A year, month and day, in this order: a day of death before one of birth, too. */
  #date(values: Values): string {
    return this.#day(values.get('1'), values.get('2'), values.get('3'));
  }

  #day(year = '', month = '', day = ''): string {
    const [y, m, d] = [year, month, day].map(Number);
    if (!/^\d{1,4}$/.test(year)) return '';
    if (!(m! >= 1 && m! <= 12)) return month === '' ? year : '';
    const date = new Date(Date.UTC(2000, m! - 1, d! >= 1 && d! <= 31 ? d : 1));
    date.setUTCFullYear(y!);
    const [months, days] = dateFormats(this.#language);
    return (d! >= 1 && d! <= 31 ? days : months).format(date);
  }

  /** `{{llang|en|text}}` */
  #labelled(values: Values): string {
    const text = values.get('2');
    if (text === undefined) return '';
    return `${this.#labels(values.get('1') ?? '') ?? ''}${text}`;
  }
}

/** `given`: names and values in turn, with a NUL behind each. Empty ones are left out. */
function valuesOf(given: string): Values {
  const values = new Map<string, string>();
  for (let at = 0; at < given.length; ) {
    const middle = given.indexOf('\0', at);
    const end = given.indexOf('\0', middle + 1);
    if (end > middle + 1) values.set(given.slice(at, middle), given.slice(middle + 1, end));
    at = end + 1;
  }
  return values;
}

function isKnown(language: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf([language]).length > 0;
  } catch {
    return false; // an edition whose code is no language's
  }
}

/** The arguments without a name, in order. */
function listed(values: Values): string[] {
  const list: string[] = [];
  for (let i = 1; values.has(String(i)); i++) list.push(values.get(String(i))!);
  return list;
}

const dates = new Map<string, readonly [Intl.DateTimeFormat, Intl.DateTimeFormat]>();

/** The forms of months and of days in a language. */
function dateFormats(language: string): readonly [Intl.DateTimeFormat, Intl.DateTimeFormat] {
  let formats = dates.get(language);
  if (formats === undefined) {
    const locale = language === 'en' ? 'en-GB' : language;
    const form = { timeZone: 'UTC', year: 'numeric', month: 'long' } as const;
    const days = new Intl.DateTimeFormat(locale, { ...form, day: 'numeric' });
    formats = [new Intl.DateTimeFormat(locale, form), days];
    dates.set(language, formats);
  }
  return formats;
}

/** How a language writes numbers. */
interface NumberForm {
  group: string;
  point: string;
  /** Digits in the last group, and in those before it; numbers of fewer digits than `least` have no groups. */
  last: number;
  others: number;
  least: number;
}

const numberForms = new Map<string, NumberForm>();

/** From the engine's tables, whose own formatter takes much longer than putting signs between digits. */
function numberForm(language: string): NumberForm {
  const known = numberForms.get(language);
  if (known !== undefined) return known;
  const format = new Intl.NumberFormat(language, { numberingSystem: 'latn' });
  const parts = format.formatToParts(1234567890.5);
  const signOf = (kind: string): string => parts.find(({ type }) => type === kind)?.value ?? '';
  const sizes = parts.flatMap(({ type, value }) => (type === 'integer' ? [value.length] : []));
  const form: NumberForm = {
    group: signOf('group'),
    point: signOf('decimal') || '.',
    last: sizes.at(-1) ?? 3,
    others: sizes.at(-2) ?? 3,
    least: format.format(1234).length > 4 ? 4 : 5,
  };
  numberForms.set(language, form);
  return form;
}

/** Digits in groups, with the signs of a language. `whole`: digits; `decimals`: those behind the point. */
export function formatNumber(
  whole: string,
  decimals: string | undefined,
  language: string,
): string {
  const { group, point, last, others, least } = numberForm(language);
  const digits = whole.startsWith('0') ? whole.replace(/^0+(?=\d)/, '') : whole;
  let end = digits.length > last && digits.length >= least ? digits.length - last : 0;
  let text = digits.slice(end);
  for (; end > 0; end -= others) {
    text = `${digits.slice(Math.max(end - others, 0), end)}${group}${text}`;
  }
  return decimals === undefined ? text : `${text}${point}${decimals}`;
}

/** `{{frac|3|1|2}}`: three and a half. */
function fraction(values: Values): string {
  const [first, second, third] = listed(values);
  if (first === undefined) return '';
  if (second === undefined) return `1⁄${first}`;
  return third === undefined ? `${first}⁄${second}` : `${first} ${second}⁄${third}`;
}

/** Codes before the phonemes, and what they show. */
const BEFORE_PHONEMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{
      lang: 'English: ',
      local: 'locally ',
      ipa: 'IPA: ',
      also: 'also ',
      uk: 'UK: ',
      us: 'US: ',
    },
    ...{ uklang: 'British English: ', uslang: 'American English: ', ukalso: 'UK also ' },
    ...{ usalso: 'US also ', alsouk: 'also UK: ', alsous: 'also US: ' },
  }),
);
const NO_PHONEMES = new Set(['pron', 'audio', 'lang-us', 'lang-uk', 'icon']);
const AUDIO = /\.(?:og[ag]|wav|mp3)$/i;

/** `{{IPAc-en|lang|æ|l}}` (https://en.wikipedia.org/wiki/Template:IPAc-en). */
function phonemes(values: Values): string {
  let before = '';
  let sounds = '';
  for (const part of listed(values)) {
    const code = part.toLowerCase();
    const said = sounds === '' ? BEFORE_PHONEMES.get(code) : undefined;
    if (said !== undefined) before += said;
    else if (!NO_PHONEMES.has(code) && !(part.includes('.') && AUDIO.test(part))) sounds += part;
  }
  return sounds === '' ? '' : `${before}/${sounds.replaceAll('_', ' ')}/`;
}

/** `{{respell|AL|gə|ridh-əm}}`; no hyphen stands beside one that is there, or beside a blank, `_`. */
function syllables(values: Values): string {
  let [text, before] = ['', '_'];
  for (const part of listed(values)) {
    const apart = before.includes('_') || before.endsWith('-') || /^-|_/.test(part);
    text += apart ? part : `-${part}`;
    before = part;
  }
  return text.replaceAll('_', ' ');
}

/** `{{as of|2014|5|1|lc=y}}`, in English alone; `alt` stands in its place. */
function since(values: Values, language: string): string {
  const [year, month, day] = [values.get('1'), values.get('2'), values.get('3')];
  const alt = values.get('alt');
  if (alt !== undefined) return alt;
  if (language !== 'en' || year === undefined) return '';
  const number = Number(month);
  const [months] = dateFormats('en');
  const date = new Date(Date.UTC(2000, number - 1, 1));
  const isNumber = number >= 1 && number <= 12;
  const name = isNumber ? months.format(date).replace(/\d+/, '').trim() : month;
  const american = values.get('df')?.toLowerCase() === 'us';
  let before = name === undefined ? '' : `${name} `;
  if (name !== undefined && day !== undefined)
    before = american ? `${name} ${day}, ` : `${day} ${name} `;
  return `${values.has('lc') ? 'as' : 'As'} of ${before}${year}`;
}

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
/** Templates of an edition that name a language in a way of their own. */
function ownTemplate(edition: string, code: string, label: string): TemplateDefinition | undefined {
  if (edition === 'de' && label !== '') {
    // {{enS|word}}
    const name = label.replace(/: $/, '').toLowerCase();
    return { names: [`${code}s`], shown: `${plainText(name)} {1}[ {2}]` };
  }
  // {{Vol-en|word}}; how Latgalian calls languages is not known.
  if (edition === 'ltg') return { names: [`vol-${code}`], shown: '{1}' };
  if (edition === 'ar') {
    // {{ألمانية|word}}: the name without its article, ب in front.
    const name = /^بال(.*): $/.exec(label)?.[1];
    return name === undefined ? undefined : { names: [name], shown: `(${plainText(label)}{1})` };
  }
  return undefined;
}

const ROMAN = 'i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx xxi'.split(
  ' ',
);

/** Centuries as French calls them, `{{XIXe siècle}}` and `{{-Ve siècle}}`. */
function frenchCenturies(): TemplateDefinition[] {
  return ROMAN.flatMap((number, i) => {
    const name = `${number}${i === 0 ? 'er' : 'e'} siècle`;
    const shown = `${number.toUpperCase()}${i === 0 ? 'er' : 'e'} siècle`;
    return [
      { names: [name], shown },
      { names: [`-${name}`, `-${name}-`], shown: `${shown} av. J.-C.` },
    ];
  });
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
  for (const code of knownLanguages) {
    // Without the language's name the word alone is better than none.
    const label = labels(code) ?? '';
    const roman = edition === 'en' ? "[, romanized: {2|translit}][, lit. '{3|lit}']" : '';
    definitions.push({ names: [`lang-${code}`], shown: `${plainText(label)}{1|text}${roman}` });
    definitions.push({ names: [`ipa-${code}`], shown: '@pronunciation' });
    const own = ownTemplate(edition, code, label);
    if (own !== undefined) definitions.push(own);
    if (edition === 'ja' && code in JAPANESE_SIGNS) {
      definitions.push({ names: [`lang-${code}-short`], shown: `${JAPANESE_SIGNS[code]}: {1}` });
    }
  }
  if (edition === 'fr') definitions.push(...frenchCenturies());
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

// HTML that cannot be broken by what is put into it: the template tag escapes every value, and only what is
// `Html` already goes in as it is. The result is also well-formed XML, so that any parser can check it.

/** A piece of a page, escaped where it had to be. */
export class Html {
  readonly text: string;

  /** For text that is markup already; everything else comes from {@link html}. */
  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type HtmlValue = Html | string | number | readonly HtmlValue[];

/** html`<p class="${a}">${b}</p>`: attributes must be in double quotes. */
export function html(strings: TemplateStringsArray, ...values: HtmlValue[]): Html {
  const parts = strings.map((text, i) => (i === 0 ? text : escaped(values[i - 1]!) + text));
  return new Html(parts.join(''));
}

function escaped(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(escaped).join('');
  return [...String(value)].map(escapeCharacter).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What XML forbids becomes U+FFFD; what would reorder the text around it is made visible. */
function escapeCharacter(character: string): string {
  const entity = entities[character];
  if (entity !== undefined) return entity;
  const code = character.codePointAt(0) as number;
  const forbidden =
    (code < 0x20 && character !== '\t' && character !== '\n') ||
    (code >= 0x7f && code < 0xa0) ||
    (code >= 0xd800 && code < 0xe000) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    (code & 0xfffe) === 0xfffe;
  return forbidden ? '\ufffd' : character;
}

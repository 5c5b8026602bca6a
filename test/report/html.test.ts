import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html } from '../../lib/report/html.ts';
import { find, parse, textOf } from './parse.ts';

describe('html', () => {
  it('escapes every value, in text and in attributes, and leaves markup of its own alone', () => {
    const evil = `"'><script>alert(1)</script>&amp;`;
    const page = parse(html`<p title="${evil}">${evil}${[html`<b>${1}</b>`, '<i>']}</p>`.text);
    const [p] = find(page, 'p');
    expect(p?.attributes.title).toBe(evil);
    expect(textOf(page)).toBe(`${evil}1<i>`);
    expect(find(page, 'script')).toEqual([]);
    expect(find(page, 'b').length).toBe(1);
  });

  it('gives well-formed XML with the same text for whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const page = parse(html`<p title="${text}">${text}</p>`.text);
        // A parser reads line ends as \n, and as blanks in attributes.
        expect(textOf(page).length).toBe(text.length - surrogatesLost(text));
      }),
      { numRuns: 500 },
    );
  });

  it('replaces what XML forbids and what would turn the text around', () => {
    const bad = ['\0', '\u001b', '\u0085', '\ufffe', '\ud800', '\u202e', '\u2066'];
    for (const character of bad) {
      expect(html`${`a${character}b`}`.text).toBe('a\ufffdb');
    }
    expect(html`${'a\tb\n日本𠮷é'}`.text).toBe('a\tb\n日本𠮷é');
  });
});

/** Code points beyond U+FFFF that are replaced by the single U+FFFD. */
function surrogatesLost(text: string): number {
  return [...text].filter((c) => c.length === 2 && ((c.codePointAt(0) ?? 0) & 0xfffe) === 0xfffe)
    .length;
}

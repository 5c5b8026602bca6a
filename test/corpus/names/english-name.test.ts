import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { englishName, excludedNamespaces } from '../../../lib/corpus/names/english-name.ts';

describe('englishName', () => {
  it.each<[string, string | null]>([
    ['Tokyo', 'Tokyo'],
    ['Alien (film)', 'Alien'],
    ['Pi (letter) (band)', 'Pi'],
    ['(What’s the Story) Morning Glory?', 'Morning Glory?'],
    ['River (song) II', 'River II'],
    ['A (b (c) d) e', 'A e'],
    ['A (b', 'A (b'],
    ['A) b (c)', 'A) b'],
    ['((()', '(('],
    ['(untitled)', null],
    ['', null],
    ['  ', null],
    ['List of rivers', null],
    ['Lists of rivers', 'Lists of rivers'],
    ['List ofthings', 'List ofthings'],
    ['Category:Rivers', null],
    ['category:Rivers', 'category:Rivers'],
    ['Talk:Tokyo', null],
    ['User talk:Tokyo', 'User talk:Tokyo'],
    ['Star Trek: Picard', 'Star Trek: Picard'],
    ['File', 'File'],
    ['Module:Foo', 'Module:Foo'],
  ])('%j is %j', (title, name) => {
    expect(englishName(title)).toBe(name);
  });

  it('excludes the 13 namespaces', () => {
    expect(excludedNamespaces.size).toBe(13);
    for (const namespace of excludedNamespaces) expect(englishName(`${namespace}:x`)).toBeNull();
  });

  it('leaves no pair of parentheses, no double space and nothing new', () => {
    const title = fc.string({ unit: fc.constantFrom('(', ')', ' ', 'a', 'b') });
    fc.assert(
      fc.property(title, (string) => {
        const name = englishName(string) ?? '';
        expect(name).not.toMatch(/\([^()]*\)|\s\s|^\s|\s$/u);
        expect(englishName(name) ?? '').toBe(name);
      }),
    );
  });
});

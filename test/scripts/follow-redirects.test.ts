import fc from 'fast-check';
import { expect, test } from 'vitest';
import { followRedirects } from '../../scripts/follow-redirects.ts';

test('chains are followed to their end', () => {
  const redirects = new Map([
    ['A', 'B'],
    ['B', 'C'],
    ['D', 'Page#Section'],
  ]);
  expect(followRedirects('A', redirects)).toBe('C');
  expect(followRedirects('C', redirects)).toBe('C');
  expect(followRedirects('D', redirects)).toBe('Page#Section');
});

test('a circle leads nowhere', () => {
  const redirects = new Map([
    ['A', 'B'],
    ['B', 'C'],
    ['C', 'B'],
    ['Self', 'Self'],
  ]);
  expect(followRedirects('A', redirects)).toBe('A');
  expect(followRedirects('Self', redirects)).toBe('Self');
});

test('any table ends, at a page that is no redirect or at the title itself', () => {
  const title = fc.constantFrom<string>('A', 'B', 'C', 'D', 'E');
  fc.assert(
    fc.property(fc.array(fc.tuple(title, title)), title, (pairs, start) => {
      const redirects = new Map(pairs);
      const end = followRedirects(start, redirects);
      expect(end === start || !redirects.has(end)).toBe(true);
    }),
  );
});

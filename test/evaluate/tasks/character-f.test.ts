import { join } from 'node:path';
import { expect, test } from 'vitest';
import { characterF, roundHalfToEven } from '../../../lib/evaluate/tasks/character-f.ts';
import { fixtures, readJson } from '../../llama/fixtures.ts';

const { pairs } = (await readJson(join(fixtures, 'evaluation', 'character-f.json'))) as unknown as {
  pairs: [string, string, number][];
};

test('gives the worked values', () => {
  expect(roundHalfToEven(12.5)).toBe(12);
  expect(roundHalfToEven(62.5)).toBe(62);
  expect(roundHalfToEven(13.5)).toBe(14);
  expect(characterF('café', 'cafe')).toBe(0.86);
  expect(characterF('𠮷野家', '吉野家')).toBe(0.67);
  expect(characterF('', '')).toBe(1);
  expect(characterF('', 'a')).toBe(0);
});

test('agrees with what Python computes by the definition', () => {
  expect(pairs.length).toBeGreaterThan(550);
  const wrong = pairs.filter(([a, b, percent]) => characterF(a, b) !== percent / 100);
  expect(wrong).toEqual([]);
});

test('does not depend on which text comes first', () => {
  for (const [a, b] of pairs) expect(characterF(a, b)).toBe(characterF(b, a));
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkInsertionOptions,
  type InsertionOptions,
  insertNames,
  strategies,
  tokenKind,
} from '../../lib/leia/insert.ts';
import { RandomStream } from '../../lib/leia/random.ts';
import { anyArticle, articleOf, endTranslateId, translateId } from './articles.ts';

const always = { pSkip: 0, translateId, endTranslateId } as const;
const never = () => 0;

describe('insertNames', () => {
  const article = articleOf([1, 10, 11, 12, 13], [1, 3, [100, 101]], [3, 4, [102]]);

  it('puts the name before, after, or in the place of the entity', () => {
    const ids = (strategy: InsertionOptions['strategy']) => [
      ...insertNames(article, { ...always, strategy }, never).ids,
    ];
    expect(ids('left')).toEqual([1, 200, 100, 101, 201, 10, 11, 200, 102, 201, 12, 13]);
    expect(ids('right')).toEqual([1, 10, 11, 200, 100, 101, 201, 12, 200, 102, 201, 13]);
    expect(ids('replace')).toEqual([1, 200, 100, 101, 201, 200, 102, 201, 13]);
    expect(ids('none')).toEqual([1, 10, 11, 12, 13]);
  });

  it('notes what every token is', () => {
    const { kinds } = insertNames(article, { ...always, strategy: 'right' }, never);
    expect([...kinds]).toEqual([0, 0, 0, 2, 1, 1, 2, 0, 2, 1, 2, 0]);
  });

  it('skips an entity whose draw is below p_skip', () => {
    const options = { ...always, strategy: 'replace', pSkip: 0.5 } as const;
    const draws = [0.5, 0.4999];
    expect([...insertNames(article, options, () => draws.shift()!).ids]).toEqual([
      1, 200, 100, 101, 201, 12, 13,
    ]);
    expect(draws).toEqual([]);
  });

  it('leaves an entity without name alone, without shifting the draws of others', () => {
    const nameless = articleOf([1, 10, 11], [1, 2, []], [2, 3, [100]]);
    const draws = [0.9, 0.1];
    const options = { ...always, strategy: 'left', pSkip: 0.5 } as const;
    expect([...insertNames(nameless, options, () => draws.shift()!).ids]).toEqual([1, 10, 11]);
    expect(draws).toEqual([]);
  });

  it('changes nothing but what it inserts', () => {
    fc.assert(
      fc.property(
        anyArticle,
        fc.constantFrom(...strategies),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (article, strategy, pSkip, seed) => {
          const stream = RandomStream.of(seed);
          const draws = article.entities.map(() => stream.next());
          const rest = [...draws];
          const options = { strategy, pSkip, translateId, endTranslateId };
          const { ids, kinds } = insertNames(article, options, () => rest.shift()!);
          expect(kinds.length).toBe(ids.length);
          const chosen =
            strategy === 'none' ? [] : article.entities.filter((_, i) => draws[i]! >= pSkip);

          // The text that is left is the text that was there, less what was replaced.
          const gone = new Set<number>();
          if (strategy === 'replace') {
            for (const { start, end } of chosen) {
              for (let i = start; i < end; i++) gone.add(i);
            }
          }
          expect([...ids].filter((_, i) => kinds[i] === tokenKind.text)).toEqual(
            [...article.inputIds].filter((_, i) => !gone.has(i)),
          );
          // The names are the chosen ones, each between its marks.
          expect([...ids].filter((_, i) => kinds[i] !== tokenKind.text)).toEqual(
            chosen.flatMap(({ nameIds }) => [translateId, ...nameIds, endTranslateId]),
          );
          ids.forEach((id, i) => {
            const kind =
              id >= 200 ? tokenKind.special : id >= 100 ? tokenKind.name : tokenKind.text;
            expect(kinds[i]).toBe(kind);
          });
          // Every name stands where its entity is.
          let at = 0;
          let textBefore = 0;
          for (const { start, end } of chosen) {
            while (ids[at] !== translateId) {
              at += 1;
              textBefore += 1;
            }
            expect(textBefore).toBe(strategy === 'right' ? end : start);
            while (kinds[at] !== tokenKind.text && ids[at] !== endTranslateId) at += 1;
            at += 1;
            if (strategy === 'replace') textBefore += end - start;
          }
        },
      ),
    );
  });

  it('skips as often as p_skip says', () => {
    const many = articleOf(
      Array.from({ length: 20_001 }, () => 5),
      ...Array.from({ length: 20_000 }, (_, i): [number, number, number[]] => [
        i + 1,
        i + 2,
        [100],
      ]),
    );
    const stream = RandomStream.of(7);
    const options = { ...always, strategy: 'right', pSkip: 0.3 } as const;
    const { kinds } = insertNames(many, options, () => stream.next());
    const names = kinds.filter((kind) => kind === tokenKind.name).length;
    // Standard deviation of the share: 0.0032.
    expect(Math.abs(names / 20_000 - 0.7)).toBeLessThan(0.015);
  });

  it('names a wrong option', () => {
    const options = { ...always, strategy: 'right' } as const;
    checkInsertionOptions(options);
    for (const pSkip of [-0.1, 1.1, Number.NaN]) {
      expect(() => checkInsertionOptions({ ...options, pSkip })).toThrow(/p_skip is/);
    }
    const strategy = 'middle' as 'left';
    expect(() => checkInsertionOptions({ ...options, strategy })).toThrow(
      /strategy is "middle", expected left, right, replace, none/,
    );
  });
});

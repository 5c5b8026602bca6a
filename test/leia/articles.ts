import fc from 'fast-check';
import type { TokenEntity, TokenizedArticle } from '../../lib/leia/entity.ts';

/** Ids of text are below 100, those of names from 100 to 199: a test sees where a token comes from. */
export const translateId = 200;
export const endTranslateId = 201;

export function articleOf(
  inputIds: number[],
  ...entities: [start: number, end: number, nameIds: number[]][]
): TokenizedArticle {
  return {
    inputIds: Int32Array.from(inputIds),
    entities: entities.map(
      ([start, end, nameIds]): TokenEntity => ({ start, end, nameIds: Int32Array.from(nameIds) }),
    ),
  };
}

/** A tokenised article: BOS (1), then text; entities in order, not overlapping, with 1 to 4 name tokens. */
export const anyArticle: fc.Arbitrary<TokenizedArticle> = fc
  .tuple(
    fc.array(fc.integer({ min: 3, max: 99 }), { maxLength: 60 }),
    fc.array(
      fc.tuple(
        fc.nat(6),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 100, max: 199 }), { minLength: 1, maxLength: 4 }),
      ),
      { maxLength: 10 },
    ),
  )
  .map(([text, drawn]) => {
    const entities: [number, number, number[]][] = [];
    let at = 1;
    for (const [gap, length, nameIds] of drawn) {
      const start = at + gap;
      if (start + length > text.length + 1) break;
      entities.push([start, start + length, nameIds]);
      at = start + length;
    }
    return articleOf([1, ...text], ...entities);
  });

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoredLabel } from '../../lib/index.ts';
import { insertNames } from '../../lib/leia/insert.ts';
import { labelsOf } from '../../lib/leia/labels.ts';
import { packOnce, RowPacker } from '../../lib/leia/packing.ts';
import { anyArticle, articleOf, endTranslateId, translateId } from './articles.ts';

const right = { strategy: 'right', pSkip: 0, translateId, endTranslateId } as const;
const articles = fc.array(
  anyArticle.map((article) => insertNames(article, right, () => 0)),
  { minLength: 1, maxLength: 6 },
);

describe('labelsOf', () => {
  const tokens = insertNames(articleOf([1, 10, 11], [1, 2, [100, 101]]), right, () => 0);

  it('never counts the two special tokens', () => {
    expect([...labelsOf(tokens, { lossOnNames: true })]).toEqual([1, 10, -100, 100, 101, -100, 11]);
  });

  it('counts the names unless told not to', () => {
    expect([...labelsOf(tokens, { lossOnNames: false })]).toEqual([
      1, 10, -100, -100, -100, -100, 11,
    ]);
  });
});

describe('packOnce', () => {
  it('concatenates and cuts', () => {
    fc.assert(
      fc.property(
        articles,
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (articles, length, lossOnNames) => {
          const rows = [...packOnce(articles, length, { lossOnNames })];
          const ids = articles.flatMap((article) => [...article.ids]);
          const labels = articles.flatMap((article) => [...labelsOf(article, { lossOnNames })]);
          const padding = rows.length * length - ids.length;
          expect(padding).toBeGreaterThanOrEqual(0);
          expect(padding).toBeLessThan(length);
          const fill = <T>(value: T) => new Array<T>(padding).fill(value);
          expect(rows.flatMap((row) => [...row.inputIds])).toEqual([...ids, ...fill(0)]);
          expect(rows.flatMap((row) => [...row.labels])).toEqual([
            ...labels,
            ...fill(ignoredLabel),
          ]);
        },
      ),
    );
  });

  it('says where each article starts in its row', () => {
    fc.assert(
      fc.property(articles, fc.integer({ min: 1, max: 40 }), (articles, length) => {
        const owner = articles.flatMap((article, i) => [...article.ids].map(() => i));
        [...packOnce(articles, length, { lossOnNames: true })].forEach(
          ({ documentStarts }, row) => {
            const owners = Array.from({ length }, (_, i) => owner[row * length + i] ?? -1);
            expect([...documentStarts]).toEqual(owners.map((id) => owners.indexOf(id)));
          },
        );
      }),
    );
  });

  it('ignores both halves of a name that a row’s end cuts', () => {
    const article = insertNames(articleOf([1, 10, 11], [1, 2, [100, 101]]), right, () => 0);
    const rows = [...packOnce([article], 4, { lossOnNames: false })];
    expect(rows.map((row) => [...row.inputIds])).toEqual([
      [1, 10, 200, 100],
      [101, 201, 11, 0],
    ]);
    expect(rows.map((row) => [...row.labels])).toEqual([
      [1, 10, -100, -100],
      [-100, -100, 11, -100],
    ]);
  });

  it('gives rows that share nothing', () => {
    const packer = new RowPacker(2, { lossOnNames: true });
    const article = insertNames(articleOf([1, 10, 11, 12]), right, () => 0);
    packer.add(article, 0);
    const first = packer.take();
    packer.add(article, 2);
    packer.take();
    expect([...first.inputIds]).toEqual([1, 10]);
  });
});

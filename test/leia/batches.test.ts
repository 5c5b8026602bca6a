import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ArticleSource,
  type SequenceOptions,
  SequenceSource,
} from '../../lib/leia/batches.ts';
import type { TokenizedArticle } from '../../lib/leia/entity.ts';
import { anyArticle, articleOf, endTranslateId, translateId } from './articles.ts';

const options: SequenceOptions = {
  strategy: 'right',
  pSkip: 0.5,
  translateId,
  endTranslateId,
  lossOnNames: true,
  sequenceLength: 16,
  seed: 1,
};

function sourceOf(articles: readonly TokenizedArticle[]): ArticleSource {
  return { articleCount: articles.length, article: (index) => articles[index]! };
}

const someArticles = fc.array(anyArticle, { minLength: 1, maxLength: 12 });

describe('SequenceSource', () => {
  it('resumes anywhere with the same rows', () => {
    fc.assert(
      fc.property(
        someArticles,
        fc.nat(),
        fc.integer({ min: 2, max: 50 }),
        fc.nat(60),
        fc.constantFrom('left', 'right', 'replace', 'none'),
        (articles, seed, sequenceLength, rows, strategy) => {
          const all = { ...options, seed, sequenceLength, strategy } as const;
          const original = new SequenceSource(sourceOf(articles), all);
          for (let i = 0; i < rows; i++) original.next();
          const state = JSON.parse(JSON.stringify(original.state()));
          const resumed = new SequenceSource(sourceOf(articles), all);
          resumed.next();
          resumed.restore(state);
          expect(resumed.state()).toEqual(state);
          for (let i = 0; i < 20; i++) expect(resumed.next()).toEqual(original.next());
          expect(resumed.state()).toEqual(original.state());
        },
      ),
    );
  });

  it('reads one article to resume, however far the run had come', () => {
    const articles = Array.from({ length: 1000 }, (_, i) => articleOf([1, i % 97, 5]));
    const original = new SequenceSource(sourceOf(articles), options);
    while (original.epoch < 3) original.next();
    for (let i = 0; i < 100; i++) original.next();
    let reads = 0;
    const counted = {
      articleCount: 1000,
      article(index: number) {
        reads += 1;
        return articles[index]!;
      },
    };
    const resumed = new SequenceSource(counted, options);
    resumed.restore(original.state());
    expect(reads).toBe(1);
    expect(resumed.next()).toEqual(original.next());
  });

  it('goes through every article once an epoch, each time in another order', () => {
    // Articles of 4 tokens and rows of 4: row = article.
    const articles = Array.from({ length: 50 }, (_, i) => articleOf([1, i, i, i]));
    const source = new SequenceSource(sourceOf(articles), { ...options, sequenceLength: 4 });
    const epochs = [0, 1, 2].map((epoch) =>
      articles.map(() => {
        expect(source.epoch).toBe(epoch);
        return source.next().inputIds[1]!;
      }),
    );
    for (const epoch of epochs) {
      expect([...epoch].sort((a, b) => a - b)).toEqual(articles.map((_, i) => i));
    }
    expect(new Set(epochs.map((epoch) => epoch.join())).size).toBe(3);
  });

  it('draws anew in every epoch', () => {
    const entities = Array.from({ length: 30 }, (_, i): [number, number, number[]] => [
      i + 1,
      i + 2,
      [100],
    ]);
    const article = articleOf(
      Array.from({ length: 31 }, (_, i) => i + 1),
      ...entities,
    );
    const source = new SequenceSource(sourceOf([article]), { ...options, sequenceLength: 31 });
    const stream: number[] = [];
    while (source.epoch < 4) stream.push(...source.next().inputIds);
    const text = stream
      .join(' ')
      .split(/ ?\b1 /u)
      .slice(1, 4);
    expect(new Set(text).size).toBe(3);
  });

  it('depends on the seed', () => {
    const articles = Array.from({ length: 20 }, (_, i) => articleOf([1, i], [1, 2, [100]]));
    const rows = (seed: number) => {
      const source = new SequenceSource(sourceOf(articles), { ...options, seed });
      return [source.next(), source.next()];
    };
    expect(rows(1)).toEqual(rows(1));
    expect(rows(1)).not.toEqual(rows(2));
  });

  it('keeps the same insertions whatever the length of a row', () => {
    fc.assert(
      fc.property(someArticles, fc.integer({ min: 2, max: 40 }), (articles, sequenceLength) => {
        const stream = (length: number, count: number) => {
          const source = new SequenceSource(sourceOf(articles), {
            ...options,
            sequenceLength: length,
          });
          return Array.from({ length: count }, () => [...source.next().inputIds]).flat();
        };
        expect(stream(sequenceLength, 10)).toEqual(stream(10 * sequenceLength, 1));
      }),
    );
  });

  it('refuses another run’s state', () => {
    const articles = [articleOf([1, 2, 3], [1, 2, [100]]), articleOf([1, 4])];
    const source = new SequenceSource(sourceOf(articles), options);
    const state = source.state();
    const other = (change: Partial<SequenceOptions>, list = articles) =>
      new SequenceSource(sourceOf(list), { ...options, ...change });
    expect(() => other({ seed: 2 }).restore(state)).toThrow(/started with seed 1, this is 2/);
    expect(() => other({ strategy: 'left' }).restore(state)).toThrow(
      /strategy right, this is left/,
    );
    expect(() => other({ pSkip: 0 }).restore(state)).toThrow(/skipProbability 0.5/);
    expect(() => other({}, articles.slice(1)).restore(state)).toThrow(/articles 2, this is 1/);
  });

  it.each<[string, (state: Record<string, unknown>) => unknown]>([
    ['null', () => null],
    ['text', () => 'state'],
    ['a missing key', ({ offset, ...state }) => state],
    ['a negative epoch', (state) => ({ ...state, epoch: -1 })],
    ['a fraction', (state) => ({ ...state, offset: 0.5 })],
    ['an article that is not there', (state) => ({ ...state, position: 2 })],
    ['a token that is not there', (state) => ({ ...state, offset: 100 })],
  ])('refuses %s for a state', (_, edit) => {
    const articles = [articleOf([1, 2, 3]), articleOf([1, 4])];
    const source = new SequenceSource(sourceOf(articles), options);
    const rows = new SequenceSource(sourceOf(articles), options);
    expect(() => source.restore(edit({ ...source.state() }))).toThrow(/state of the data/);
    // And it goes on as before.
    expect(source.next()).toEqual(rows.next());
  });

  it('refuses options and data without sense', () => {
    const articles = sourceOf([articleOf([1, 2])]);
    expect(() => new SequenceSource(sourceOf([]), options)).toThrow(/no articles/);
    expect(() => new SequenceSource(articles, { ...options, sequenceLength: 1 })).toThrow(
      /sequence length is 1/,
    );
    expect(() => new SequenceSource(articles, { ...options, seed: -1 })).toThrow(/seed/);
    expect(() => new SequenceSource(articles, { ...options, pSkip: 2 })).toThrow(/p_skip/);
  });
});

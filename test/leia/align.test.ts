import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignSpans } from '../../lib/leia/align.ts';
import { ArticleTokenizer } from '../../lib/leia/tokenize-article.ts';
import { type Encoding, Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

const tiny = await Tokenizer.load(join(import.meta.dirname, '../fixtures/tokenizer-tiny'));

/** Tokens written by hand; the first one has no leading space of its own. */
function encoding(...tokens: [start: number, end: number][]): Encoding {
  return {
    ids: Int32Array.from(tokens, (_, i) => 10 + i),
    starts: Int32Array.from(tokens, ([start]) => start),
    ends: Int32Array.from(tokens, ([, end]) => end),
  };
}

function align(text: string, tokens: Encoding, start: number, end: number) {
  const { aligned, misaligned } = alignSpans(text, tokens, [{ start, end }]);
  return aligned[0] === undefined ? misaligned[0]!.reason : [aligned[0].start, aligned[0].end];
}

describe('alignSpans', () => {
  const text = 'in New York.';
  const tokens = encoding([0, 2], [2, 6], [6, 9], [9, 11], [11, 12]); // in| New| Yo|rk|.

  it('takes the letter after the space as the beginning of a token', () => {
    expect(align(text, tokens, 3, 11)).toEqual([1, 4]);
    expect(align(text, tokens, 2, 11)).toEqual([1, 4]);
    expect(align(text, tokens, 3, 6)).toEqual([1, 2]);
    expect(align(text, tokens, 7, 9)).toEqual([2, 3]);
  });

  it('takes the end of the text as an end', () => {
    expect(align(text, tokens, 11, 12)).toEqual([4, 5]);
    expect(align('a b', encoding([0, 1], [1, 3]), 2, 3)).toEqual([1, 2]);
  });

  it('says which end is inside a token', () => {
    expect(align(text, tokens, 4, 11)).toBe('start');
    expect(align(text, tokens, 3, 8)).toBe('end');
    expect(align(text, tokens, 1, 8)).toBe('start and end');
  });

  it('has no room for a name at a single space', () => {
    expect(align(text, tokens, 2, 3)).toBe('empty');
    expect(align(text, tokens, 3, 3)).toBe('empty');
  });

  it('lets a lone space token begin only where it stands', () => {
    // LLaMA writes " 1997" as a lone "▁" and one token for each digit.
    const year = encoding([0, 2], [2, 3], [3, 4], [4, 5]);
    expect(align('in 19', year, 3, 5)).toEqual([2, 4]);
    // Of two spaces in one token only the first is a beginning.
    expect(align('a  b', encoding([0, 1], [1, 3], [3, 4]), 2, 4)).toBe('start');
  });

  it('counts the first of several tokens of one character', () => {
    const bytes = encoding([0, 1], [1, 2], [1, 2], [1, 2], [2, 3]);
    expect(align('a€b', bytes, 1, 2)).toEqual([1, 4]);
  });

  it('drops the later of two overlapping spans and keeps text order', () => {
    const spans = [
      { start: 7, end: 11 },
      { start: 3, end: 11 },
      { start: 0, end: 2 },
    ];
    const { aligned, misaligned } = alignSpans(text, tokens, spans);
    expect(aligned.map(({ span }) => span)).toEqual([spans[2], spans[1]]);
    expect(misaligned).toEqual([{ span: spans[0], reason: 'overlap' }]);
  });

  it.each([
    [5, 3],
    [-1, 2],
    [0, 13],
    [0.5, 2],
    [0, Number.NaN],
  ])('refuses the span [%d, %d)', (start, end) => {
    expect(() => alignSpans(text, tokens, [{ start, end }])).toThrow(/12 code points/);
  });

  it('loses no span and finds exactly the characters of the aligned ones', async () => {
    const part = fc.constantFrom(
      'the river',
      ' Tokyo',
      '日本',
      '😀',
      '  ',
      '\n',
      'x',
      '1997',
      '東',
    );
    const ranges = fc.array(fc.tuple(fc.nat(60), fc.nat(60)), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 12 }),
        ranges,
        async (parts, pairs) => {
          const string = parts.join('');
          const characters = [...string];
          const spans = pairs
            .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }))
            .filter(({ start, end }) => start < end && end <= characters.length);
          const tokens = await tiny.encode(string);
          const { aligned, misaligned } = alignSpans(string, tokens, spans);
          expect(aligned.length + misaligned.length).toBe(spans.length);
          let previous = 0;
          for (const { start, end, span } of aligned) {
            expect(start).toBeGreaterThanOrEqual(previous);
            expect(end).toBeGreaterThan(start);
            previous = end;
            const covered = characters.slice(tokens.starts[start], tokens.ends[end - 1]).join('');
            const wanted = characters.slice(span.start, span.end).join('');
            // A space before the span may come along, one at its end may stay behind.
            const trimmed = wanted.replace(/ $/, '');
            expect([wanted, ` ${wanted}`, trimmed, ` ${trimmed}`]).toContain(covered);
          }
        },
      ),
    );
  });
});

describe('ArticleTokenizer', () => {
  it('puts BOS first and counts it', async () => {
    const text = 'The river Thames flows through London.';
    const spans = [
      { start: 4, end: 16, name: 'Thames' },
      { start: 31, end: 37, name: 'London' },
      { start: 5, end: 9, name: 'wrong' },
    ];
    const [result] = await new ArticleTokenizer(tiny).tokenize([{ text, spans }]);
    const { inputIds, entities } = result!.article;
    expect(inputIds[0]).toBe(tiny.bosId);
    expect(await tiny.decode(inputIds.subarray(1))).toBe(text);
    const surface = ({ start, end }: { start: number; end: number }) =>
      tiny.decode(inputIds.subarray(start, end));
    expect(await Promise.all(entities.map(surface))).toEqual(['river Thames', 'London']);
    expect(await tiny.decode(entities[1]!.nameIds)).toBe('London');
    expect(result!.misaligned).toEqual([{ span: spans[2], reason: 'overlap' }]);
  });
});

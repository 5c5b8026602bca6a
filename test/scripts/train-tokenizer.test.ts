import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTitleTable } from '../../lib/corpus/names/title-table.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import {
  countSegments,
  tokenizerFiles,
  trainBpe,
  trainTokenizer,
} from '../../scripts/train-tokenizer.ts';

const demo = join(import.meta.dirname, '../../examples/demo');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-tokenizer-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the BPE trainer', () => {
  it('cuts text where the script changes, and keeps a blank with the word after it', () => {
    expect([...countSegments(['日本のJava 言語、12人 go'])]).toEqual([
      ['▁', 2],
      ['日本', 1],
      ['の', 1],
      ['Java', 1],
      ['言語', 1],
      ['、', 1],
      ['1', 1],
      ['2', 1],
      ['人', 1],
      ['▁go', 1],
    ]);
  });

  it('merges the most frequent pair first, of equal ones the first by code unit', () => {
    const segments = new Map([
      ['low', 5],
      ['lower', 2],
      ['newest', 6],
      ['widest', 3],
    ]);
    const { merges } = trainBpe(segments, {
      vocabSize: 259 + 10 + 4,
      minCharacterCount: 1,
      maxPieceLength: 16,
    });
    expect(merges).toEqual([
      ['e', 's'], // 9, as "st"
      ['es', 't'], // 9
      ['l', 'o'], // 7, as "ow"
      ['lo', 'w'], // 7
    ]);
  });

  it('never merges beyond the longest piece, nor what does not occur', () => {
    const options = { vocabSize: 400, minCharacterCount: 1, maxPieceLength: 3 };
    const { pieces, merges } = trainBpe(new Map([['aaaaaaa', 9]]), options);
    expect(merges).toEqual([
      ['a', 'a'],
      ['aa', 'a'],
    ]);
    expect(pieces.slice(259)).toEqual(['aa', 'aaa', 'a']);
  });

  it('gives a tokenizer that spells any text, in whole characters or bytes', async () => {
    const texts = ['the theatre of the thespian', 'テスト テスト'];
    const options = { vocabSize: 300, minCharacterCount: 1, maxPieceLength: 16 };
    for (const [name, content] of tokenizerFiles(trainBpe(countSegments(texts), options))) {
      await writeFile(join(folder, name), content);
    }
    const tokenizer = await Tokenizer.load(folder);
    expect(tokenizer.vocabSize).toBeLessThanOrEqual(300);
    const { ids } = await tokenizer.encode('the');
    expect([...ids]).toEqual([tokenizer.tokenId('▁the')]);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }), async (text) => {
        // U+2581 is how such tokenizers write a blank.
        fc.pre(!text.includes('▁'));
        const encoding = await tokenizer.encode(text);
        expect(await tokenizer.decode(encoding.ids)).toBe(text);
      }),
    );
  });
});

describe("the demo's files", () => {
  it('have the tokenizer that the script makes of them', async () => {
    await trainTokenizer({
      dump: join(demo, 'jawiki-sample-pages-articles-multistream.xml.bz2'),
      titles: join(demo, 'titles.tsv'),
      vocabSize: 4096,
      output: folder,
    });
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      const made = await readFile(join(folder, name), 'utf8');
      expect(made === (await readFile(join(demo, 'tokenizer', name), 'utf8')), name).toBe(true);
    }
    const { vocabSize, bosId, eosId } = await Tokenizer.load(join(demo, 'tokenizer'));
    expect({ vocabSize, bosId, eosId }).toEqual({ vocabSize: 4096, bosId: 1, eosId: 2 });
  });

  it('have a table of titles without doubles or stray blanks', async () => {
    const path = join(demo, 'titles.tsv');
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => /^[^#]/.test(line));
    const titles = await readTitleTable(path, { caseRule: 'first-letter', language: 'ja' });
    expect(lines.length).toBe(934);
    expect(titles.size).toBe(lines.length);
    for (const line of lines) expect(line).toMatch(/^\S(.*\S)?\t[A-Z0-9ÉÎ]\S*( \S+)*$/u);
  });
});

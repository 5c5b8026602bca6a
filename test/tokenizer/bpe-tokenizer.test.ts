// Word by word must give what the library gives for the whole, ids and offsets, whatever the text and
// whatever was tokenised before.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { Tokenizer as NativeTokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import {
  parseTokenizerJson,
  type TokenizerJson,
  textOnly,
} from '../../lib/tokenizer/tokenizer-json.ts';
import { WordTokenizer } from '../../lib/tokenizer/word-tokenizer.ts';
import { llama2Folder } from './llama2.ts';

const root = join(import.meta.dirname, '../..');
const folders = {
  'of 512 pieces': join(root, 'test/fixtures/tokenizer-tiny'),
  "the demo's": join(root, 'examples/demo/tokenizer'),
  ...(llama2Folder === undefined ? {} : { "LLaMA 2's": llama2Folder }),
};

async function load(folder: string): Promise<TokenizerJson> {
  const path = join(folder, 'tokenizer.json');
  return textOnly(parseTokenizerJson(await readFile(path, 'utf8'), path));
}

function open(json: TokenizerJson): NativeTokenizer {
  return NativeTokenizer.fromString(JSON.stringify(json));
}

function wordTokenizer(json: TokenizerJson): WordTokenizer | undefined {
  return WordTokenizer.for(json, open);
}

async function byLibrary(json: TokenizerJson, texts: string[]) {
  const encodings = await open(json).encodeBatch(texts, { addSpecialTokens: false });
  return encodings.map((encoding) => ({
    ids: encoding.getIds(),
    starts: encoding.getOffsets().map(([start]) => start),
    ends: encoding.getOffsets().map(([, end]) => end),
  }));
}

async function byWords(tokenizer: WordTokenizer, texts: string[]) {
  return (await tokenizer.encodeBatch(texts)).map((encoding) => ({
    ids: [...encoding!.ids],
    starts: [...encoding!.starts],
    ends: [...encoding!.ends],
  }));
}

const words = fc.constantFrom(
  ...['the', ' the', '  the', 'The river', '▁', ' ▁ ', 'a▁b', '\n', '\n\n ', ' \n', '\r\n', '\t'],
  ...[
    '日本の首都',
    'の',
    'é',
    'e\u0301',
    '\u0301',
    '😀',
    '👨‍👩‍👧',
    '\ud83d',
    '\ude00',
    '\ufffd',
    '\0',
  ],
  ...[
    '<s>',
    '</s>',
    '<unk>',
    '<0x0A>',
    '<0x',
    '0A>',
    '\u00a0',
    '\u3000',
    'ﬁ',
    'Ω',
    'ελληνικά',
    'ا',
    ' x',
  ],
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.oneof(words, fc.string()), { maxLength: 30 }).map((parts) => parts.join('')),
  words.map((word) => word.repeat(100)),
);

describe.each(Object.entries(folders))('the tokenizer %s', (_, folder) => {
  it('gives what the library gives, new words or known ones', async () => {
    const json = await load(folder);
    const tokenizer = wordTokenizer(json)!;
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 6 }), async (texts) => {
        const expected = await byLibrary(json, texts);
        expect(await byWords(tokenizer, texts)).toEqual(expected);
        expect(await byWords(tokenizer, texts)).toEqual(expected);
      }),
      { numRuns: folder === llama2Folder ? 20 : 200 },
    );
  });
});

describe('a tokenizer that is not', () => {
  const cases: [string, (json: TokenizerJson) => TokenizerJson][] = [
    [
      'of pieces within words',
      (json) => ({
        ...json,
        model: { ...json.model, vocab: { ...(json.model.vocab as object), 'a▁b': 600 } },
      }),
    ],
    [
      'of pieces within lines',
      (json) => ({
        ...json,
        model: { ...json.model, vocab: { ...(json.model.vocab as object), '.\n': 600 } },
      }),
    ],
    [
      'with a token for every byte',
      (json) => {
        const vocab = { ...(json.model.vocab as Record<string, number>) };
        delete vocab['<0x7F>'];
        return { ...json, model: { ...json.model, vocab } };
      },
    ],
    ['true to the text', (json) => ({ ...json, normalizer: { type: 'NFKC' } })],
    ['without chance', (json) => ({ ...json, model: { ...json.model, dropout: 0.1 } })],
    [
      'without pieces of its own',
      (json) => ({ ...json, added_tokens: [{ id: 5, content: 'the', special: false }] }),
    ],
    ['without words of its own', (json) => ({ ...json, pre_tokenizer: { type: 'Whitespace' } })],
    [
      'making whole words first',
      (json) => ({ ...json, model: { ...json.model, ignore_merges: true } }),
    ],
  ];
  it.each(cases)('%s is left to the library', async (_, change) => {
    const json = await load(folders['of 512 pieces']);
    expect(wordTokenizer(json)).toBeDefined();
    expect(wordTokenizer(change(json))).toBeUndefined();
  });
});

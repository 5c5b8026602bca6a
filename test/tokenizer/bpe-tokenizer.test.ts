// Native byte-pair encoding must give what the library gives, ids and offsets, whatever the text, the merges and what
// was tokenised before.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { Tokenizer as NativeTokenizer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { bpeTables } from '../../lib/tokenizer/bpe-tables.ts';
import { BpeTokenizer } from '../../lib/tokenizer/bpe-tokenizer.ts';
import {
  parseTokenizerJson,
  type TokenizerJson,
  textOnly,
} from '../../lib/tokenizer/tokenizer-json.ts';
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

function bpe(json: TokenizerJson): BpeTokenizer {
  return new BpeTokenizer(bpeTables(json)!);
}

async function byLibrary(json: TokenizerJson, texts: string[]) {
  const encodings = await open(json).encodeBatch(texts, { addSpecialTokens: false });
  return encodings.map((encoding) => ({
    ids: encoding.getIds(),
    starts: encoding.getOffsets().map(([start]) => start),
    ends: encoding.getOffsets().map(([, end]) => end),
  }));
}

function byTables(tokenizer: BpeTokenizer, texts: string[]) {
  return texts.map((text) => {
    const { ids, starts, ends } = tokenizer.encode(text);
    return { ids: [...ids], starts: [...starts], ends: [...ends] };
  });
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
  it('gives what the library gives, new pieces or known ones', async () => {
    const json = await load(folder);
    const tokenizer = bpe(json);
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 6 }), async (texts) => {
        const expected = await byLibrary(json, texts);
        expect(byTables(tokenizer, texts)).toEqual(expected);
        expect(byTables(tokenizer, texts)).toEqual(expected);
      }),
      { numRuns: folder === llama2Folder ? 20 : 200 },
    );
  });
});

describe('merges by chance', () => {
  /** A vocabulary of some characters and of whatever the merges make of them. */
  function tokenizerOf(pairs: [number, number][]): TokenizerJson {
    const tokens = ['<unk>', ...Array.from({ length: 256 }, (_, byte) => byteToken(byte))];
    const parts = ['▁', 'a', 'b', 'é', '日', '😀', '\n', '.'];
    const merges: [string, string][] = [];
    for (const [a, b] of pairs) {
      const merge: [string, string] = [parts[a % parts.length]!, parts[b % parts.length]!];
      const merged = merge.join('');
      if (!parts.includes(merged)) parts.push(merged);
      merges.push(merge);
    }
    const vocab = Object.fromEntries([...tokens, ...parts].map((token, id) => [token, id]));
    return textOnly(parseTokenizerJson(JSON.stringify(madeOf(vocab, merges)), 'test'));
  }

  const madeOf = (vocab: Record<string, number>, merges: [string, string][]) => ({
    version: '1.0',
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    model: { type: 'BPE', vocab, merges, unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
  });

  const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

  it('give what the library gives', async () => {
    const part = fc.constantFrom(' ', 'a', 'b', 'é', '日', '😀', '\n', '.', '▁', 'c', '\ud83d');
    const texts = fc.array(
      fc.array(part, { maxLength: 80 }).map((parts) => parts.join('')),
      { maxLength: 5 },
    );
    const pairs = fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(pairs, texts, async (merges, some) => {
        const json = tokenizerOf(merges);
        expect(byTables(bpe(json), some)).toEqual(await byLibrary(json, some));
      }),
      { numRuns: 300 },
    );
  });

  it('give it of words of 300,000 characters too', async () => {
    const json = tokenizerOf([
      [1, 1],
      [8, 8],
      [9, 9],
      [10, 10],
      [11, 11],
      [1, 2],
    ]);
    for (const text of ['a'.repeat(300_001), 'ab'.repeat(150_000)]) {
      expect(byTables(bpe(json), [text])).toEqual(await byLibrary(json, [text]));
    }
  });
});

describe('a tokenizer that is not', () => {
  const cases: [string, (json: TokenizerJson) => TokenizerJson][] = [
    [
      'merging what text has only',
      (json) => {
        const merges = [...json.model.merges!, ['<0x41>', 't'] as [string, string]];
        const vocab = { ...(json.model.vocab as Record<string, number>), '<0x41>t': 600 };
        return { ...json, model: { ...json.model, vocab, merges } };
      },
    ],
    [
      'merging what it knows',
      (json) => {
        const merges = [...json.model.merges!, ['the', 'sis'] as [string, string]];
        return { ...json, model: { ...json.model, merges } };
      },
    ],
    [
      'of ids that fit a table',
      (json) => {
        const vocab = { ...(json.model.vocab as Record<string, number>), far: 1 << 20 };
        return { ...json, model: { ...json.model, vocab } };
      },
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
    expect(bpeTables(json)).toBeDefined();
    expect(bpeTables(change(json))).toBeUndefined();
  });
});

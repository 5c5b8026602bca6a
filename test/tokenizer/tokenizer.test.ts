import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { llama2Folder } from './llama2.ts';

const tiny = join(import.meta.dirname, '../fixtures/tokenizer-tiny');

describe('Tokenizer', () => {
  it('knows its ids', async () => {
    const tokenizer = await Tokenizer.load(tiny);
    expect(tokenizer.vocabSize).toBe(512);
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([1, 2]);
    expect(tokenizer.tokenId('<0x41>')).toBe(3 + 0x41);
    expect(tokenizer.tokenId('<translate>')).toBeUndefined();
  });

  it('counts offsets in code points and gives no special tokens', async () => {
    const tokenizer = await Tokenizer.load(tiny);
    const { ids, starts, ends } = await tokenizer.encode('😀 日本 the');
    expect(ids).not.toContain(tokenizer.bosId);
    // "▁" (added), the four bytes of one code point, then "▁日本" in parts and "▁the".
    expect([...starts]).toEqual([0, 0, 0, 0, 0, 1, 2, 4]);
    expect([...ends]).toEqual([1, 1, 1, 1, 1, 2, 4, 8]);
  });

  it('decodes what it encoded, whatever the text', async () => {
    const tokenizer = await Tokenizer.load(tiny);
    // "▁" itself is how a space is written; a lone surrogate is no text.
    const text = fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('▁'));
    await fc.assert(
      fc.asyncProperty(text, async (string) => {
        const { ids, starts, ends } = await tokenizer.encode(string);
        expect(await tokenizer.decode(ids)).toBe(string);
        const length = [...string].length;
        starts.forEach((start, i) => {
          expect(start).toBeLessThanOrEqual(ends[i]!);
          expect(ends[i]).toBeLessThanOrEqual(length);
          expect(start).toBeGreaterThanOrEqual(starts[i - 1] ?? 0);
        });
      }),
    );
  });

  it('encodes a batch as its texts one by one', async () => {
    const tokenizer = await Tokenizer.load(tiny);
    const texts = ['', 'The river', '日本の首都', ' two  spaces\n'];
    const batch = await tokenizer.encodeBatch(texts);
    expect(batch).toEqual(await Promise.all(texts.map((text) => tokenizer.encode(text))));
    expect(await tokenizer.encodeBatch([])).toEqual([]);
  });

  it('takes the spelling of a control token for text', async () => {
    const tokenizer = await Tokenizer.load(tiny);
    const text = 'a <s>b</s> <unk>';
    const { ids } = await tokenizer.encode(text);
    for (const id of [0, tokenizer.bosId, tokenizer.eosId]) expect(ids).not.toContain(id);
    expect(await tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(text);
    expect(await tokenizer.decode([1, ...ids, 2])).toContain('<s>');
    expect(await tokenizer.decode([1, ...ids, 2], { skipSpecialTokens: true })).toBe(text);
  });

  it('refuses to decode what is no id', async () => {
    const tokenizer = await Tokenizer.load(tiny);
    await expect(tokenizer.decode([512])).rejects.toThrow(/512 is no token id, expected 0 to 511/);
    await expect(tokenizer.decode([-1])).rejects.toMatchObject({ code: 'argument' });
  });

  it('checks that a model has room for its ids', async () => {
    const tokenizer = await Tokenizer.load(tiny);
    tokenizer.checkVocabulary(512, 'model');
    tokenizer.checkVocabulary(640, 'model');
    expect(() => tokenizer.checkVocabulary(511, 'model')).toThrow(
      /ids up to 511, but model has a vocabulary of 511/,
    );
  });

  it.skipIf(llama2Folder === undefined)('reads the LLaMA 2 tokenizer, where it is', async () => {
    const tokenizer = await Tokenizer.load(llama2Folder!);
    expect(tokenizer.vocabSize).toBe(32000);
    // SentencePiece's own ids, the leading space kept as one more "▁".
    expect([...(await tokenizer.encode(' hello')).ids]).toEqual([29871, 22172]);
    expect([...(await tokenizer.encode('<s>')).ids]).toEqual([529, 29879, 29958]);
  });
});

describe('whether transformers puts BOS before a text', () => {
  const begin = { SpecialToken: { id: '<s>', type_id: 0 } };
  const sequence = { Sequence: { id: 'A', type_id: 0 } };
  const template = (...single: object[]) => ({ type: 'TemplateProcessing', single });
  const cases: [name: string, config: object, processor: object | null, adds: boolean][] = [
    ['the config says so', { add_bos_token: true }, null, true],
    ['the config says no', { add_bos_token: false }, template(begin, sequence), false],
    ['the template has it', {}, template(begin, sequence), true],
    ['the template has EOS only', {}, template(sequence, { SpecialToken: { id: '</s>' } }), false],
    [
      'the template is one of several',
      { add_bos_token: null },
      { type: 'Sequence', processors: [{ type: 'ByteLevel' }, template(begin, sequence)] },
      true,
    ],
    ['nothing says', {}, null, false],
  ];
  it.each(cases)('%s', async (_, config, processor, adds) => {
    const folder = await mkdtemp(join(tmpdir(), 'leia-tokenizer-'));
    await cp(tiny, folder, { recursive: true });
    const json = JSON.parse(await readFile(join(tiny, 'tokenizer.json'), 'utf8')) as object;
    const changed = JSON.stringify({ ...json, post_processor: processor });
    await writeFile(join(folder, 'tokenizer.json'), changed);
    const names = { bos_token: '<s>', eos_token: '</s>', ...config };
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(names));
    expect((await Tokenizer.load(folder)).addsBos).toBe(adds);
    await rm(folder, { recursive: true });
  });
});

describe('a tokenizer folder that is not as it should be', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leia-tokenizer-'));
    await cp(tiny, folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function change(name: string, edit: (json: Record<string, unknown>) => unknown) {
    const path = join(folder, name);
    await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, 'utf8')))));
  }

  async function rejection(): Promise<{ code: string; message: string }> {
    return await Tokenizer.load(folder).then(
      () => expect.unreachable('the tokenizer was opened'),
      (error) => {
        expect(error.name).toBe('LeiaError');
        expect(error.message).not.toContain('\n');
        return error;
      },
    );
  }

  it('names a missing file', async () => {
    await rm(join(folder, 'tokenizer.json'));
    expect(await rejection()).toMatchObject({
      code: 'io',
      message: `cannot read ${join(folder, 'tokenizer.json')}: no such file or folder`,
    });
  });

  it('reports a truncated file', async () => {
    const bytes = await readFile(join(folder, 'tokenizer.json'));
    for (const length of [0, 1, 100, bytes.length >> 1, bytes.length - 3]) {
      await writeFile(join(folder, 'tokenizer.json'), bytes.subarray(0, length));
      expect((await rejection()).code).toBe('format');
    }
  });

  it.each<[string, (json: Record<string, unknown>) => unknown]>([
    ['another kind of JSON', () => ({ hello: 1 })],
    ['an array', () => []],
    ['null', () => null],
    ['a negative id', (json) => edited(json, (model) => Object.assign(model.vocab, { x: -1 }))],
    ['a huge id', (json) => edited(json, (model) => Object.assign(model.vocab, { x: 2 ** 32 }))],
    ['one id twice', (json) => edited(json, (model) => Object.assign(model.vocab, { '€': 7 }))],
    ['no vocabulary', (json) => ({ ...edited(json, (m) => (m.vocab = {})), added_tokens: [] })],
    ['a merge of unknown pieces', (json) => edited(json, (m) => m.merges.push(['q€', '€q']))],
    ['an unknown model', (json) => edited(json, (model) => (model.type = 'Magic'))],
    ['an unknown normaliser', (json) => ({ ...json, normalizer: { type: 'Magic' } })],
    ['a broken pattern', (json) => ({ ...json, pre_tokenizer: brokenPattern })],
    ['special tokens of another type', (json) => ({ ...json, added_tokens: [{ id: '0' }] })],
  ])('refuses %s', async (_, edit) => {
    await change('tokenizer.json', edit);
    const { code, message } = await rejection();
    expect(code).toBe('format');
    expect(message).toContain('tokenizer.json');
  });

  it('needs to know BOS and EOS', async () => {
    for (const name of ['tokenizer_config.json', 'special_tokens_map.json']) {
      await change(name, ({ eos_token, ...json }) => json);
    }
    expect(await rejection()).toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('names eos_token'),
    });
    await change('special_tokens_map.json', (json) => ({
      ...json,
      eos_token: { content: '</s>' },
    }));
    expect((await Tokenizer.load(folder)).eosId).toBe(2);
    await change('special_tokens_map.json', (json) => ({ ...json, eos_token: '<eos>' }));
    expect(await rejection()).toMatchObject({ code: 'mismatch' });
  });

  it('keeps the ids of added tokens that are text', async () => {
    const added = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    await change('tokenizer.json', (json) => ({
      ...json,
      added_tokens: [
        ...(json.added_tokens as unknown[]),
        { ...added, id: 512, content: '<control>', special: true },
        { ...added, id: 513, content: 'Zürich', special: false },
      ],
    }));
    const tokenizer = await Tokenizer.load(folder);
    expect(tokenizer.vocabSize).toBe(514);
    expect([...(await tokenizer.encode('Zürich')).ids]).toEqual([513]);
    expect([...(await tokenizer.encode('<control>')).ids]).not.toContain(512);
  });

  it('refuses an id that transformers does not read', async () => {
    const added = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    const add = (...ids: number[]) =>
      change('tokenizer.json', ({ added_tokens, ...json }) => ({
        ...json,
        added_tokens: [
          ...(added_tokens as { id: number }[]).filter(({ id }) => id < 3),
          ...ids.map((id) => ({ ...added, id, content: `<${id}>`, special: true })),
        ],
      }));
    await add(512, 513);
    expect((await Tokenizer.load(folder)).tokenId('<513>')).toBe(513);
    // It numbers them in the order of the file, from the size of the vocabulary.
    for (const ids of [
      [512, 520],
      [513, 512],
    ]) {
      await add(...ids);
      expect(await rejection()).toMatchObject({
        code: 'mismatch',
        message: expect.stringMatching(
          /added token "<5\d\d>" has id 5\d\d, but transformers reads/,
        ),
      });
    }
    // What the vocabulary says holds.
    await change('tokenizer.json', (json) =>
      edited(json, (model) => Object.assign(model.vocab, { '<513>': 513, '<512>': 512 })),
    );
    expect((await Tokenizer.load(folder)).tokenId('<513>')).toBe(513);
  });

  it('may be byte-level, as LLaMA 3’s is', async () => {
    // Bytes as GPT-2 spells them: the space is "Ġ", 0xE6 0x9D 0xB1 (東) is "æĿ±".
    const alphabet = ['a', 'b', 'Ġ', 'æ', 'Ŀ', '±', '<', 's', '>'];
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
    const special = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    await change('tokenizer.json', (json) => ({
      ...json,
      added_tokens: ['<s>', '</s>'].map((content, i) => ({
        ...special,
        id: alphabet.length + 1 + i,
        content,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: byteLevel,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        vocab: Object.fromEntries([...alphabet, 'Ġb'].map((piece, id) => [piece, id])),
        merges: ['Ġ b'],
      },
    }));
    const tokenizer = await Tokenizer.load(folder);
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.vocabSize]).toEqual([10, 11, 12]);
    const { ids, starts, ends } = await tokenizer.encode('a b東<s>');
    expect([...ids]).toEqual([0, 9, 3, 4, 5, 6, 7, 8]);
    // The token keeps its space, and the bytes of a character all cover the character.
    expect([...starts]).toEqual([0, 1, 3, 3, 3, 4, 5, 6]);
    expect([...ends]).toEqual([1, 3, 4, 4, 4, 5, 6, 7]);
    expect(await tokenizer.decode(ids)).toBe('a b東<s>');
  });

  it('has a hash of what turns text into ids, not of the layout', async () => {
    const { hash } = await Tokenizer.load(tiny);
    await change('tokenizer.json', (json) => ({ ...json, post_processor: null }));
    expect((await Tokenizer.load(folder)).hash).toBe(hash);
    await change('tokenizer.json', (json) =>
      edited(
        json,
        (model) => (model.merges = model.merges.map((pair) => (pair as string[]).join(' '))),
      ),
    );
    expect((await Tokenizer.load(folder)).hash).toBe(hash);
    await change('tokenizer.json', (json) => edited(json, (model) => model.merges.pop()));
    expect((await Tokenizer.load(folder)).hash).not.toBe(hash);
  });
});

interface Model {
  type: string;
  vocab: Record<string, number>;
  merges: unknown[];
}

const brokenPattern = {
  type: 'Split',
  pattern: { Regex: '(' },
  behavior: 'Isolated',
  invert: false,
};

function edited(json: Record<string, unknown>, edit: (model: Model) => unknown) {
  edit(json.model as Model);
  return json;
}

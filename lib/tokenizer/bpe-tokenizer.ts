// LLaMA's tokenizer takes an article for one word, and merges its pairs from beginning to end. But no piece
// of its vocabulary has a space behind a letter, and none a line break: so an article's tokens are those of
// its words, one after the other, and a word met before need not be tokenised again. The tokens spell the
// text, so that where each comes from is counted here, instead of fetching a pair of numbers for each from
// the library. Both only where it is certain; and what does not add up is left to the library as a whole.
import type { Tokenizer as NativeTokenizer } from 'tokenizers';
import { z } from 'zod';
import { ownCopy } from '../core/own-copy.ts';
import { type TokenizerJson, tokenIds } from './tokenizer-json.ts';

/** The tokens of a text. Token i has id `ids[i]` and covers the code points `[starts[i], ends[i])`. */
export interface Encoding {
  ids: Int32Array;
  starts: Int32Array;
  ends: Int32Array;
}

/** What SentencePiece writes for a space. */
const SPACE = '▁';

const replaceSpaces = z.looseObject({
  type: z.literal('Replace'),
  pattern: z.strictObject({ String: z.literal(' ') }),
  content: z.literal(SPACE),
});
/** A space is put before the text; then all spaces are replaced. */
const normalizer = z.strictObject({
  type: z.literal('Sequence'),
  normalizers: z.tuple([
    z.strictObject({ type: z.literal('Prepend'), prepend: z.literal(SPACE) }),
    replaceSpaces,
  ]),
});
const absent = z.union([z.null(), z.literal('')]).optional();
const model = z.looseObject({
  type: z.literal('BPE'),
  dropout: z.union([z.null(), z.literal(0)]).optional(),
  continuing_subword_prefix: absent,
  end_of_word_suffix: absent,
  byte_fallback: z.literal(true),
  ignore_merges: z.literal(false).optional(),
});

/** Words that are remembered: a few megabytes; then the memory is emptied and fills again. */
const rememberedWords = 1 << 16;
/** In UTF-16 units. Longer ones hardly come again. */
const longestWord = 32;

/** What words not known are joined to, for the library to work on several at once: its characters. */
const joinedLength = 1 << 14;

const byteToken = /^<0x([0-9A-F]{2})>$/;

interface Word {
  ids: readonly number[];
}

export class WordTokenizer {
  readonly #library: NativeTokenizer;
  /** Code points of every token; of one that is a byte, minus the bytes of the character it begins, or 0. */
  readonly #lengths: Int8Array;
  readonly #newline: number;
  readonly #words = new Map<string, Word>();

  private constructor(library: NativeTokenizer, lengths: Int8Array, newline: number) {
    this.#library = library;
    this.#lengths = lengths;
    this.#newline = newline;
  }

  /** For a tokenizer (see `textOnly`) that allows it; others give undefined. `construct` opens the library's. */
  static for(
    json: TokenizerJson,
    construct: (json: TokenizerJson) => NativeTokenizer,
  ): WordTokenizer | undefined {
    const { added_tokens, normalizer: steps, pre_tokenizer, model: bpe } = json;
    if (added_tokens.length > 0 || (pre_tokenizer ?? null) !== null) return undefined;
    if (!normalizer.safeParse(steps).success || !model.safeParse(bpe).success) return undefined;
    const tokens = tokenIds(json);
    const lengths = tokenLengths(tokens);
    if (lengths === undefined) return undefined;
    const bare = { ...json, normalizer: normalizer.parse(steps).normalizers[1] };
    return new WordTokenizer(construct(bare), lengths, tokens.get('\n') ?? tokens.get('<0x0A>')!);
  }

  /** Encodings of texts; undefined for one whose tokens do not spell it. */
  async encodeBatch(texts: readonly string[]): Promise<(Encoding | undefined)[]> {
    if (this.#words.size > rememberedWords) this.#words.clear();
    const unknown = new Map<string, Word>();
    const plans = texts.map((text) => this.#split(text === '' ? '' : ` ${text}`, unknown));
    await this.#tokenize(unknown);
    for (const [text, word] of unknown) {
      if (text.length <= longestWord) this.#words.set(ownCopy(text), word);
    }
    return plans.map((words, i) => this.#encoding(words, texts[i]!));
  }

  /** The words of a text; those that are not known yet are without their tokens. */
  #split(text: string, unknown: Map<string, Word>): Word[] {
    const words: Word[] = [];
    const newline = { ids: [this.#newline] };
    for (let start = 0; start < text.length; ) {
      const end = wordEnd(text, start);
      if (text.charCodeAt(start) === 0x0a) words.push(newline);
      else {
        const key = text.slice(start, end);
        let word = this.#words.get(key) ?? unknown.get(key);
        if (word === undefined) {
          word = { ids: [] };
          unknown.set(key, word);
        }
        words.push(word);
      }
      start = end;
    }
    return words;
  }

  /** Gives words their tokens: as lines of a text, since nothing merges across the end of a line. */
  async #tokenize(unknown: ReadonlyMap<string, Word>): Promise<void> {
    const texts: string[] = [];
    let lines: string[] = [];
    let length = 0;
    for (const text of unknown.keys()) {
      lines.push(text);
      length += text.length;
      if (length < joinedLength) continue;
      texts.push(lines.join('\n'));
      lines = [];
      length = 0;
    }
    if (lines.length > 0) texts.push(lines.join('\n'));
    if (texts.length === 0) return;
    const encodings = await this.#library.encodeBatch(texts, { addSpecialTokens: false });
    const words = unknown.values();
    for (const encoding of encodings) {
      const ids = encoding.getIds();
      for (let from = 0; from <= ids.length; ) {
        const end = ids.indexOf(this.#newline, from);
        const to = end < 0 ? ids.length : end;
        words.next().value!.ids = ids.slice(from, to);
        from = to + 1;
      }
    }
  }

  /** The tokens of a text with what they cover; undefined if they do not spell it. */
  #encoding(words: readonly Word[], text: string): Encoding | undefined {
    let count = 0;
    for (const word of words) count += word.ids.length;
    const ids = new Int32Array(count);
    const starts = new Int32Array(count);
    const ends = new Int32Array(count);
    let i = 0;
    // The space before the text covers what follows it; so do, all of them, the bytes of a character.
    let at = -1;
    let bytes = 0;
    for (const word of words) {
      for (const id of word.ids) {
        const length = this.#lengths[id]!;
        let start = at;
        if (length > 0) {
          if (bytes > 0) return undefined;
          at += length;
        } else if (length < 0) {
          if (bytes > 0) return undefined;
          at += 1;
          bytes = -length - 1;
        } else {
          if (bytes-- === 0) return undefined;
          start = at - 1;
        }
        ids[i] = id;
        starts[i] = Math.max(0, start);
        ends[i] = Math.max(1, at);
        i++;
      }
    }
    return bytes === 0 && (count === 0 || at === codePoints(text))
      ? { ids, starts, ends }
      : undefined;
  }
}

/** Where the word that begins at `start` ends: a line break, or spaces and what follows them. */
function wordEnd(text: string, start: number): number {
  let at = start;
  if (text.charCodeAt(at) === 0x0a) return at + 1;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x0a || isSpace(code)) break;
  }
  return at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x2581;
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const isPair =
      (text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) count--;
  }
  return count;
}

/** See `#lengths`; undefined if there are tokens across words, or not all bytes. */
function tokenLengths(tokens: ReadonlyMap<string, number>): Int8Array | undefined {
  const lengths = new Int8Array(Math.max(...tokens.values()) + 1);
  let bytes = 0;
  for (const [token, id] of tokens) {
    const byte = byteToken.exec(token)?.[1];
    if (byte !== undefined) {
      bytes++;
      lengths[id] = bytesOf(Number.parseInt(byte, 16));
      continue;
    }
    const length = codePoints(token);
    const acrossWords = /[^▁]▁/.test(token) || (token.includes('\n') && token !== '\n');
    if (acrossWords || length > 127 || length === 0) return undefined;
    lengths[id] = length;
  }
  return bytes === 256 ? lengths : undefined;
}

/** Minus the number of bytes of the character that a byte begins; 0 if it begins none. */
function bytesOf(byte: number): number {
  if (byte < 0x80) return -1;
  if (byte < 0xc0) return 0;
  if (byte < 0xe0) return -2;
  return byte < 0xf0 ? -3 : -4;
}

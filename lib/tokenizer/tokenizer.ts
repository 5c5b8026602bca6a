/**
 * Turns text into token ids with character offsets, as the `tokenizer.json` of a checkpoint folder says. Native code
 * executes tokenizers like LLaMA's, Hugging Face's own Rust library all others. Text is only ever text here: an article
 * that spells a control token such as `<s>` does not get that token, which is placed by id ({@link Tokenizer.bosId}).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as NativeTokenizer } from 'tokenizers';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import { bpeTables } from './bpe-tables.ts';
import { type BpeTables, BpeTokenizer, type Encoding } from './bpe-tokenizer.ts';
import { foreignFolder } from './foreign-folder.ts';
import { type SpecialTokens, specialTokens } from './special-tokens.ts';
import {
  idLimit,
  parseTokenizerJson,
  type TokenizerJson,
  templateBegins,
  textHash,
  textOnly,
  tokenIds,
} from './tokenizer-json.ts';

export type { Encoding } from './bpe-tokenizer.ts';

/** The part of a tokenizer that tokenises articles. */
export type TextTokenizer = Pick<Tokenizer, 'bosId' | 'vocabSize' | 'encodeBatch'>;

/** A Hugging Face tokenizer, with the offsets of its tokens. */
export class Tokenizer {
  readonly folder: string;
  readonly bosId: number;
  readonly eosId: number;
  /** How the two are spelled. */
  readonly bosToken: string;
  readonly eosToken: string;
  /** Whether transformers puts BOS before a text unless told otherwise. This class never does. */
  readonly addsBos: boolean;
  /** Largest id plus one. A model needs at least as many embedding rows. */
  readonly vocabSize: number;
  /** See `textHash`: tokenizers with equal hashes turn the same text into the same ids. */
  readonly hash: string;
  /** What other threads need to encode texts as this tokenizer does; undefined if they need the library. */
  readonly tables: BpeTables | undefined;
  /** For tokenizers like LLaMA's; `#library` is for all others. */
  readonly #bpe: BpeTokenizer | undefined;
  readonly #library: NativeTokenizer | undefined;
  /** The library's tokenizer with control tokens, for decoding; made when it is first needed. */
  #all: NativeTokenizer | undefined;
  readonly #json: string;
  readonly #ids: ReadonlyMap<string, number>;

  private constructor(folder: string, json: TokenizerJson, special: SpecialTokens) {
    const path = join(folder, 'tokenizer.json');
    this.folder = folder;
    this.#ids = tokenIds(json);
    this.vocabSize = idLimit(json);
    this.hash = textHash(json);
    this.#json = JSON.stringify(json);
    const text = textOnly(json);
    this.tables = bpeTables(text);
    if (this.tables === undefined) this.#library = construct(JSON.stringify(text), path);
    else this.#bpe = new BpeTokenizer(this.tables);
    for (const { content, id } of text.added_tokens) {
      if (this.#library?.tokenToId(content) === id) continue;
      throw new LeiaError(
        'unsupported',
        `${path}: added token ${JSON.stringify(content)} (id ${id}) is not in the model's vocabulary`,
      );
    }
    this.bosId = this.#special('bos_token', special.bos);
    this.eosId = this.#special('eos_token', special.eos);
    this.bosToken = special.bos;
    this.eosToken = special.eos;
    this.addsBos = special.addBos ?? templateBegins(json, special.bos);
  }

  /**
   * Opens the tokenizer of a checkpoint folder: `tokenizer.json`, and `tokenizer_config.json` or
   * `special_tokens_map.json` for the names of BOS and EOS.
   *
   * @throws LeiaError `io` (no such file), `format` (damaged), `unsupported` (no BOS or EOS; another format).
   */
  static async load(folder: string): Promise<Tokenizer> {
    const path = join(folder, 'tokenizer.json');
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      throw (await foreignFolder(folder, 'tokenizer')) ?? fileError('read', path, error);
    }
    return new Tokenizer(folder, parseTokenizerJson(text, path), await specialTokens(folder));
  }

  /** The id of a token by its exact spelling, control tokens included. */
  tokenId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** The tokens of a text, with the ranges of the text that they stand for. */
  async encode(text: string): Promise<Encoding> {
    const [encoding] = await this.encodeBatch([text]);
    return encoding as Encoding;
  }

  /** Encodes many texts. No BOS, no EOS, no truncation. */
  async encodeBatch(texts: readonly string[]): Promise<Encoding[]> {
    const bpe = this.#bpe;
    if (bpe !== undefined) return texts.map((text) => bpe.encode(text));
    if (texts.length === 0) return [];
    const encodings = await this.#library!.encodeBatch([...texts], { addSpecialTokens: false });
    return encodings.map((encoding) => {
      const offsets = encoding.getOffsets();
      const starts = Int32Array.from(offsets, ([start]) => start ?? 0);
      const ends = Int32Array.from(offsets, ([, end]) => end ?? 0);
      return { ids: Int32Array.from(encoding.getIds()), starts, ends };
    });
  }

  /**
   * Text of some ids. Control tokens appear as they are spelled unless `skipSpecialTokens`.
   *
   * @throws LeiaError `argument` for an id the tokenizer does not have.
   */
  async decode(
    ids: Iterable<number>,
    { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {},
  ): Promise<string> {
    const list = [...ids];
    for (const id of list) {
      if (Number.isInteger(id) && id >= 0 && id < this.vocabSize) continue;
      throw new LeiaError(
        'argument',
        `decode: ${id} is no token id, expected 0 to ${this.vocabSize - 1}`,
      );
    }
    this.#all ??= construct(this.#json, join(this.folder, 'tokenizer.json'));
    return await this.#all.decode(list, skipSpecialTokens);
  }

  /**
   * Checks that a model has an embedding row for every id. (More rows than ids are common: padding.)
   *
   * @throws LeiaError `mismatch`
   */
  checkVocabulary(modelVocabSize: number, model: string): void {
    if (this.vocabSize <= modelVocabSize) return;
    throw new LeiaError(
      'mismatch',
      `the tokenizer of ${this.folder} has ids up to ${this.vocabSize - 1}, but ${model} has a vocabulary of ${modelVocabSize}; use the tokenizer the model was trained with`,
    );
  }

  #special(key: string, token: string): number {
    const id = this.#ids.get(token);
    if (id !== undefined) return id;
    throw new LeiaError(
      'mismatch',
      `${this.folder}: ${key} is ${JSON.stringify(token)}, which tokenizer.json does not have`,
    );
  }
}

function construct(json: string, path: string): NativeTokenizer {
  try {
    return NativeTokenizer.fromString(json);
  } catch (error) {
    throw new LeiaError('format', `${path}: ${(error as Error).message}`, { cause: error });
  }
}

// LLaMA's tokenizer in native code: see native/tokenizer/bpe.h.
import { addon } from '../core/addon.ts';

/** Native byte-pair encoding with byte fallback. */
interface NativeBpe {
  /** The tokens of "▁" and a text with "▁" for spaces: all ids, then where each starts, then where it ends. */
  encode(text: string): Int32Array<ArrayBuffer>;
}

interface BpeAddon {
  /** For its arguments see {@link BpeTables}. */
  NativeBpe: new (
    tokens: Int32Array,
    merges: Int32Array,
    bytes: Int32Array,
  ) => NativeBpe;
}

/** The tokens of a text. Token i has id `ids[i]` and covers the code points `[starts[i], ends[i])`. */
export interface Encoding {
  ids: Int32Array;
  starts: Int32Array;
  ends: Int32Array;
}

/** What a tokenizer is made of, in memory that threads share. */
export interface BpeTables {
  /** For each id: the first and the last code point of its token, and how many it has. All 0 for bytes. */
  tokens: Int32Array<SharedArrayBuffer>;
  /** For each merge, by rank: the ids of the left token, the right one, and both joined. */
  merges: Int32Array<SharedArrayBuffer>;
  /** The id of each byte. */
  bytes: Int32Array<SharedArrayBuffer>;
}

export class BpeTokenizer {
  readonly #native: NativeBpe;

  constructor({ tokens, merges, bytes }: BpeTables) {
    this.#native = new (addon<BpeAddon>().NativeBpe)(tokens, merges, bytes);
  }

  encode(text: string): Encoding {
    const numbers = this.#native.encode(text);
    const count = numbers.length / 3;
    return {
      ids: numbers.subarray(0, count),
      starts: numbers.subarray(count, 2 * count),
      ends: numbers.subarray(2 * count),
    };
  }
}

/**
 * Seeded random numbers for training data: xoshiro128** (Blackman & Vigna 2018), its state filled by
 * splitmix64 (Steele et al. 2014) from a key of integers. A stream depends on its key alone, e.g. on (seed,
 * epoch, article), so any article's draws can be had again without those before it: that is what makes
 * resuming in the middle of an epoch immediate.
 */
import { LeiaError } from '../system/error.ts';

const mask = (1n << 64n) - 1n;
const golden = 0x9e3779b97f4a7c15n;

/** One step of splitmix64: the output for a state that has already been advanced. */
export function splitmix64(state: bigint): bigint {
  let z = state & mask;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
  return z ^ (z >> 31n);
}

/** Random numbers from a seed, whose state can be kept and set. */
export class RandomStream {
  readonly #state: Uint32Array;

  /** Four words, not all zero. */
  constructor(state: Uint32Array) {
    this.#state = state.slice(0, 4);
  }

  /**
   * The stream of a key; other keys (also longer or shorter ones) give unrelated streams.
   *
   * @throws LeiaError `argument` if a part is no integer of 0 to 2^53 - 1.
   */
  static of(...key: readonly number[]): RandomStream {
    let state = BigInt(key.length);
    for (const part of key) {
      if (!Number.isSafeInteger(part) || part < 0) {
        throw new LeiaError(
          'argument',
          `seed: expected an integer from 0 to 2^53 - 1, got ${part}`,
        );
      }
      state = splitmix64(state + BigInt(part) + golden);
    }
    const low = splitmix64(state + golden);
    const high = splitmix64(state + 2n * golden);
    return new RandomStream(Uint32Array.from([low, low >> 32n, high, high >> 32n], lowWord));
  }

  /** The next 32 random bits. */
  nextUint32(): number {
    const s = this.#state as unknown as [number, number, number, number];
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result;
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  next(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** 0 to count - 1 in random order (Fisher & Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(this.next() * (i + 1));
      const kept = order[i]!;
      order[i] = order[j]!;
      order[j] = kept;
    }
    return order;
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function lowWord(word: bigint): number {
  return Number(word & 0xffffffffn);
}

// Python's `random.Random`, as far as evaluations use it to order questions and to draw few-shot examples: the
// Mersenne Twister MT19937 (Matsumoto & Nishimura 1998) seeded by an integer, and CPython's `shuffle` and `sample`
// over it. The paper's code and both Japanese harnesses draw with these, so the same seed gives the same prompts.
import { LeiaError } from '../../system/error.ts';

const size = 624;
const middle = 397;

export class PythonRandom {
  readonly #state = new Uint32Array(size);
  #at = size;

  /**
   * `random.Random(seed)` of an integer.
   *
   * @throws LeiaError `argument` if the seed is no integer of 0 to 2^53 - 1.
   */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new LeiaError('argument', `seed: expected an integer from 0 to 2^53 - 1, got ${seed}`);
    }
    const high = Math.floor(seed / 2 ** 32);
    this.#seedWith(high === 0 ? [seed] : [seed % 2 ** 32, high]);
  }

  /** `random()`: uniform in [0, 1), a multiple of 2^-53. */
  next(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** `randrange(count)`: uniform in 0 to count - 1, for 1 <= count < 2^32. */
  below(count: number): number {
    const bits = 32 - Math.clz32(count);
    let drawn: number;
    do drawn = this.#word() >>> (32 - bits);
    while (drawn >= count);
    return drawn;
  }

  /** `shuffle(list)`, in place. */
  shuffle(list: unknown[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
  }

  /**
   * `sample(list, count)`: so many entries of different places, in the order in which they are drawn.
   *
   * @throws LeiaError `argument` if the list is shorter.
   */
  sample<T>(list: readonly T[], count: number): T[] {
    if (count > list.length) {
      throw new LeiaError('argument', `cannot draw ${count} of ${list.length}`);
    }
    // CPython moves what was drawn out of a copy of a short list, and remembers the places of a long one.
    const shortEnough = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
    return list.length <= shortEnough
      ? this.#sampleFromPool(list, count)
      : this.#sampleByPlace(list, count);
  }

  #sampleFromPool<T>(list: readonly T[], count: number): T[] {
    const pool = [...list];
    return Array.from({ length: count }, (_, i) => {
      const last = pool.length - i - 1;
      const j = this.below(last + 1);
      const drawn = pool[j] as T;
      pool[j] = pool[last] as T;
      return drawn;
    });
  }

  #sampleByPlace<T>(list: readonly T[], count: number): T[] {
    const drawn = new Set<number>();
    while (drawn.size < count) drawn.add(this.below(list.length));
    return [...drawn].map((place) => list[place] as T);
  }

  /** The reference code's `init_by_array`. */
  #seedWith(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < size; i++) state[i] = Math.imul(1812433253, mixed(state, i)) + i;
    let i = 1;
    for (let step = 0; step < Math.max(size, key.length); step++) {
      const j = step % key.length;
      state[i] = (state[i]! ^ Math.imul(mixed(state, i), 1664525)) + key[j]! + j;
      i = nextPlace(state, i);
    }
    for (let step = 1; step < size; step++) {
      state[i] = (state[i]! ^ Math.imul(mixed(state, i), 1566083941)) - i;
      i = nextPlace(state, i);
    }
    state[0] = 0x80000000;
  }

  /** The next 32 random bits. */
  #word(): number {
    if (this.#at === size) this.#refill();
    let word = this.#state[this.#at++] as number;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const joined = (state[i]! & 0x80000000) | (state[(i + 1) % size]! & 0x7fffffff);
      const twisted = (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
      state[i] = state[(i + middle) % size]! ^ twisted;
    }
    this.#at = 0;
  }
}

/** What the seeding mixes into a place: the word before it, with its high bits folded in. */
function mixed(state: Uint32Array, place: number): number {
  const before = state[place - 1] as number;
  return before ^ (before >>> 30);
}

/** After the last place comes the second; the first then holds the last word. */
function nextPlace(state: Uint32Array, place: number): number {
  if (place + 1 < size) return place + 1;
  state[0] = state[size - 1] as number;
  return 1;
}

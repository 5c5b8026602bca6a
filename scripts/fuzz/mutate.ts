// Random changes to real input. A case is decided by its seed and number alone, so one that fails can be had
// again from the two.

/** Random numbers of one case (mulberry32, by Tommy Ettinger, public domain). */
export class Dice {
  #state: number;

  constructor(seed: number, number: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0;
    this.next();
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0 to count - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** 1 to most, small numbers being as likely as large ones. */
  size(most: number): number {
    return Math.max(1, Math.floor(most ** this.next()));
  }
}

/** What can be changed in the same ways: a text or bytes. */
interface Material<T> {
  length(value: T): number;
  slice(value: T, start: number, end: number): T;
  join(parts: readonly T[]): T;
  /** Something small that does not depend on the value. */
  noise(dice: Dice): T;
}

const textMaterial: Material<string> = {
  length: (value) => value.length,
  slice: (value, start, end) => value.slice(start, end),
  join: (parts) => parts.join(''),
  noise: (dice) => String.fromCharCode(dice.below(dice.next() < 0.8 ? 128 : 65536)),
};

const byteMaterial: Material<Uint8Array> = {
  length: (value) => value.length,
  slice: (value, start, end) => value.subarray(start, end),
  join: (parts) => Buffer.concat(parts),
  noise: (dice) => Uint8Array.from({ length: dice.size(8) }, () => dice.below(256)),
};

/** Longest result in units; repetition would make anything of any length. */
const LONGEST = 400_000;

function mutate<T>(
  material: Material<T>,
  dice: Dice,
  seeds: readonly T[],
  tokens: readonly T[],
): T {
  let value = dice.pick(seeds);
  for (let changes = dice.size(20); changes > 0; changes--) {
    const length = material.length(value);
    const a = dice.below(length + 1);
    const b = Math.min(length, a + dice.size(1 + length));
    const before = material.slice(value, 0, a);
    const range = material.slice(value, a, b);
    const after = material.slice(value, b, length);
    const all = material.slice(value, a, length);
    const token = (): T => (dice.next() < 0.8 ? dice.pick(tokens) : material.noise(dice));
    const kind = dice.below(8);
    if (kind === 0) value = material.join([before, after]);
    else if (kind === 1) value = material.join([before, token(), all]);
    else if (kind === 2) value = material.join([before, token(), after]);
    else if (kind === 3) value = material.join([before, token(), range, token(), after]);
    else if (kind === 4) value = before;
    else if (kind === 5) {
      const part = dice.next() < 0.5 ? token() : range;
      const times = dice.size(LONGEST / Math.max(1, material.length(part)));
      value = material.join([before, ...Array<T>(times).fill(part), all]);
    } else if (kind === 6) {
      const other = dice.pick(seeds);
      const from = dice.below(material.length(other) + 1);
      const to = Math.min(material.length(other), from + dice.size(5000));
      value = material.join([before, material.slice(other, from, to), all]);
    } else value = material.join([after, range, before]);
    if (material.length(value) > LONGEST) value = material.slice(value, 0, LONGEST);
  }
  return value;
}

export const mutateText = (
  dice: Dice,
  seeds: readonly string[],
  tokens: readonly string[],
): string => mutate(textMaterial, dice, seeds, tokens);

export const mutateBytes = (
  dice: Dice,
  seeds: readonly Uint8Array[],
  tokens: readonly Uint8Array[],
): Uint8Array => mutate(byteMaterial, dice, seeds, tokens);

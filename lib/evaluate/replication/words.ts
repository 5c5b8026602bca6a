// Invented words for a generated language: syllables in random order, none twice, none that another language has.
import type { RandomStream } from '../../leia/random.ts';

/** The syllables of English-looking names, and those of the target language, which is written in katakana. */
const syllables = {
  english: [
    ...['ba', 'be', 'bo', 'da', 'de', 'di', 'fa', 'fe', 'ga', 'go', 'ha', 'hi', 'ka', 'ke'],
    ...['la', 'le', 'li', 'lo', 'ma', 'mi', 'mo', 'na', 'ne', 'no', 'pa', 'pe', 'ra', 're'],
    ...['ri', 'ro', 'sa', 'se', 'ta', 'ti', 'to', 'va', 've', 'wa', 'ya', 'za'],
  ],
  target: [
    ...'アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワ',
  ],
} as const;

export type Language = keyof typeof syllables;

/** Makes words of one language, each once. */
export class WordMaker {
  readonly #random: RandomStream;
  readonly #syllables: readonly string[];
  readonly #made = new Set<string>();

  /** `taken`: words that it must not make. */
  constructor(language: Language, random: RandomStream, taken: Iterable<string> = []) {
    this.#random = random;
    this.#syllables = syllables[language];
    for (const word of taken) this.#made.add(word);
  }

  /** A word of two or three syllables; a name begins with a capital where the script has one. */
  word({ name = false } = {}): string {
    for (;;) {
      const length = 2 + Math.floor(this.#random.next() * 2);
      const letters = Array.from({ length }, () => choose(this.#random, this.#syllables)).join('');
      const word = name ? letters[0]!.toUpperCase() + letters.slice(1) : letters;
      if (this.#made.has(word)) continue;
      this.#made.add(word);
      return word;
    }
  }

  words(count: number, options?: { name: boolean }): string[] {
    return Array.from({ length: count }, () => this.word(options));
  }
}

/** One of the items, all equally likely. */
export function choose<Item>(random: RandomStream, items: readonly Item[]): Item {
  return items[Math.floor(random.next() * items.length)]!;
}

/** The items in random order. */
export function shuffled<Item>(random: RandomStream, items: readonly Item[]): Item[] {
  return Array.from(random.permutation(items.length), (index) => items[index]!);
}

// Finds articles that say nearly the same as one before: of their sets of shingles (five tokens in a row), the share in
// both of those in either (Jaccard similarity) is at least 0.8. It is estimated by MinHash: each shingle is hashed into
// one of 128 bins, and of each bin the smallest hash is kept (Li, Owen & Zhang 2012, "One permutation hashing"). An empty
// bin borrows from another (Shrivastava 2017, "Optimal densification"). The share of bins that two articles have in
// common is their similarity, with a standard error below 0.045. Whom to compare with is looked up by groups of four
// bins: at a similarity of 0.8 one of 16 groups is the same in 9,998 of 10,000 pairs.

/** Tokens in a shingle. */
const shingleTokens = 5;
const bins = 128;
const rows = 4;
const bands = 16;
/** From this similarity on, two articles are near-duplicates. */
export const nearSimilarity = 0.8;
/** So many articles of a group are compared, the last ones: many that a program wrote may share one. */
const mostCompared = 64;

/** Bins of one signature. */
export const signatureLength = bins;

const emptyBin = 0xffffffff;

/** A good mix of 32 bits (the finalizer of MurmurHash3, by Austin Appleby, public domain). */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const smallest = new Uint32Array(bins);

/**
 * Writes the signature of a text, `signatureLength` numbers, at `at`. `ids` are its tokens. Two signatures can be
 * compared by `similarity`; they are the same on every machine.
 */
export function writeSignature(ids: ArrayLike<number>, into: Uint16Array, at: number): void {
  smallest.fill(emptyBin);
  const last = Math.max(0, ids.length - shingleTokens);
  for (let from = 0; from <= last; from++) {
    let hash = 0x9e3779b9;
    const to = Math.min(ids.length, from + shingleTokens);
    for (let i = from; i < to; i++) hash = mix(hash ^ (ids[i] as number)) + 0x9e3779b9;
    const bin = mix(hash) % bins;
    const value = mix(hash ^ 0x27d4eb2f);
    if (value < smallest[bin]!) smallest[bin] = value;
  }
  for (let bin = 0; bin < bins; bin++) {
    let from = bin;
    for (let attempt = 1; smallest[from] === emptyBin; attempt++) {
      from = mix(Math.imul(bin + 1, 0x9e3779b1) ^ attempt) % bins;
    }
    into[at + bin] = smallest[from]! & 0xffff;
  }
}

/** The signatures of articles, one behind the other. Their first token is BOS in all, so it does not count. */
export function signaturesOf(articles: readonly Int32Array[]): Uint16Array {
  const signatures = new Uint16Array(articles.length * bins);
  for (const [i, ids] of articles.entries()) writeSignature(ids.subarray(1), signatures, i * bins);
  return signatures;
}

/** One of several signatures. */
export function signatureAt(signatures: Uint16Array, place: number): Uint16Array {
  return signatures.subarray(place * bins, (place + 1) * bins);
}

/** The share of bins that are the same in two signatures. */
export function similarity(a: Uint16Array, b: Uint16Array): number {
  let same = 0;
  for (let bin = 0; bin < bins; bin++) if (a[bin] === b[bin]) same++;
  return same / bins;
}

/** Signatures are kept in blocks, so that growing never copies them. */
const blockArticles = 4096;

/**
 * Articles that are no near-duplicates of one before. It takes about 450 bytes for each: its signature, and its places
 * in a table of groups.
 */
export class DistinctArticles {
  readonly #blocks: Uint16Array[] = [];
  /** By hash of a group: its last entry plus one. */
  #slots = new Int32Array(1 << 12);
  /** By entry: the one before of the same slot, plus one. An entry is an article's number times `bands` plus a group's. */
  #before = new Int32Array(1 << 12);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The number of an article that this one nearly repeats, and how similar they are. Otherwise it is added. */
  add(signature: Uint16Array): { of: number; similarity: number } | undefined {
    const found = this.#find(signature);
    if (found === undefined) this.#insert(signature);
    return found;
  }

  #find(signature: Uint16Array): { of: number; similarity: number } | undefined {
    const seen = new Set<number>();
    for (let band = 0; band < bands; band++) {
      let entry = this.#slots[hashOf(signature, band) & (this.#slots.length - 1)]!;
      for (let compared = 0; entry > 0 && compared < mostCompared; compared++) {
        const of = Math.floor((entry - 1) / bands);
        if (!seen.has(of)) {
          seen.add(of);
          const share = similarity(signature, this.#signature(of));
          if (share >= nearSimilarity) return { of, similarity: share };
        }
        entry = this.#before[entry - 1]!;
      }
    }
    return undefined;
  }

  #signature(article: number): Uint16Array {
    const from = (article % blockArticles) * bins;
    return this.#blocks[Math.floor(article / blockArticles)]!.subarray(from, from + bins);
  }

  #insert(signature: Uint16Array): void {
    const article = this.#count++;
    if (article % blockArticles === 0) this.#blocks.push(new Uint16Array(blockArticles * bins));
    this.#signature(article).set(signature);
    if (this.#count * bands > this.#before.length) this.#grow();
    this.#enter(article, signature);
  }

  #enter(article: number, signature: Uint16Array): void {
    for (let band = 0; band < bands; band++) {
      const slot = hashOf(signature, band) & (this.#slots.length - 1);
      const entry = article * bands + band;
      this.#before[entry] = this.#slots[slot]!;
      this.#slots[slot] = entry + 1;
    }
  }

  /** Twice as many slots, entered anew in the same order. */
  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    this.#before = new Int32Array(2 * this.#before.length);
    for (let article = 0; article < this.#count - 1; article++) {
      this.#enter(article, this.#signature(article));
    }
  }
}

function hashOf(signature: Uint16Array, band: number): number {
  let hash = band;
  for (let row = 0; row < rows; row++)
    hash = mix(hash ^ signature[band * rows + row]!) + 0x9e3779b9;
  return mix(hash);
}

/**
 * Rows of fixed length for training: articles one after the other, cut wherever a row is full, the rest of
 * an article beginning the next row. As in the original, except that a name which a row's end cuts in two
 * stays a name in both rows (the original trains on its second half even when names are not to be learned).
 */
import type { AugmentedTokens } from './insert.ts';
import { ignoredLabel, labelsOf } from './labels.ts';

/** One row, ready for the model. All int32 of the row's length. */
export interface Sequence {
  inputIds: Int32Array;
  /** Not shifted: `labels[t]` is `inputIds[t]` or -100. */
  labels: Int32Array;
  /** For each position the first position of its article in this row, for attention within articles. */
  documentStarts: Int32Array;
}

/** Fills rows with the tokens of articles. */
export class RowPacker {
  readonly #length: number;
  readonly #nameLoss: boolean;
  #ids: Int32Array;
  #kinds: Uint8Array;
  #documentStarts: Int32Array;
  #filled = 0;

  constructor(length: number, { nameLoss }: { nameLoss: boolean }) {
    this.#length = length;
    this.#nameLoss = nameLoss;
    this.#ids = new Int32Array(length);
    this.#kinds = new Uint8Array(length);
    this.#documentStarts = new Int32Array(length);
  }

  get filled(): number {
    return this.#filled;
  }

  get full(): boolean {
    return this.#filled === this.#length;
  }

  /** Adds an article's tokens from `offset` on, as many as fit; returns the offset of the first left over. */
  add({ ids, kinds }: AugmentedTokens, offset: number): number {
    const end = Math.min(ids.length, offset + this.#length - this.#filled);
    const from = this.#filled;
    this.#filled += end - offset;
    this.#ids.set(ids.subarray(offset, end), from);
    this.#kinds.set(kinds.subarray(offset, end), from);
    this.#documentStarts.fill(from, from, this.#filled);
    return end;
  }

  /**
   * Returns the row so far and begins an empty one. Positions that are not filled have id 0 and ignored labels,
   * and count as an article of their own.
   */
  take(): Sequence {
    const row = { ids: this.#ids, kinds: this.#kinds };
    const labels = labelsOf(row, { nameLoss: this.#nameLoss }).fill(ignoredLabel, this.#filled);
    const documentStarts = this.#documentStarts.fill(this.#filled, this.#filled);
    this.#ids = new Int32Array(this.#length);
    this.#kinds = new Uint8Array(this.#length);
    this.#documentStarts = new Int32Array(this.#length);
    this.#filled = 0;
    return { inputIds: row.ids, labels, documentStarts };
  }
}

/** Rows of every article once, in order; the last one may be filled up, see {@link RowPacker.take}. */
export function* packOnce(
  articles: Iterable<AugmentedTokens>,
  length: number,
  options: { nameLoss: boolean },
): Generator<Sequence> {
  const packer = new RowPacker(length, options);
  for (const article of articles) {
    let offset = 0;
    while (offset < article.ids.length) {
      offset = packer.add(article, offset);
      if (packer.full) yield packer.take();
    }
  }
  if (packer.filled > 0) yield packer.take();
}

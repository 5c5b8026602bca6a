/**
 * Rows of fixed length for training: articles one after the other, cut wherever a row is full, the rest of
 * an article beginning the next row. As in the original, except that a name which a row's end cuts in two
 * stays a name in both rows (the original trains on its second half even when names are not to be learned).
 */
import { ignoredLabel } from '../core/ops/cross-entropy.ts';
import type { AugmentedTokens } from './insert.ts';
import { labelsOf } from './labels.ts';

/** One row, ready for the model. All int32 of the row's length. */
export interface Sequence {
  inputIds: Int32Array;
  /** Not shifted: `labels[t]` is `inputIds[t]` or -100. */
  labels: Int32Array;
  /** For each position the first position of its article in this row, for attention within articles. */
  documentStarts: Int32Array;
}

/**
 * A row that is being filled. Positions that are not filled have id 0 and an ignored label, and count as an article of
 * their own.
 */
export class Row implements Sequence {
  readonly inputIds: Int32Array;
  readonly labels: Int32Array;
  readonly documentStarts: Int32Array;
  #filled = 0;

  constructor(length: number) {
    this.inputIds = new Int32Array(length);
    this.labels = new Int32Array(length).fill(ignoredLabel);
    this.documentStarts = new Int32Array(length);
  }

  get filled(): number {
    return this.#filled;
  }

  /** How many positions are not filled. */
  get room(): number {
    return this.inputIds.length - this.#filled;
  }

  /** Adds tokens that are an article of their own in this row; at most as many as there is room for. */
  add(ids: Int32Array, labels: Int32Array): void {
    const from = this.#filled;
    this.inputIds.set(ids, from);
    this.labels.set(labels, from);
    this.#filled += ids.length;
    this.documentStarts.fill(from, from, this.#filled).fill(this.#filled, this.#filled);
  }
}

/** Fills rows with the tokens of articles. */
export class RowPacker {
  readonly #length: number;
  readonly #lossOnNames: boolean;
  #row: Row;

  constructor(length: number, { lossOnNames }: { lossOnNames: boolean }) {
    this.#length = length;
    this.#lossOnNames = lossOnNames;
    this.#row = new Row(length);
  }

  get filled(): number {
    return this.#row.filled;
  }

  get full(): boolean {
    return this.#row.room === 0;
  }

  /** Adds an article's tokens from `offset` on, as many as fit; returns the offset of the first left over. */
  add({ ids, kinds }: AugmentedTokens, offset: number): number {
    const end = Math.min(ids.length, offset + this.#row.room);
    const part = { ids: ids.subarray(offset, end), kinds: kinds.subarray(offset, end) };
    this.#row.add(part.ids, labelsOf(part, { lossOnNames: this.#lossOnNames }));
    return end;
  }

  /** Returns the row so far and begins an empty one. */
  take(): Sequence {
    const row = this.#row;
    this.#row = new Row(this.#length);
    return row;
  }
}

/** Rows of every article once, in order; the last one may be filled up, see `Row`. */
export function* packOnce(
  articles: Iterable<AugmentedTokens>,
  length: number,
  options: { lossOnNames: boolean },
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

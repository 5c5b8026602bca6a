// Token ids and labels of one batch, checked on the host before anything is queued: rectangular, inside the
// vocabulary, and shifted so that position t is asked for the label of t + 1.

import { ignoredLabel } from '../core/ops.ts';
import { LeiaError } from '../system/error.ts';

/** Rows of token ids (or labels), all of one length; a single row may come without the outer array. */
export type TokenRows = readonly TokenRow[] | TokenRow;
type TokenRow = Int32Array | readonly number[];

export interface TokenBatch {
  readonly batch: number;
  readonly sequence: number;
  /** [batch, sequence], row-major. */
  readonly values: Int32Array;
}

/** Checks ids against the vocabulary. */
export function packIds(ids: TokenRows, vocabSize: number): TokenBatch {
  const packed = pack(ids, 'inputIds');
  check(packed, 'inputIds', (id) => id >= 0 && id < vocabSize, `0 to ${vocabSize - 1}`);
  return packed;
}

/** Checks labels against the vocabulary and the ids' shape. */
export function packLabels(labels: TokenRows, ids: TokenBatch, vocabSize: number): TokenBatch {
  const packed = pack(labels, 'labels');
  if (packed.batch !== ids.batch || packed.sequence !== ids.sequence) {
    throw new LeiaError(
      'argument',
      `labels: ${packed.batch} rows of ${packed.sequence}, expected ${ids.batch} of ${ids.sequence} as inputIds have`,
    );
  }
  const valid = (label: number) => label === ignoredLabel || (label >= 0 && label < vocabSize);
  check(packed, 'labels', valid, `0 to ${vocabSize - 1}, or ${ignoredLabel} to ignore it`);
  return packed;
}

/** The label each position predicts: that of the next one; the last of a row predicts nothing. */
export function shiftLabels({ batch, sequence, values }: TokenBatch): Int32Array {
  const shifted = new Int32Array(values.length).fill(ignoredLabel);
  for (let row = 0; row < batch; row++) {
    const start = row * sequence;
    shifted.set(values.subarray(start + 1, start + sequence), start);
  }
  return shifted;
}

/**
 * How many tokens of these (unshifted) labels a model is asked to predict: all that are not ignored and
 * have a token before them. The mean over a batch made of several micro-batches divides by their sum.
 */
export function countLabelTokens(labels: TokenRows): number {
  const { batch, sequence, values } = pack(labels, 'labels');
  let count = 0;
  for (let row = 0; row < batch; row++) {
    for (let i = 1; i < sequence; i++) if (values[row * sequence + i] !== ignoredLabel) count++;
  }
  return count;
}

function pack(rows: TokenRows, name: string): TokenBatch {
  const isFlat = rows instanceof Int32Array || typeof rows[0] === 'number';
  const list = (isFlat ? [rows] : rows) as readonly TokenRow[];
  const sequence = list[0]?.length ?? 0;
  if (sequence === 0) throw new LeiaError('argument', `${name}: expected at least one token`);
  const values = new Int32Array(list.length * sequence);
  for (const [index, row] of list.entries()) {
    if (row.length !== sequence) {
      throw new LeiaError(
        'argument',
        `${name}: row ${index} has ${row.length} tokens, row 0 has ${sequence}; rows must be equally long`,
      );
    }
    for (let i = 0; i < sequence; i++) {
      const value = row[i];
      if (value === undefined || value !== (value | 0)) {
        throw new LeiaError(
          'argument',
          `${name}: ${value} at row ${index}, position ${i} is no id`,
        );
      }
    }
    values.set(row, index * sequence);
  }
  return { batch: list.length, sequence, values };
}

function check(
  { sequence, values }: TokenBatch,
  name: string,
  valid: (value: number) => boolean,
  expected: string,
): void {
  const at = values.findIndex((value) => !valid(value));
  if (at < 0) return;
  const place = `row ${Math.floor(at / sequence)}, position ${at % sequence}`;
  throw new LeiaError(
    'argument',
    `${name}: ${values[at]} at ${place} is outside the vocabulary, expected ${expected}`,
  );
}

/**
 * Checks document starts: each position holds the first position of its document, so either itself or the
 * same as the position before.
 */
export function packDocumentStarts(starts: TokenRows, ids: TokenBatch): TokenBatch {
  const packed = pack(starts, 'documentStarts');
  if (packed.batch !== ids.batch || packed.sequence !== ids.sequence) {
    throw new LeiaError(
      'argument',
      `documentStarts: ${packed.batch} rows of ${packed.sequence}, expected ${ids.batch} of ${ids.sequence} as inputIds have`,
    );
  }
  const { sequence, values } = packed;
  const at = values.findIndex((start, i) => {
    const position = i % sequence;
    return start !== position && (position === 0 || start !== values[i - 1]);
  });
  if (at < 0) return packed;
  throw new LeiaError(
    'argument',
    `documentStarts: ${values[at]} at row ${Math.floor(at / sequence)}, position ${at % sequence}, expected the position itself or what the one before has`,
  );
}

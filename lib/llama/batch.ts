// Token ids and labels of one batch, checked on the host before anything is queued: rectangular, inside the
// vocabulary, and shifted so that position t is asked for the label of t + 1.

import { ignoredLabel } from '../core/ops.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type { LlamaConfig } from './config.ts';

/** Rows of token ids (or labels), all of one length; a single row may come without the outer array. */
export type TokenRows = readonly TokenRow[] | TokenRow;
type TokenRow = Int32Array | readonly number[];

interface BatchShape {
  readonly batch: number;
  readonly sequence: number;
}

export interface TokenBatch extends BatchShape {
  /** [batch, sequence], row-major. */
  readonly values: Int32Array;
}

/** Checks ids against the vocabulary. */
export function packIds(ids: TokenRows, vocabSize: number): TokenBatch {
  const packed = pack(ids, 'inputIds');
  check(packed, 'inputIds', (id) => id >= 0 && id < vocabSize, `0 to ${vocabSize - 1}`);
  return packed;
}

/** What a pass begins with, on its way to the device. */
export interface PassInput extends BatchShape {
  /** [batch, sequence], int32: ids that are on the device, or are to be written there. */
  readonly ids?: Tensor | Int32Array;
  /** [batch, sequence, hidden], float32 or bfloat16. */
  readonly embeddings?: Tensor;
}

/**
 * Checks what a model is called with: rows of ids, or a tensor of ids or embeddings.
 *
 * @throws LeiaError `argument` for anything else, or a sequence longer than the model has positions.
 */
export function passInput(
  given: TokenRows | Tensor,
  config: Pick<LlamaConfig, 'vocabSize' | 'hiddenSize' | 'maxPositionEmbeddings'>,
): PassInput {
  const input =
    given instanceof Tensor ? tensorInput(given, config.hiddenSize) : idsInput(given, config);
  checkLength(input.sequence, config);
  return input;
}

function idsInput(rows: TokenRows, { vocabSize }: Pick<LlamaConfig, 'vocabSize'>): PassInput {
  const { batch, sequence, values } = packIds(rows, vocabSize);
  return { batch, sequence, ids: values };
}

function tensorInput(tensor: Tensor, hiddenSize: number): PassInput {
  const { dtype, shape } = tensor;
  const [batch = 0, sequence = 0, size] = shape;
  if (sequence > 0 && dtype === 'int32' && shape.length === 2) {
    return { batch, sequence, ids: tensor };
  }
  const isComputed = dtype === 'float32' || dtype === 'bfloat16';
  if (sequence > 0 && isComputed && shape.length === 3 && size === hiddenSize) {
    return { batch, sequence, embeddings: tensor };
  }
  throw new LeiaError(
    'argument',
    `inputIds: a tensor of ${dtype}, of shape [${shape.join(', ')}], expected ids, int32 [batch, sequence], or embeddings, float32 or bfloat16 [batch, sequence, ${hiddenSize}]`,
  );
}

/**
 * Refuses sequences longer than the config's `max_position_embeddings`.
 *
 * @throws LeiaError `argument`.
 */
export function checkLength(
  sequence: number,
  { maxPositionEmbeddings }: Pick<LlamaConfig, 'maxPositionEmbeddings'>,
): void {
  if (sequence <= maxPositionEmbeddings) return;
  throw new LeiaError(
    'argument',
    `a sequence of ${sequence} tokens is longer than the model's max_position_embeddings ${maxPositionEmbeddings}; shorten it, or raise that value in config.json if the model can take it`,
  );
}

/** Checks labels against the vocabulary and the ids' shape. */
export function packLabels(labels: TokenRows, ids: BatchShape, vocabSize: number): TokenBatch {
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
export function packDocumentStarts(starts: TokenRows, ids: BatchShape): TokenBatch {
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

/** How many label tokens a loss is averaged over: so many as the caller says, or as there are. */
export function checkLabelTokens(labels: TokenRows, given: number | undefined): number {
  const count = given ?? countLabelTokens(labels);
  if (Number.isInteger(count) && count > 0) return count;
  throw new LeiaError(
    'argument',
    given === undefined
      ? 'labels: every label is ignored or has no token before it, there is nothing to learn'
      : `labelTokens: ${given}, expected a positive whole number`,
  );
}

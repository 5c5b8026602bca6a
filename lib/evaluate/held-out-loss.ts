// How well a model predicts articles it was not trained on: the loss of their original text, without any
// inserted names, each token exactly once. Articles are cut into windows that overlap by one token (the last
// of one window is the first of the next, where it is context only), and windows of several articles share a
// row without seeing each other.
//
// An adapted model has <translate> and </translate> in its vocabulary. They are never labels here, so whatever
// probability the model gives them raises its loss: it is measured as it is, without masking the two.

import { ignoredLabel } from '../core/ops/cross-entropy.ts';
import type { Dataset } from '../leia/dataset.ts';
import { Row } from '../leia/packing.ts';
import { countLabelTokens } from '../llama/batch.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import { LeiaError } from '../system/error.ts';

/** An article that no training saw. */
export interface HeldOutArticle {
  /** BOS and the text's tokens. */
  readonly inputIds: Int32Array;
  /** Length of the text in code points. */
  readonly characters: number;
}

/** How the loss on held-out articles is measured. */
export interface HeldOutOptions {
  /** Tokens in a row. The last one of a full row has the longest context, one token less. */
  readonly sequenceLength: number;
  /** Rows computed at once. */
  readonly batchSize: number;
  /** Called before each batch, and at the end, with how many rows are done. What it throws ends the measurement. */
  onProgress?(done: number, total: number): void;
}

/** The loss of a model on articles that were held out. */
export interface HeldOutLoss {
  /** Mean cross-entropy in nats per token, over all tokens but the articles' BOS. */
  readonly loss: number;
  /** The same sum in bits, per character of text: comparable between tokenizers. */
  readonly bitsPerCharacter: number;
  readonly articles: number;
  readonly tokens: number;
  readonly characters: number;
}

/** Articles of a dataset, as they were before insertion. */
export function heldOutArticles(dataset: Dataset, indices: readonly number[]): HeldOutArticle[] {
  return indices.map((index) => ({
    inputIds: dataset.article(index).inputIds,
    characters: Array.from(dataset.passage(index).text).length,
  }));
}

/**
 * The loss of a model on articles. Parameters and gradients stay as they are, so it can be called between two
 * training steps.
 *
 * @throws LeiaError `argument` (no token to predict; rows of fewer than 2 tokens, or of more than the model has
 *   positions; ids outside its vocabulary).
 */
export async function heldOutLoss(
  model: LlamaModel,
  articles: readonly HeldOutArticle[],
  { sequenceLength, batchSize, onProgress }: HeldOutOptions,
): Promise<HeldOutLoss> {
  if (!(sequenceLength >= 2)) {
    throw new LeiaError(
      'argument',
      `heldOutLoss: rows of ${sequenceLength} tokens, expected 2 or more`,
    );
  }
  const rows = packWindows(
    articles.flatMap(({ inputIds }) => windowsOf(inputIds, sequenceLength)),
    sequenceLength,
  );
  if (rows.length === 0) {
    throw new LeiaError('argument', 'heldOutLoss: the articles have no token to predict');
  }
  let sum = 0;
  let tokens = 0;
  for (let at = 0; at < rows.length; at += batchSize) {
    onProgress?.(at, rows.length);
    const batch = rows.slice(at, at + batchSize);
    while (batch.length < batchSize) batch.push(new Row(sequenceLength));
    const labels = batch.map((row) => row.labels);
    const { loss } = model.forward(
      batch.map((row) => row.inputIds),
      labels,
      { documentStarts: batch.map((row) => row.documentStarts) },
    );
    const count = countLabelTokens(labels);
    sum += ((await loss.readFloats())[0] as number) * count;
    tokens += count;
  }
  onProgress?.(rows.length, rows.length);
  const characters = articles.reduce((total, article) => total + article.characters, 0);
  return {
    loss: sum / tokens,
    bitsPerCharacter: sum / Math.LN2 / characters,
    articles: articles.length,
    tokens,
    characters,
  };
}

/** Windows of at most `length` tokens. Each begins with the last token of the one before, as context. */
function windowsOf(ids: Int32Array, length: number): Int32Array[] {
  const windows: Int32Array[] = [];
  for (let start = 0; start + 1 < ids.length; start += length - 1) {
    windows.push(ids.subarray(start, start + length));
  }
  return windows;
}

/** Packs windows into rows without cutting any: the longest first, each into the first row with room for it. */
function packWindows(windows: readonly Int32Array[], length: number): Row[] {
  const rows: Row[] = [];
  const open: Row[] = [];
  for (const window of windows.toSorted((a, b) => b.length - a.length)) {
    let row = open.find(({ room }) => room >= window.length);
    if (row === undefined) {
      row = new Row(length);
      rows.push(row);
      if (window.length < length) open.push(row);
    }
    row.add(window, labelsOf(window));
  }
  return rows;
}

/** The labels of a window: its first token is context only. */
function labelsOf(window: Int32Array): Int32Array {
  return Int32Array.from(window).fill(ignoredLabel, 0, 1);
}

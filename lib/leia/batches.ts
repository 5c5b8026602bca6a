/**
 * The endless stream of training rows: every epoch goes through all articles in a new order and inserts
 * names anew, all of it determined by the seed. The stream's whole state is three numbers, because order and
 * draws depend only on (seed, epoch) and (seed, epoch, article): resuming anywhere costs no more than one
 * shuffle and one article.
 */
import { z } from 'zod';
import { LeiaError } from '../system/error.ts';
import { checkJson } from '../system/json.ts';
import type { TokenizedArticle } from './entity.ts';
import {
  type AugmentedTokens,
  checkInsertionOptions,
  type InsertionOptions,
  insertNames,
  strategies,
} from './insert.ts';
import { RowPacker, type Sequence } from './packing.ts';
import { RandomStream } from './random.ts';

/** Where articles come from; a `Dataset` is one. */
export interface ArticleSource {
  readonly articleCount: number;
  /** An article by its number, from 0. */
  article(index: number): TokenizedArticle;
}

/** How articles become sequences. */
export interface SequenceOptions extends InsertionOptions {
  /** Tokens in a row. */
  readonly sequenceLength: number;
  /** Whether the tokens of English names are trained on (the paper's ablation: no). */
  readonly lossOnNames: boolean;
  /** 0 to 2^53 - 1. */
  readonly seed: number;
}

const position = z.int().nonnegative();
const stateSchema = z.strictObject({
  /** What the stream of tokens depends on: a state can only be restored where all of it is the same. */
  stream: z.strictObject({
    articles: position,
    seed: position,
    strategy: z.enum(strategies),
    /** {@link SequenceOptions.pSkip}, by the name that it has had in files from the start. */
    skipProbability: z.number(),
  }),
  epoch: position,
  /** Place in the epoch's order of the article that comes next or has begun. */
  position,
  /** How many of that article's tokens, after insertion, are already in rows. */
  offset: position,
});

/** Where a {@link SequenceSource} stands, between two rows. Plain JSON. */
export type SequenceState = z.infer<typeof stateSchema>;

/** Keeps the two kinds of draws from one seed apart. */
const orderKey = 0;
const insertionKey = 1;

/** The draws that decide which entities of an article get their names in an epoch, in text order. */
export function insertionDraws(seed: number, epoch: number, article: number): () => number {
  const draws = RandomStream.of(seed, insertionKey, epoch, article);
  return () => draws.next();
}

/** Draws the sequences of training from articles; its state can be kept and set. */
export class SequenceSource {
  readonly #articles: ArticleSource;
  readonly #options: SequenceOptions;
  #epoch = 0;
  #position = 0;
  #offset = 0;
  #order: Uint32Array;
  #current: AugmentedTokens | undefined;

  /** @throws LeiaError `usage` naming the wrong option, or if there are no articles. */
  constructor(articles: ArticleSource, options: SequenceOptions) {
    checkInsertionOptions(options);
    if (articles.articleCount === 0) throw new LeiaError('usage', 'the dataset has no articles');
    if (!Number.isInteger(options.sequenceLength) || options.sequenceLength < 2) {
      throw new LeiaError(
        'usage',
        `sequence length is ${options.sequenceLength}, expected an integer of at least 2`,
      );
    }
    this.#articles = articles;
    this.#options = options;
    this.#order = this.#shuffle(this.#epoch);
  }

  /** How many times all articles have been gone through. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The next row. */
  next(): Sequence {
    const packer = new RowPacker(this.#options.sequenceLength, this.#options);
    while (!packer.full) {
      this.#current ??= this.#augment(this.#epoch, this.#order[this.#position]!);
      this.#offset = packer.add(this.#current, this.#offset);
      if (this.#offset === this.#current.ids.length) this.#advance();
    }
    return packer.take();
  }

  /** What a source goes on from, if it is made with it. */
  state(): SequenceState {
    return {
      stream: this.#stream(),
      epoch: this.#epoch,
      position: this.#position,
      offset: this.#offset,
    };
  }

  /**
   * Goes to where {@link state} was taken; the rows from there on are the same.
   *
   * @throws LeiaError `format` for what is no state, `mismatch` for that of another dataset, seed or strategy.
   */
  restore(json: unknown): void {
    const state = checkJson(stateSchema, json, 'state of the data');
    const { stream, epoch, position, offset } = state;
    for (const [key, here] of Object.entries(this.#stream())) {
      const there = stream[key as keyof typeof stream];
      if (there === here) continue;
      throw new LeiaError(
        'mismatch',
        `the run was started with ${key} ${there}, this is ${here}; resume with the same data and options`,
      );
    }
    if (position >= this.#articles.articleCount) {
      throw new LeiaError('format', `state of the data: there is no article ${position}`);
    }
    const order = this.#shuffle(epoch);
    const current = this.#augment(epoch, order[position]!);
    if (offset >= current.ids.length) {
      throw new LeiaError(
        'format',
        `state of the data: article ${position} has no token ${offset}`,
      );
    }
    this.#epoch = epoch;
    this.#position = position;
    this.#offset = offset;
    this.#order = order;
    this.#current = current;
  }

  #stream(): SequenceState['stream'] {
    const { seed, strategy, pSkip: skipProbability } = this.#options;
    return { articles: this.#articles.articleCount, seed, strategy, skipProbability };
  }

  #shuffle(epoch: number): Uint32Array {
    const draws = RandomStream.of(this.#options.seed, orderKey, epoch);
    return draws.permutation(this.#articles.articleCount);
  }

  #augment(epoch: number, article: number): AugmentedTokens {
    const draw = insertionDraws(this.#options.seed, epoch, article);
    return insertNames(this.#articles.article(article), this.#options, draw);
  }

  #advance(): void {
    this.#current = undefined;
    this.#offset = 0;
    this.#position += 1;
    if (this.#position < this.#articles.articleCount) return;
    this.#position = 0;
    this.#epoch += 1;
    this.#order = this.#shuffle(this.#epoch);
  }
}

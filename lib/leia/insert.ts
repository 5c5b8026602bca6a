/**
 * The heart of LEIA (Yamada & Ri 2024, section 2): the English name of an entity, between the tokens
 * <translate> and </translate>, is put before its mention (left), after it (right), or in its place
 * (replace); each mention is skipped with probability p_skip. The kind of every token is kept beside it, so
 * that labels are right even where a row ends inside a name.
 */
import { LeiaError } from '../system/error.ts';
import type { TokenEntity, TokenizedArticle } from './entity.ts';

export const strategies = ['left', 'right', 'replace', 'none'] as const;
/** `none` inserts nothing: plain training on the same text. */
export type Strategy = (typeof strategies)[number];

export interface InsertionOptions {
  readonly strategy: Strategy;
  /** p_skip, 0 to 1: how likely a mention is left as it is. */
  readonly skipProbability: number;
  /** Ids of <translate> and </translate>. Not looked at when nothing is inserted. */
  readonly translateId: number;
  readonly endTranslateId: number;
}

/** What a token of an augmented sequence is. */
export const tokenKind = { text: 0, name: 1, special: 2 } as const;

/** Token ids, int32, and the {@link tokenKind} of each, both of one length. */
export interface AugmentedTokens {
  ids: Int32Array;
  kinds: Uint8Array;
}

/** @throws LeiaError `usage` naming the option. */
export function checkInsertionOptions({ strategy, skipProbability }: InsertionOptions): void {
  if (!strategies.includes(strategy)) {
    throw new LeiaError('usage', `strategy is "${strategy}", expected ${strategies.join(', ')}`);
  }
  if (!(skipProbability >= 0 && skipProbability <= 1)) {
    throw new LeiaError('usage', `p_skip is ${skipProbability}, expected 0 to 1`);
  }
}

/**
 * Inserts the names of an article's entities. `draw` is asked once for each entity, in text order, for a
 * uniform number in [0, 1); the entity is skipped if it is below p_skip. An entity without name ids is
 * never touched. Entities must be in text order and not overlap, as `alignSpans` gives them.
 */
export function insertNames(
  article: TokenizedArticle,
  options: InsertionOptions,
  draw: () => number,
): AugmentedTokens {
  const { inputIds } = article;
  const inserted =
    options.strategy === 'none'
      ? []
      : article.entities.filter(
          // Always draw, so that one entity's name does not shift the draws of those after it.
          ({ nameIds }) => draw() >= options.skipProbability && nameIds.length > 0,
        );
  const length = inserted.reduce(
    (sum, entity) => sum + growth(entity, options.strategy),
    inputIds.length,
  );
  const ids = new Int32Array(length);
  const kinds = new Uint8Array(length);
  let to = 0;
  let from = 0;
  const copyText = (end: number) => {
    ids.set(inputIds.subarray(from, end), to);
    to += end - from;
    from = end;
  };
  for (const { start, end, nameIds } of inserted) {
    copyText(options.strategy === 'right' ? end : start);
    if (options.strategy === 'replace') from = end;
    ids[to] = options.translateId;
    kinds[to++] = tokenKind.special;
    ids.set(nameIds, to);
    kinds.fill(tokenKind.name, to, to + nameIds.length);
    to += nameIds.length;
    ids[to] = options.endTranslateId;
    kinds[to++] = tokenKind.special;
  }
  copyText(inputIds.length);
  return { ids, kinds };
}

/** How many tokens an insertion adds. */
function growth({ start, end, nameIds }: TokenEntity, strategy: Strategy): number {
  return nameIds.length + 2 - (strategy === 'replace' ? end - start : 0);
}

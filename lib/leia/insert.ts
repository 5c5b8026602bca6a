/**
 * The heart of LEIA (Yamada & Ri 2024, section 2): the English name of an entity, between the tokens
 * <translate> and </translate>, is put before the entity (left), after it (right), or in its place
 * (replace); each entity is skipped with probability p_skip. The kind of every token is kept beside it, so
 * that labels are right even where a row ends inside a name.
 */
import { LeiaError } from '../system/error.ts';
import type { TokenEntity, TokenizedArticle } from './entity.ts';

export const strategies = ['left', 'right', 'replace', 'none'] as const;
/** `none` inserts nothing: plain training on the same text. */
export type Strategy = (typeof strategies)[number];

/** Where names are inserted, and how often. */
export interface InsertionOptions {
  readonly strategy: Strategy;
  /** p_skip, 0 to 1: how likely an entity is left as it is. */
  readonly pSkip: number;
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
export function checkInsertionOptions({ strategy, pSkip }: InsertionOptions): void {
  if (!strategies.includes(strategy)) {
    throw new LeiaError('usage', `strategy is "${strategy}", expected ${strategies.join(', ')}`);
  }
  if (!(pSkip >= 0 && pSkip <= 1)) {
    throw new LeiaError('usage', `p_skip is ${pSkip}, expected 0 to 1`);
  }
}

/** What decides which entities get their names, and where. */
export type InsertionRule = Pick<InsertionOptions, 'strategy' | 'pSkip'>;

/**
 * The entities that get their names. `draw` is asked once for each entity, in text order, for a uniform number in
 * [0, 1); the entity is skipped if it is below p_skip. One without name ids never gets a name.
 */
export function drawEntities(
  entities: readonly TokenEntity[],
  { strategy, pSkip }: InsertionRule,
  draw: () => number,
): TokenEntity[] {
  if (strategy === 'none') return [];
  // Always draw, so that one entity's name does not shift the draws of those after it.
  return entities.filter(({ nameIds }) => draw() >= pSkip && nameIds.length > 0);
}

/** A range of tokens or of characters, `[start, end)`. */
interface Range {
  start: number;
  end: number;
}

/**
 * What stands in an article of `length` after insertion, in order: calls `text` for each range of the original that
 * stays, and `name` for each entity where its name and the two marks go.
 */
export function visitInsertions<Entity extends Range>(
  length: number,
  entities: readonly Entity[],
  strategy: Strategy,
  { text, name }: { text: (start: number, end: number) => void; name: (entity: Entity) => void },
): void {
  let from = 0;
  for (const entity of entities) {
    const to = strategy === 'right' ? entity.end : entity.start;
    text(from, to);
    name(entity);
    from = strategy === 'replace' ? entity.end : to;
  }
  text(from, length);
}

/**
 * Inserts the names of an article's entities, chosen by `drawEntities`. Entities must be in text order and not
 * overlap, as `alignSpans` gives them.
 */
export function insertNames(
  article: TokenizedArticle,
  options: InsertionOptions,
  draw: () => number,
): AugmentedTokens {
  const { inputIds } = article;
  const { strategy, translateId, endTranslateId } = options;
  const inserted = drawEntities(article.entities, options, draw);
  const length = inserted.reduce((sum, entity) => sum + growth(entity, strategy), inputIds.length);
  const ids = new Int32Array(length);
  const kinds = new Uint8Array(length);
  let to = 0;
  visitInsertions(inputIds.length, inserted, strategy, {
    text: (start, end) => {
      ids.set(inputIds.subarray(start, end), to);
      to += end - start;
    },
    name: ({ nameIds }) => {
      ids[to] = translateId;
      kinds[to++] = tokenKind.special;
      ids.set(nameIds, to);
      kinds.fill(tokenKind.name, to, to + nameIds.length);
      to += nameIds.length;
      ids[to] = endTranslateId;
      kinds[to++] = tokenKind.special;
    },
  });
  return { ids, kinds };
}

/** How many tokens an insertion adds. */
function growth({ start, end, nameIds }: TokenEntity, strategy: Strategy): number {
  return nameIds.length + 2 - (strategy === 'replace' ? end - start : 0);
}

// What training will see, as text: a passage before and after insertion, as in the paper's Figure 1
// (Yamada & Ri 2024), with the very draws that the first epoch makes.
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { insertionDraws } from './batches.ts';
import type { Dataset } from './dataset.ts';
import type { PassageLink } from './dataset-records.ts';
import type { EntitySpan } from './entity.ts';
import { drawEntities, type InsertionRule, type Strategy, visitInsertions } from './insert.ts';
import { ArticleTokenizer } from './tokenize-article.ts';

/** A stretch of a passage: plain text, an entity, an inserted name, or one of the two marks. */
export interface Piece {
  kind: 'text' | 'entity' | 'name' | 'mark';
  text: string;
}

export interface PassagePreview {
  title: string;
  before: Piece[];
  after: Piece[];
  /** How many names `after` has. */
  inserted: number;
}

export interface PreviewOptions extends InsertionRule {
  seed: number;
}

interface DrawnEntity extends EntitySpan {
  inserted: boolean;
}

/**
 * The paragraph of article `index` that shows insertion best: short, with two to five names. Undefined if
 * no paragraph gets one.
 */
export async function previewArticle(
  dataset: Pick<Dataset, 'passage'>,
  index: number,
  tokenizer: Tokenizer,
  options: PreviewOptions,
): Promise<PassagePreview | undefined> {
  const { title, text, anchors } = dataset.passage(index);
  const entities = await drawnEntities(text, anchors, index, tokenizer, options);
  const points = Array.from(text);
  const paragraph = bestParagraph(points, entities);
  if (paragraph === undefined) return undefined;
  const { start: first, end } = paragraph;
  const inside = entities
    .filter((entity) => entity.start >= first && entity.end <= end)
    .map((entity) => ({ ...entity, start: entity.start - first, end: entity.end - first }));
  const pieces = (strategy: Strategy) => piecesOf(points.slice(first, end), inside, strategy);
  return {
    title,
    before: pieces('none'),
    after: pieces(options.strategy),
    inserted: inside.filter(({ inserted }) => inserted).length,
  };
}

/** The entities of a text, those that fall on token boundaries, and which of them get their names. */
async function drawnEntities(
  text: string,
  links: readonly PassageLink[],
  index: number,
  tokenizer: Tokenizer,
  options: PreviewOptions,
): Promise<DrawnEntity[]> {
  const spans = links.flatMap(({ start, end, name }) => (name ? [{ start, end, name }] : []));
  const [result] = await new ArticleTokenizer(tokenizer).tokenize([{ text, spans }]);
  const { article, misaligned } = result!;
  const left = new Set(misaligned.map(({ span }) => span));
  const draw = insertionDraws(options.seed, 0, index);
  const inserted = new Set(drawEntities(article.entities, options, draw));
  return spans
    .filter((span) => !left.has(span))
    .map((span, i) => ({ ...span, inserted: inserted.has(article.entities[i]!) }));
}

function bestParagraph(
  points: readonly string[],
  entities: readonly DrawnEntity[],
): { start: number; end: number } | undefined {
  let best: { start: number; end: number } | undefined;
  let bestScore = 0;
  let start = 0;
  for (let i = 0; i <= points.length; i++) {
    if (i < points.length && points[i] !== '\n') continue;
    const names = entities.filter((e) => e.inserted && e.start >= start && e.end <= i).length;
    const score = Math.min(names, 5) / Math.max(1, (i - start) / 160);
    if (names > 0 && score > bestScore && i - start >= 40) {
      best = { start, end: i };
      bestScore = score;
    }
    start = i + 1;
  }
  return best;
}

/** A paragraph with the names of its entities inserted. Ranges count from where it begins. */
function piecesOf(
  points: readonly string[],
  entities: readonly DrawnEntity[],
  strategy: Strategy,
): Piece[] {
  const pieces: Piece[] = [];
  const add = (kind: Piece['kind'], text: string) => {
    if (text !== '') pieces.push({ kind, text });
  };
  const textOf = (start: number, end: number) => points.slice(start, end).join('');
  const text = (start: number, end: number) => {
    let from = start;
    for (const entity of entities) {
      if (entity.start < from || entity.end > end) continue;
      add('text', textOf(from, entity.start));
      add('entity', textOf(entity.start, entity.end));
      from = entity.end;
    }
    add('text', textOf(from, end));
  };
  const name = (entity: DrawnEntity) => {
    add('mark', '<translate>');
    add('name', entity.name);
    add('mark', '</translate>');
  };
  const inserted = strategy === 'none' ? [] : entities.filter((entity) => entity.inserted);
  visitInsertions(points.length, inserted, strategy, { text, name });
  return pieces;
}

// What training will see, as text: a passage before and after insertion, as in the paper's Figure 1
// (Yamada & Ri 2024), with the very draws that the first epoch makes.
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { insertionDraws } from './batches.ts';
import type { Dataset } from './dataset.ts';
import type { PassageAnchor } from './dataset-records.ts';
import type { Strategy } from './insert.ts';
import { ArticleTokenizer } from './tokenize-article.ts';

/** A stretch of a passage: plain text, a linked mention, an inserted name, or one of the two marks. */
export interface Piece {
  kind: 'text' | 'mention' | 'name' | 'mark';
  text: string;
}

export interface PassagePreview {
  title: string;
  before: Piece[];
  after: Piece[];
  /** How many names `after` has. */
  inserted: number;
}

export interface PreviewOptions {
  strategy: Strategy;
  skipProbability: number;
  seed: number;
}

interface Mention {
  start: number;
  end: number;
  name: string;
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
  const mentions = await drawMentions(text, anchors, index, tokenizer, options);
  const points = Array.from(text);
  const paragraph = bestParagraph(points, mentions);
  if (paragraph === undefined) return undefined;
  const inside = mentions.filter(
    ({ start, end }) => start >= paragraph.start && end <= paragraph.end,
  );
  const pieces = (strategy: Strategy) => piecesOf(points, paragraph, inside, strategy);
  return {
    title,
    before: pieces('none'),
    after: pieces(options.strategy),
    inserted: inside.filter(({ inserted }) => inserted).length,
  };
}

/** The mentions that fall on token boundaries, and which of them get their names. */
async function drawMentions(
  text: string,
  anchors: readonly PassageAnchor[],
  index: number,
  tokenizer: Tokenizer,
  { skipProbability, seed }: PreviewOptions,
): Promise<Mention[]> {
  const spans = anchors.flatMap(({ start, end, name }) => (name ? [{ start, end, name }] : []));
  const [result] = await new ArticleTokenizer(tokenizer).tokenize([{ text, spans }]);
  const left = new Set(result!.misaligned.map(({ span }) => span));
  const draw = insertionDraws(seed, 0, index);
  return spans
    .filter((span) => !left.has(span))
    .map((span) => ({ ...span, inserted: draw() >= skipProbability }));
}

function bestParagraph(
  points: readonly string[],
  mentions: readonly Mention[],
): { start: number; end: number } | undefined {
  let best: { start: number; end: number } | undefined;
  let bestScore = 0;
  let start = 0;
  for (let i = 0; i <= points.length; i++) {
    if (i < points.length && points[i] !== '\n') continue;
    const names = mentions.filter((m) => m.inserted && m.start >= start && m.end <= i).length;
    const score = Math.min(names, 5) / Math.max(1, (i - start) / 160);
    if (names > 0 && score > bestScore && i - start >= 40) {
      best = { start, end: i };
      bestScore = score;
    }
    start = i + 1;
  }
  return best;
}

function piecesOf(
  points: readonly string[],
  range: { start: number; end: number },
  mentions: readonly Mention[],
  strategy: Strategy,
): Piece[] {
  const pieces: Piece[] = [];
  const add = (kind: Piece['kind'], text: string) => {
    if (text !== '') pieces.push({ kind, text });
  };
  let from = range.start;
  for (const { start, end, name, inserted } of mentions) {
    add('text', points.slice(from, start).join(''));
    from = end;
    const mention = () => add('mention', points.slice(start, end).join(''));
    const insertion = () => {
      add('mark', '<translate>');
      add('name', name);
      add('mark', '</translate>');
    };
    if (!inserted || strategy === 'none') mention();
    else if (strategy === 'left') {
      insertion();
      mention();
    } else if (strategy === 'right') {
      mention();
      insertion();
    } else insertion();
  }
  add('text', points.slice(from, range.end).join(''));
  return pieces;
}

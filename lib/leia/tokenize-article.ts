/**
 * Text with entity spans -> the token sequence that training uses: BOS, the text's tokens, and for every
 * span that falls on token boundaries its range and its English name's tokens. Names repeat a lot, so their
 * tokens are remembered.
 */
import type { TextTokenizer } from '../tokenizer/tokenizer.ts';
import { alignSpans, type MisalignmentReason } from './align.ts';
import type { EntitySpan, TokenEntity, TokenizedArticle } from './entity.ts';

/** An article as tokens, and the entities that have no range of them. */
export interface TokenizeResult {
  article: TokenizedArticle;
  misaligned: { span: EntitySpan; reason: MisalignmentReason }[];
}

/** Enough for the names of a few thousand articles; then the memory is emptied and fills again. */
const rememberedNames = 200_000;

/** Makes tokens of articles, and ranges of tokens of their entities. */
export class ArticleTokenizer {
  readonly #tokenizer: TextTokenizer;
  readonly #names = new Map<string, Int32Array>();

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * Tokenises a batch of articles.
   *
   * @throws LeiaError `argument` if a span reaches beyond its text or ends before it starts.
   */
  async tokenize(
    articles: readonly { text: string; spans: readonly EntitySpan[] }[],
  ): Promise<TokenizeResult[]> {
    await this.#remember(articles.flatMap(({ spans }) => spans.map(({ name }) => name)));
    const encodings = await this.#tokenizer.encodeBatch(articles.map(({ text }) => text));
    return articles.map(({ text, spans }, i) => {
      const encoding = encodings[i]!;
      const { aligned, misaligned } = alignSpans(text, encoding, spans);
      const inputIds = new Int32Array(encoding.ids.length + 1);
      inputIds[0] = this.#tokenizer.bosId;
      inputIds.set(encoding.ids, 1);
      const entities = aligned.map(
        ({ start, end, span }): TokenEntity => ({
          start: start + 1,
          end: end + 1,
          nameIds: this.#names.get(span.name)!,
        }),
      );
      return { article: { inputIds, entities }, misaligned };
    });
  }

  async #remember(names: readonly string[]): Promise<void> {
    if (this.#names.size > rememberedNames) this.#names.clear();
    const missing = [...new Set(names)].filter((name) => !this.#names.has(name));
    const encodings = await this.#tokenizer.encodeBatch(missing);
    missing.forEach((name, i) => {
      this.#names.set(name, encodings[i]!.ids);
    });
  }
}

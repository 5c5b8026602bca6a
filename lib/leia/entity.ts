/** A range of text that names an entity, with the entity's name in English. Offsets in code points. */
export interface EntitySpan {
  start: number;
  end: number;
  name: string;
}

/** An entity in a token sequence: token range `[start, end)` and its English name's ids. */
export interface TokenEntity {
  start: number;
  end: number;
  nameIds: Int32Array;
}

/** A tokenised article: BOS first, no EOS, with the entities whose ends fall on token boundaries. */
export interface TokenizedArticle {
  inputIds: Int32Array;
  entities: TokenEntity[];
}

/** A link of an article: a range of its text and the page it leads to. */
export interface Link {
  /** First code point of the link's text in {@link Article.text}. */
  start: number;
  /** One past the last code point. */
  end: number;
  /** Title of the linked page, normalised, before redirects are followed. */
  target: string;
  /** The title of the page in the English edition, where a template says it: `{{ill|…|en|Title}}`. */
  english?: string;
}

/** One encyclopedia page as plain text. Offsets count Unicode code points, not UTF-16 units. */
export interface Article {
  id: number;
  title: string;
  text: string;
  /** By the key that they have in JSON Lines. */
  anchors: Link[];
  /** A warning with the page's title, if something about the page makes its text doubtful. */
  oddity?: string;
}

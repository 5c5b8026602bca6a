// What reading wikitext has in the addon.

/**
 * What the target of a link is: `a` and the title of an article, and in a second line what to show where no label is
 * given, if that is not the target as it is written; `t`, a text that leads to none, and what to show where
 * no label is given; `h`, nothing that is shown, label included; `p`, the same for all targets that begin as this one does,
 * up to the first colon, with a title behind it.
 */
export type LinkTarget = `a${string}` | `t${string}` | 'h' | 'p';

/** Native reader of wikitext. One call at a time, those of `resolve` included. */
export interface NativeWikitextReader {
  /**
   * The text of a page in UTF-8, and four numbers for each of its links: the code points where it starts and ends,
   * and the lengths of its target and of the English title, if a template says it, in `targets`, where all are joined.
   * `unclosed`: how many templates, tables and links never end; `steps`: turns taken to read it.
   */
  article(wikitext: Uint8Array): {
    text: string;
    anchors: Int32Array;
    targets: string;
    unclosed: number;
    steps: number;
  };
  /**
   * Adds the bytes of `${JSON.stringify({ title, …more, text, anchors })}\n` of the same to the lines, or nothing if there
   * is no text; returns `unclosed`. `more` is JSON without the braces. If templates make links, each has `english`, empty
   * or not.
   */
  writeLine(wikitext: Uint8Array, title: string, more: string): number;
  /** Bytes of all lines since they were last taken. */
  linesSize(): number;
  /** Takes them; `lines` is as long as they are. */
  takeLines(lines: Uint8Array): void;
}

/** What of a page becomes text, as far as that is a matter of choice. */
export interface NativeReadingOptions {
  keepLists: boolean;
  /** Whether `&amp;nbsp;` is a blank. */
  decodeTwice: boolean;
  /** Superscripts and subscripts of digits: like other text, in Unicode's own characters, or after `^` and `_`. */
  scripts: 'plain' | 'unicode' | 'signs';
  /** What is known of templates; without any, all are dropped without a trace. */
  templates: readonly TemplateDefinition[];
  language: LanguageForms;
  /** Whether templates make links. */
  templateLinks: boolean;
  /** Headings as `## Title`, captions of images, rows of tables with tabs between their cells, formulas as LaTeX. */
  keepHeadings: boolean;
  keepCaptions: boolean;
  keepTables: boolean;
  keepFormulas: boolean;
  /** Names, in small ASCII letters, of the parameter that shows an image with its caption. */
  thumbnails: readonly string[];
  /** Code points of opening brackets, 0, of closing ones, 0, and of quotation marks, which may be either. */
  brackets: readonly number[];
}

/** Templates by their names in small ASCII letters, and what they show; see native/corpus/wikitext/templates.h. */
export interface TemplateDefinition {
  names: readonly string[];
  shown: string;
}

/** How a language writes what templates compute; see native/corpus/wikitext/language_forms.h. */
export interface LanguageForms {
  /** Whether units and months are written out in English. */
  english: boolean;
  /** What stands between groups of digits, and before decimals. */
  group: string;
  point: string;
  /** Digits in the last group, and in those before it; numbers of fewer than `least` have no groups. */
  last: number;
  others: number;
  least: number;
  /** A month and year, and a day of it, for each month: `{d}` and `{y}` stand for day and year. */
  months: readonly string[];
  days: readonly string[];
  /** From 0 to 9. */
  dateDigits: readonly string[];
  /** Of those of the common era. */
  yearsAhead: number;
  /** What stands before a word of another language. */
  labels: readonly { code: string; label: string }[];
}

export interface WikitextAddon {
  /**
   * `properties`: of each code point, as in characters.ts. `capitals`: pairs of code points, a letter that titles do
   * not begin with and its capital. `resolve` tells what a link's target is, for those that may not be a title as they
   * stand.
   */
  NativeWikitextReader: new (
    properties: Uint8Array,
    capitals: Uint32Array,
    options: NativeReadingOptions,
    resolve: (target: string) => LinkTarget,
  ) => NativeWikitextReader;
}

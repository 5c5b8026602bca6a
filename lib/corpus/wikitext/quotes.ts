// Bold and italics: runs of apostrophes, balanced line by line as MediaWiki does it
// (https://www.mediawiki.org/wiki/Help:Formatting). Bold leaves no trace in plain text; italics, which
// set off titles and foreign words, become double quotation marks, the convention of WikiExtractor.

/** A run of two or more apostrophes in a line; the caller numbers its own places. */
export interface QuoteRun {
  place: number;
  length: number;
  /** The two characters before it in the line, '' at its start. */
  before: string;
}

/** What a run turns into, before quotation marks next to each other are merged. */
export interface QuoteText {
  place: number;
  /** Apostrophes that are text. */
  apostrophes: string;
  /** -1 for an opening quotation mark, 1 for a closing one, 0 for none. */
  mark: -1 | 0 | 1;
}

/** Apostrophes beyond the markup are text: 4 are ' and bold, more than 5 end in bold italics. */
function literalApostrophes(length: number): number {
  if (length === 4) return 1;
  return length > 5 ? length - 5 : 0;
}

/**
 * When both kinds are unbalanced, one bold is an apostrophe and italics, as in `l'''amour''`. MediaWiki
 * takes the first after a one-letter word, else after a longer word, else after a blank.
 */
function elision(runs: readonly QuoteRun[]): QuoteRun | undefined {
  const sizes = runs.map((run) => run.length - literalApostrophes(run.length));
  const bold = sizes.filter((size) => size !== 2).length;
  const italic = sizes.filter((size) => size !== 3).length;
  if (bold % 2 === 0 || italic % 2 === 0) return undefined;
  const candidates = runs.filter((_, i) => sizes[i] === 3);
  return (
    candidates.find(({ before }) => /^\s?\S$/.test(before)) ??
    candidates.find(({ before }) => /\S\S$/.test(before)) ??
    candidates[0]
  );
}

/** The texts of one line's runs, in order. Unbalanced markup ends with the line and leaves no trace. */
export function resolveQuotes(runs: readonly QuoteRun[]): QuoteText[] {
  const elided = elision(runs);
  const texts: QuoteText[] = [];
  let italic: QuoteText | undefined; // the opening that is still to be closed
  let italicIsBoldItalic = false;
  let bold = false;
  for (const run of runs) {
    const { place, length } = run;
    const literal = literalApostrophes(length) + (run === elided ? 1 : 0);
    const size = length - literal;
    const text: QuoteText = { place, apostrophes: "'".repeat(literal), mark: 0 };
    texts.push(text);
    if (size === 3) {
      bold = !bold;
    } else if (size === 2) {
      if (italic) {
        italic.mark = -1;
        text.mark = 1;
        italic = undefined;
      } else {
        italic = text;
        italicIsBoldItalic = false;
      }
    } else {
      // Five: both at once. Bold italics around the same words (a page's own title) get no marks.
      if (italic) {
        if (!italicIsBoldItalic) {
          italic.mark = -1;
          text.mark = 1;
        }
        italic = undefined;
      } else {
        italic = text;
        italicIsBoldItalic = !bold;
      }
      bold = !bold;
    }
  }
  return texts;
}

/**
 * From entity spans in text to entity spans in tokens. A span is used only if both its ends fall on token
 * beginnings: inserting a name anywhere else would split a token that the model reads as one. Spans that
 * do not fit are returned with the reason, so that the caller can count them.
 *
 * Rule of the original code: a token begins at its first code point; one that starts with a single space
 * (" Tokyo") begins at the letter after it too, since links do not include the space before them. Of
 * several tokens that begin at one code point (the bytes of a character outside the vocabulary) the first
 * counts. The end of a span is the beginning of the token after it, or the end of the text.
 */
import { LeiaError } from '../system/error.ts';
import type { Encoding } from '../tokenizer/tokenizer.ts';
import type { EntitySpan } from './entity.ts';

/** Why a span has no range of tokens. */
export type MisalignmentReason =
  /** The first code point is inside a token. */
  | 'start'
  /** The end is inside a token. */
  | 'end'
  /** Both. */
  | 'start and end'
  /** No token lies between the two ends: a span around nothing, or around a single space. */
  | 'empty'
  /** It begins before the previous span has ended. */
  | 'overlap';

/** An entity as a range of tokens. */
export interface AlignedSpan<Span> {
  /** First token, counted in the encoding (BOS not included). */
  start: number;
  /** One past the last token. */
  end: number;
  span: Span;
}

/** What {@link alignSpans} finds. */
export interface Alignment<Span> {
  /** In text order, not overlapping. */
  aligned: AlignedSpan<Span>[];
  misaligned: { span: Span; reason: MisalignmentReason }[];
}

/**
 * Aligns spans (in any order) to the tokens of `text`.
 *
 * @throws LeiaError `argument` if a span reaches beyond the text or ends before it starts.
 */
export function alignSpans<Span extends Pick<EntitySpan, 'start' | 'end'>>(
  text: string,
  encoding: Encoding,
  spans: readonly Span[],
): Alignment<Span> {
  const beginnings = tokenBeginnings(text, encoding);
  const length = beginnings.length - 1;
  const alignment: Alignment<Span> = { aligned: [], misaligned: [] };
  let previousEnd = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start || a.end - b.end)) {
    checkSpan(span, length);
    const start = beginnings[span.start] as number;
    const end = beginnings[span.end] as number;
    const reason = misalignment(start, end, previousEnd);
    if (reason !== undefined) {
      alignment.misaligned.push({ span, reason });
      continue;
    }
    alignment.aligned.push({ start, end, span });
    previousEnd = end;
  }
  return alignment;
}

function misalignment(start: number, end: number, previousEnd: number) {
  if (start < 0) return end < 0 ? 'start and end' : 'start';
  if (end < 0) return 'end';
  if (start >= end) return 'empty';
  return start < previousEnd ? 'overlap' : undefined;
}

function checkSpan({ start, end }: Pick<EntitySpan, 'start' | 'end'>, length: number): void {
  const whole = Number.isInteger(start) && Number.isInteger(end);
  if (whole && 0 <= start && start <= end && end <= length) return;
  throw new LeiaError(
    'argument',
    `entity span [${start}, ${end}) is not inside the text's ${length} code points; offsets count code points, not UTF-16 units`,
  );
}

const SURROGATE = /[\ud800-\udfff]/;

/** For each code point of the text, and for its end, the token that begins there, or -1. */
function tokenBeginnings(text: string, { ids, starts, ends }: Encoding): Int32Array {
  // Splitting the text into an array of characters costs more than all the rest, and is only needed for texts
  // with characters of two UTF-16 units, which are few.
  const characters: ArrayLike<string> = SURROGATE.test(text) ? [...text] : text;
  const beginnings = new Int32Array(characters.length + 1).fill(-1);
  const mark = (position: number, index: number) => {
    if ((beginnings[position] as number) < 0) beginnings[position] = index;
  };
  for (let i = 0; i < ids.length; i++) {
    const start = starts[i] as number;
    mark(start, i);
    // Only if the token has more than the space: after a lone " " the letter begins a token of its own.
    const spaced = characters[start] === ' ' && characters[start + 1] !== ' ';
    if (spaced && (ends[i] as number) > start + 1) mark(start + 1, i);
  }
  beginnings[characters.length] = ids.length;
  return beginnings;
}

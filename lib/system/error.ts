/** What went wrong, in the coarse classes a caller may want to tell apart. */
export type LeiaErrorCode =
  /** Wrong arguments, options or configuration (CLI exit code 2). */
  | 'usage'
  /** A file that is truncated, corrupt, or of another kind than expected. */
  | 'format'
  /** A tensor of another shape, dtype or device than the operation takes. */
  | 'argument'
  /** A checkpoint, tokenizer or dataset that does not fit the others. */
  | 'mismatch'
  /** A feature of a model or file that this library does not implement. */
  | 'unsupported'
  /** A device, driver or shared library that is missing. */
  | 'unavailable'
  /** Reading or writing failed: no such file, no permission, disk full. */
  | 'io'
  /** An operation failed while it ran, or its result is not finite. */
  | 'execution'
  /** The user interrupted the program. */
  | 'interrupted';

/**
 * An error whose message is written for the person at the terminal: what was expected, what came,
 * and what to do. The command line shows it as one line, without a stack trace.
 */
export class LeiaError extends Error {
  override readonly name = 'LeiaError';
  readonly code: LeiaErrorCode;

  constructor(code: LeiaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The beginning of a foreign text for a message: one line, without what controls a terminal. */
export function excerpt(text: string, length = 100): string {
  return text
    .slice(0, 4 * length)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .slice(0, length);
}

// A string that keeps nothing else alive. V8 represents a part of a string, if it is longer than a few
// characters, as a reference into the whole; one title kept from a line of a megabyte keeps the megabyte.

/** The same text in memory of its own; for what is kept of a large piece that is not. */
export function ownCopy(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf16le').toString('utf16le');
}

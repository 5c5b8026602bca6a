/** A word as a shell takes it, for commands that are shown. */
export function quoted(text: string): string {
  return /^[\p{L}\p{N}_./:-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

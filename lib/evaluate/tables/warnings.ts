/** Warnings gathered over the columns of a table: what is the same for several columns becomes one line. */
export class Warnings {
  readonly #columnsOf = new Map<string, string[]>();

  add(column: string, text: string): void {
    const columns = this.#columnsOf.get(text) ?? [];
    if (!columns.includes(column)) columns.push(column);
    this.#columnsOf.set(text, columns);
  }

  /** "X-CODAH ar, X-CODAH es: no test of …". */
  lines(): string[] {
    return [...this.#columnsOf].map(([text, columns]) => `${columns.join(', ')}: ${text}`);
  }
}

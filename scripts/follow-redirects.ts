// Follows the redirects of a wiki from a title to the page that it names in the end.

/** From a page's title to the title it redirects to; both normalised. */
export type RedirectTable = ReadonlyMap<string, string>;

/**
 * The page that a title leads to when redirects are followed. A circle leads nowhere: the title itself is
 * returned, as for a page that is no redirect. A redirect to a section keeps its "#section", since the
 * section, not the page, is what the title names.
 */
export function followRedirects(title: string, redirects: RedirectTable): string {
  const seen = new Set<string>();
  let current = title;
  for (;;) {
    const next = redirects.get(current);
    if (next === undefined) return current;
    seen.add(current);
    if (seen.has(next)) return title;
    current = next;
  }
}

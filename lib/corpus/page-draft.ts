// What both readers of pages share: the fields of a page as they are found, and the page they make.
import { LeiaError } from '../core/error.ts';
import { redirectTarget } from './redirect-text.ts';
import type { Namespace, Page } from './siteinfo.ts';

export const DOWNLOAD = 'expected a dump named …-pages-articles.xml.bz2 from dumps.wikimedia.org';

/** What is collected of the page being read. */
export interface Draft {
  id: number | undefined;
  title: string;
  namespace: number | undefined;
  redirect: string | undefined;
  hasRedirect: boolean;
  model: string;
  text: string | undefined;
  /** Size of the text as its element says. */
  textBytes: number;
}

export function newDraft(): Draft {
  return {
    id: undefined,
    title: '',
    namespace: undefined,
    redirect: undefined,
    hasRedirect: false,
    model: 'wikitext',
    text: undefined,
    textBytes: 0,
  };
}

/**
 * The page, or undefined if it is not wikitext. `file` and `place` (where the page ends) are for messages.
 * @throws LeiaError `format` if title, id or text are missing.
 */
export function finishDraft(
  draft: Draft,
  namespaces: ReadonlyMap<number, Namespace>,
  file: string,
  place: () => string,
): Page | undefined {
  const { id, title, namespace, redirect, hasRedirect, model, text } = draft;
  if (title === '' || id === undefined || !Number.isSafeInteger(id)) {
    const missing = title === '' ? 'title' : 'id';
    throw new LeiaError('format', `${file}: the page that ends at ${place()} has no ${missing}`);
  }
  const shown = title.slice(0, 100);
  if (text === undefined) {
    throw new LeiaError('format', `${file}: page '${shown}' has no text; ${DOWNLOAD}`);
  }
  if (text === '' && draft.textBytes > 0) {
    throw new LeiaError(
      'format',
      `${file}: the text of page '${shown}' is missing (${draft.textBytes} bytes left out), this is a stub dump; ${DOWNLOAD}`,
    );
  }
  if (model !== 'wikitext') return undefined;
  const page: Page = {
    id,
    title,
    namespace: namespace ?? namespaceOf(title, namespaces),
    model,
    text,
  };
  // Dumps before 2012 mark redirects without their target, or not at all.
  const target = redirect ?? redirectTarget(text, hasRedirect);
  if (target !== undefined) page.redirect = target;
  return page;
}

/** Dumps before 2012 do not number the namespace. */
function namespaceOf(title: string, namespaces: ReadonlyMap<number, Namespace>): number {
  const prefix = title.slice(0, Math.max(0, title.indexOf(':')));
  if (prefix === '') return 0;
  for (const { id, name } of namespaces.values()) if (name === prefix) return id;
  return 0;
}

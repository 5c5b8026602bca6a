// What both readers of pages share: the fields of a page as they are found, and the page they make.
import { excerpt, LeiaError } from '../../system/error.ts';
import { redirectTarget } from './redirect-text.ts';
import type { Namespace, Page } from './siteinfo.ts';

/** The content model of what this program reads, and of pages that name none. */
export const WIKITEXT_MODEL = 'wikitext';
export const DOWNLOAD = 'expected a dump named …-pages-articles.xml.bz2 from dumps.wikimedia.org';

/** As all dumps write times. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** What is collected of the page being read. */
export interface Draft {
  id: number | undefined;
  title: string;
  namespace: number | undefined;
  redirect: string | undefined;
  hasRedirect: boolean;
  model: string;
  wikitext: Uint8Array | undefined;
  revision: number | undefined;
  time: string | undefined;
  /** The size of the text that its element states. */
  textBytes: number;
}

export function newDraft(): Draft {
  return {
    id: undefined,
    title: '',
    namespace: undefined,
    redirect: undefined,
    hasRedirect: false,
    model: WIKITEXT_MODEL,
    wikitext: undefined,
    revision: undefined,
    time: undefined,
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
  const { id, title, namespace, redirect, hasRedirect, model, wikitext, revision, time } = draft;
  if (title === '' || id === undefined || !isCount(id)) {
    const missing = title === '' ? 'title' : 'id';
    throw new LeiaError('format', `${file}: the page that ends at ${place()} has no ${missing}`);
  }
  if (wikitext === undefined) {
    throw new LeiaError('format', `${file}: page '${excerpt(title)}' has no text; ${DOWNLOAD}`);
  }
  if (wikitext.length === 0 && draft.textBytes > 0) {
    throw new LeiaError(
      'format',
      `${file}: the text of page '${excerpt(title)}' is missing (${draft.textBytes} bytes left out), this is a stub dump; ${DOWNLOAD}`,
    );
  }
  if (model !== WIKITEXT_MODEL) return undefined;
  const page: Page = {
    id,
    title,
    namespace: namespace ?? namespaceOf(title, namespaces),
    model,
    wikitext,
  };
  if (revision !== undefined && isCount(revision)) page.revision = revision;
  if (time !== undefined && TIME.test(time)) page.time = time;
  // Dumps before 2012 mark redirects without their target, or not at all.
  const target = redirect ?? redirectTarget(wikitext, hasRedirect);
  if (target !== undefined) page.redirect = target;
  return page;
}

/** Whether pages and versions may have this number. */
function isCount(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

/** Dumps before 2012 do not number the namespace. */
function namespaceOf(title: string, namespaces: ReadonlyMap<number, Namespace>): number {
  const prefix = title.slice(0, Math.max(0, title.indexOf(':')));
  if (prefix === '') return 0;
  for (const { id, name } of namespaces.values()) if (name === prefix) return id;
  return 0;
}

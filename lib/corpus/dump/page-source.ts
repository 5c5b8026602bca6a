// Where an article comes from. The licence of Wikipedia's texts asks for attribution: whoever passes a text on names the
// page and its version.
import type { Page, Siteinfo } from './siteinfo.ts';

/** What is known of the page that a text was. */
export interface PageOrigin {
  id: number;
  revision?: number;
  time?: string;
  url?: string;
}

/** What addresses leave as it is, though `encodeURIComponent` does not. */
const plainInAddress = /%(?:3B|40|24|2C|2F|3A)/g;

/** Number, version, time and address of a page, as far as the dump has them: old ones have no address of the wiki. */
export function sourceOf(
  { id, title, revision, time }: Pick<Page, 'id' | 'title' | 'revision' | 'time'>,
  { base }: Pick<Siteinfo, 'base'>,
): PageOrigin {
  return {
    id,
    ...(revision !== undefined && { revision }),
    ...(time !== undefined && { time }),
    ...(base !== undefined && { url: `${base}${addressOf(title)}` }),
  };
}

/** A title as the last part of its page's address. */
function addressOf(title: string): string {
  return encodeURIComponent(title.replaceAll(' ', '_')).replace(plainInAddress, decodeURIComponent);
}

/**
 * What the addresses of a wiki's pages begin with, from the address of its main page as a dump names it:
 * `https://ja.wikipedia.org/wiki/` of `https://ja.wikipedia.org/wiki/メインページ`. Undefined if it is no such address.
 */
export function baseOf(mainPage: string): string | undefined {
  if (!URL.canParse(mainPage)) return undefined;
  const { protocol, pathname, origin } = new URL(mainPage);
  if (protocol !== 'https:' && protocol !== 'http:') return undefined;
  const folder =
    /^\/wiki\//.exec(pathname)?.[0] ?? pathname.slice(0, pathname.lastIndexOf('/') + 1);
  return `${origin}${folder}`;
}

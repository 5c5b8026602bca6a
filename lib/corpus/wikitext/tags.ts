// What the reader does with each HTML and extension tag that MediaWiki knows
// (https://www.mediawiki.org/wiki/Help:HTML_in_wikitext). Anything else in angle brackets is text.

export type TagAction =
  /** The tag vanishes, what it encloses is ordinary wikitext. */
  | 'unwrap'
  /** Like unwrap, and text before and after stands on lines of its own. */
  | 'block'
  /** A line break inside a paragraph. */
  | 'break'
  /** The element is dropped up to its end tag; what it encloses is not wikitext. */
  | 'drop'
  /** The element is replaced by `formula_N`. */
  | 'formula'
  /** What it encloses is text without markup. */
  | 'literal'
  /** A table: dropped with all that is nested in it. */
  | 'table';

const ACTIONS: readonly [TagAction, string][] = [
  [
    'unwrap',
    `a abbr acronym b bdi bdo big center cite code data del dfn em font i ins kbd label mark meta link
    nobr noinclude onlyinclude plaintext q rb rbc rp rt rtc ruby s samp section small span strike
    strong sub sup time translate tvar tt u var wbr thead tbody tfoot col colgroup langconvert poem
    noexternallanglinks img input form select option textarea button bdi font-face languages`,
  ],
  [
    'block',
    `blockquote caption dd details dir div dl dt h1 h2 h3 h4 h5 h6 hr li menu ol p summary td th tr ul
    figure figcaption nav header footer article aside main`,
  ],
  ['break', 'br'],
  [
    'drop',
    `categorytree charinsert dynamicpagelist forum gallery graph hiero html imagemap includeonly
    indicator inputbox listing mapframe maplink math-block phonos pre quiz ref references rss score
    script source style syntaxhighlight talkpage templatedata templatestyles thread timeline`,
  ],
  ['formula', 'math chem ce'],
  ['literal', 'nowiki'],
  ['table', 'table'],
];

export const TAGS: ReadonlyMap<string, TagAction> = new Map(
  ACTIONS.flatMap(([action, names]) =>
    names.split(/\s+/).map((name): [string, TagAction] => [name, action]),
  ),
);

/** An opening or closing tag with its attributes; also one that is never closed by '>'. */
export const TAG = /<(?:(\/)\s*)?([a-zA-Z][a-zA-Z0-9-]*)(?=[\s/>]|$)([^<>]*)(>?)/y;

/** Behaviour switches such as `__NOTOC__` and `__目次__`, in any language. */
const SWITCH = /__([\p{L}\p{M}\p{N}\p{Cf}'’-]{2,40}(?:_[\p{L}\p{M}\p{N}\p{Cf}'’-]{1,40}){0,5})__/uy;
/** The Japanese may use wide underscores. */
const WIDE_SWITCH = /＿＿([\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]{2,20})＿＿/uy;
const ENGLISH_SWITCHES = new Set(
  `notoc forcetoc toc noeditsection newsectionlink nonewsectionlink nogallery hiddencat expectedunusedcategory
  expectunusedcategory nocontentconvert nocc notitleconvert notc start end index noindex staticredirect
  disambig nototalk noglobal expectunusedtemplate archivedtalk notalk`.split(/\s+/),
);

/** The index after the behaviour switch that begins at `start`, or -1. Names like `__init__` are text. */
export function switchEnd(text: string, start: number): number {
  if (text[start] === '＿') {
    WIDE_SWITCH.lastIndex = start;
    return WIDE_SWITCH.test(text) ? WIDE_SWITCH.lastIndex : -1;
  }
  SWITCH.lastIndex = start;
  const name = SWITCH.exec(text)?.[1];
  if (name === undefined) return -1;
  const isSwitch = !/[a-z]/.test(name) || ENGLISH_SWITCHES.has(name.toLowerCase());
  return isSwitch ? SWITCH.lastIndex : -1;
}

/** Start of an external link's address; only such brackets are links. */
const EXTERNAL_LINK =
  /(?:https?:|ftps?:|sftp:|git:|gopher:|ircs?:|mms:|nntp:|redis:|ssh:|svn:|telnet:|worldwind:)?\/\/[^\s[\]<>"]*|(?:bitcoin|geo|magnet|mailto|news|sips?|sms|tel|urn|xmpp):[^\s[\]<>"]+/iy;

/** How an address can begin, by ASCII character. */
const BEGINS_ADDRESS = new Uint8Array(128);
for (const sign of '/bBfFgGhHiImMnNrRsStTuUwWxX') BEGINS_ADDRESS[sign.charCodeAt(0)] = 1;

/** The address of an external link that begins at `start`, if there is one. */
export function addressAt(text: string, start: number): string | undefined {
  if (BEGINS_ADDRESS[text.charCodeAt(start)] !== 1) return undefined;
  EXTERNAL_LINK.lastIndex = start;
  return EXTERNAL_LINK.exec(text)?.[0];
}

// Settings of the commands that read wikitext: what of a page becomes text.
import { z } from 'zod';
import type { defaultReading } from '../corpus/wikitext/extract.ts';

/** The settings with these defaults. */
export function readingSettings(defaults: typeof defaultReading) {
  return {
    templates: z
      .enum(['inline', 'drop'])
      .default(defaults.templates)
      .describe(
        'templates: what a reader sees of those that are known, or drop all as the paper did',
      ),
    links: z
      .enum(['all', 'wiki'])
      .default(defaults.links)
      .describe(
        'entities: links and what templates link to in the English edition, or the links of the wiki alone',
      ),
    lists: z
      .enum(['keep', 'drop'])
      .default(defaults.lists)
      .describe('items of lists: keep them as text, or drop them as the paper did'),
    references: z
      .enum(['once', 'twice'])
      .default(defaults.references)
      .describe(
        'decode &amp;nbsp; once, to &nbsp; as the wiki does, or twice, to a blank as the paper did',
      ),
    scripts: z
      .enum(['unicode', 'signs', 'plain'])
      .optional()
      .describe(
        'superscripts and subscripts of digits: 10⁶, 10^6, or 106 as in the paper (default: unicode, plain with --templates drop)',
      ),
  };
}

/** The dumps of a command. */
export const dumpSetting = z
  .array(z.string())
  .min(1)
  .describe(
    'MediaWiki pages-articles XML: .bz2 (also multistream), .gz, .zst or plain. Several files, or a pattern with * and ?, are read one after the other, pieces of a dump by their numbers',
  );

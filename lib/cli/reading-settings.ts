// Settings of the commands that read wikitext: what of a page becomes text.
import { z } from 'zod';
import type { Reading } from '../corpus/wikitext/extract.ts';

/** The settings with these defaults. */
export function readingSettings(defaults: Reading) {
  return {
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
      .default(defaults.scripts)
      .describe('superscripts and subscripts of digits: 10⁶, 10^6, or 106 as in the paper'),
  };
}

/** The dumps of a command. */
export const dumpSetting = z
  .array(z.string())
  .min(1)
  .describe(
    'MediaWiki pages-articles XML: .bz2 (also multistream), .gz or plain. Several files, or a pattern with * and ?, are read one after the other, pieces of a dump by their numbers',
  );

// English titles from Wikidata's entity dump (`all.json`, .bz2, .gz or .zst): a JSON array with one entity a line, or the
// entities alone, one a line, as filters of such dumps write them. Only the sitelinks of the two editions are kept
// (https://www.mediawiki.org/wiki/Wikibase/DataModel/JSON).
import { z } from 'zod';
import { excerpt, LeiaError } from '../../system/error.ts';
import { parseJson } from '../../system/json.ts';
import { readLines } from '../dump/lines.ts';
import type { Siteinfo } from '../dump/siteinfo.ts';
import { normaliseTitle } from '../dump/title.ts';
import { type Names, noNames } from './names.ts';
import { wikipediaSite } from './wikipedia-site.ts';

const sitelink = z.object({ title: z.string() });
// Properties and lexemes have no sitelinks; PHP writes an empty map as [].
const entity = z.object({
  id: z.string(),
  sitelinks: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]).optional(),
});

/**
 * English titles by normalised title in `language`. `onEntity` is called with the number of entities read so far.
 * @throws LeiaError `format` naming the line if the file is no entity dump or damaged, `io`.
 */
export async function readWikidata<Into extends Names<string> = Map<string, string>>(
  path: string,
  language: string,
  wiki: Pick<Siteinfo, 'caseRule' | 'language'>,
  onEntity: (entities: number) => void = () => {},
  names: Into = noNames<string>() as Names<string> as Into,
  onRead?: (bytes: number) => void,
): Promise<Into> {
  const site = wikipediaSite(language);
  let entities = 0;
  /** Whether more has to follow: in an array, and behind a comma. */
  let open = false;
  let last = 0;
  for await (const { text, number } of readLines(path, onRead)) {
    last = number;
    const trimmed = text.trim();
    const line = trimmed.replace(/,$/, '');
    if (line === '') continue;
    if (line === '[' || line === ']') {
      open = line === '[';
      continue;
    }
    if (trimmed !== line) open = true;
    const where = `${path}: line ${number}`;
    onEntity(++entities);
    // Most of the hundred million entities have no page in both editions: not worth parsing.
    if (!line.includes(`"${site}"`) || !line.includes('"enwiki"')) {
      checkShape(line, where);
      continue;
    }
    const links = parseEntity(line, where).sitelinks;
    if (links === undefined || Array.isArray(links)) continue;
    const own = title(links[site], where);
    const english = title(links.enwiki, where);
    if (own !== undefined && english !== undefined) {
      names.set(normaliseTitle(own, wiki), english);
    }
  }
  if (entities === 0) throw new LeiaError('format', `${path}: no Wikidata entity in it`);
  if (open) {
    throw new LeiaError(
      'format',
      `${path}: it ends with line ${last}, before the closing "]": cut off?`,
    );
  }
  return names;
}

/** Refuses lines that are no entity, without parsing them. */
function checkShape(line: string, where: string): void {
  const looksRight = line.startsWith('{') && line.endsWith('}') && /"id"\s*:\s*"/.test(line);
  if (!looksRight) parseEntity(line, where);
}

function parseEntity(line: string, where: string): z.infer<typeof entity> {
  const result = entity.safeParse(parseJson(line, where));
  if (result.success) return result.data;
  throw new LeiaError('format', `${where}: expected a Wikidata entity, got ${excerpt(line, 60)}`);
}

function title(link: unknown, where: string): string | undefined {
  if (link === undefined) return undefined;
  const result = sitelink.safeParse(link);
  if (result.success) return result.data.title;
  throw new LeiaError('format', `${where}: a sitelink without title`);
}

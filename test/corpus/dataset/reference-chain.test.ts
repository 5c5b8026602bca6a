// The whole way from the dump to entities, as `leia prepare` goes it, against what the authors' code recorded
// of the same dump, tokenizer and names: in lines that are the same, the same entities at the same places,
// but for the differences listed here.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { prepare } from '../../../lib/corpus/dataset/prepare.ts';
import { Dataset } from '../../../lib/leia/dataset.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { readEnglishTitles, readReference } from '../../leia/reference.ts';
import { fixtures, temporaryFolder } from '../../llama/fixtures.ts';
import { llama2Folder } from '../../tokenizer/llama2.ts';

interface Entity {
  /** First and last token, BOS counted, and the ids of the name. */
  start: number;
  end: number;
  nameIds: readonly number[];
}

/** An entity, and where in its line it stands. */
interface PlacedEntity {
  line: string;
  at: number;
  surface: string;
  nameIds: readonly number[];
}

/** Of a range of code points: the line it is in, without blanks around it, and its place there. */
function placeOf(points: readonly string[], range: { start: number; end: number }) {
  let { start, end } = range;
  while (/\s/.test(points[start]!)) start++;
  while (/\s/.test(points[end - 1]!)) end--;
  const begin = points.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = points.indexOf('\n', start);
  const raw = points.slice(begin, lineEnd < 0 ? points.length : lineEnd).join('');
  const indent = raw.length - raw.trimStart().length;
  return {
    line: raw.trim(),
    at: start - begin - indent,
    surface: points.slice(start, end).join(''),
  };
}

const linesOf = (text: string) => new Set(text.split('\n').map((line) => line.trim()));
const key = ({ line, at }: { line: string; at: number }) => `${at} ${line}`;

describe.skipIf(llama2Folder === undefined)(
  'from the dump to entities (needs the LLaMA 2 tokenizer)',
  () => {
    /** Title, tab, English name: the reference's two tables joined. */
    async function writeTitles(folder: string): Promise<string> {
      const path = join(fixtures, 'leia-reference', 'target-wikidata-ids.tsv.gz');
      const names = readEnglishTitles();
      const lines = gunzipSync(readFileSync(path))
        .toString('utf8')
        .trimEnd()
        .split('\n')
        .flatMap((line) => {
          const [title, item] = line.split('\t') as [string, string];
          const name = names.get(item);
          return name === undefined ? [] : [`${title}\t${name}\n`];
        });
      await writeFile(join(folder, 'titles.tsv'), lines.join(''));
      return join(folder, 'titles.tsv');
    }

    async function placeEntities(
      tokenizer: Tokenizer,
      text: string,
      entities: readonly Entity[],
    ): Promise<PlacedEntity[]> {
      const points = Array.from(text);
      const { starts, ends } = await tokenizer.encode(text);
      return entities.map(({ start, end, nameIds }) => ({
        ...placeOf(points, { start: starts[start - 1]!, end: ends[end - 2]! }),
        nameIds,
      }));
    }

    test('the same entities in the same lines, but for the listed differences', async () => {
      const folder = await temporaryFolder();
      const tokenizer = await Tokenizer.load(llama2Folder!);
      const { manifest } = await prepare({
        dump: join(fixtures, 'dumps', 'enwiki-shortened-pages-articles.xml.bz2'),
        language: 'en',
        names: { kind: 'titles', path: await writeTitles(folder) },
        tokenizer,
        lists: 'drop',
        templates: 'drop',
        output: join(folder, 'data'),
      });
      expect(manifest).toMatchObject({ articles: 103, tokens: 648_907, entities: 9182 });

      using dataset = await Dataset.open(join(folder, 'data'));
      const texts = readReference('articles');
      const theirs = new Map(readReference('dataset').map((row, i) => [row.title, { row, i }]));
      const counts: Record<string, number> = {};
      const count = (reason: string) => {
        counts[reason] = (counts[reason] ?? 0) + 1;
      };
      for (let i = 0; i < dataset.articleCount; i++) {
        const { title, text } = dataset.passage(i);
        const ours = await placeEntities(
          tokenizer,
          text,
          dataset
            .article(i)
            .entities.map((entity) => ({ ...entity, nameIds: [...entity.nameIds] })),
        );
        const { row, i: index } = theirs.get(title)!;
        const reference = texts[index]!;
        const expected = await placeEntities(
          tokenizer,
          reference.text,
          row.entity_start_positions.map((start, k) => ({
            start,
            end: row.entity_end_positions[k]!,
            nameIds: row.alternative_entity_input_ids[k]!,
          })),
        );
        const points = Array.from(reference.text);
        const links = new Map(
          reference.anchors
            .filter(({ start, end }) => points.slice(start, end).join('').trim() !== '')
            .map((link) => {
              const place = placeOf(points, link);
              return [key(place), { title: link.title, surface: place.surface }];
            }),
        );
        const mineToo = linesOf(text);
        const common = new Set([...linesOf(reference.text)].filter((line) => mineToo.has(line)));
        const left = new Map(ours.filter(({ line }) => common.has(line)).map((m) => [key(m), m]));
        for (const entity of expected) {
          if (!common.has(entity.line)) continue;
          const mine = left.get(key(entity));
          left.delete(key(entity));
          count(await compare(entity, mine, links.get(key(entity))?.title ?? ''));
        }
        for (const entity of left.values()) {
          count(await onlyOurs(entity, links.get(key(entity))));
        }
      }
      expect(counts).toEqual({
        same: 7426,
        // Parentheses inside an English name leave two spaces there.
        'double space': 629,
        // [[bus]]es: their link ends inside of a token, ours with the word.
        'link trail': 573,
        // Their list prefix lacks the space.
        'a name like "List ofthings"': 354,
        // They insert an empty pair for a name of which nothing is left.
        'empty name': 307,
        // [[wikt:…]] and the like are no articles of this wiki.
        'link to another site': 9,
        // ß stays as it is, there is no capital letter for it.
        'capital ß': 1,
        // Their reader takes no link from inside a tag that WikiExtractor leaves standing.
        'inside <onlyinclude>': 3,
        // In their table two titles, of which one has the name; decoded they are one.
        'named as 35&nbsp;mm film': 1,
      });

      async function compare(
        entity: PlacedEntity,
        mine: PlacedEntity | undefined,
        target: string,
      ): Promise<string> {
        if (entity.nameIds.length === 0) return mine ? 'a name of ours' : 'empty name';
        if (mine === undefined) {
          if (target === 'SS') return 'capital ß';
          return /^wikt/i.test(target) ? 'link to another site' : `missing: ${entity.surface}`;
        }
        if (mine.surface !== entity.surface) {
          const longer = mine.surface.startsWith(entity.surface);
          return longer ? 'link trail' : `${entity.surface}: ${mine.surface}`;
        }
        if (entity.nameIds.join() === mine.nameIds.join()) return 'same';
        const [theirName, name] = await Promise.all(
          [entity, mine].map(({ nameIds }) => tokenizer.decode(nameIds)),
        );
        return theirName!.replace(/ +/g, ' ') === name ? 'double space' : `name: ${name}`;
      }

      async function onlyOurs(
        { surface, nameIds }: PlacedEntity,
        link: { title: string; surface: string } | undefined,
      ): Promise<string> {
        const name = await tokenizer.decode(nameIds);
        if (/^List of\S/.test(name)) return 'a name like "List ofthings"';
        if (link === undefined) return 'inside <onlyinclude>';
        if (link.title === '35 mm film') return 'named as 35&nbsp;mm film';
        const longer = surface.length > link.surface.length && surface.startsWith(link.surface);
        return longer ? 'link trail' : `more: ${surface}`;
      }
    });
  },
);

/**
 * The same texts and links through this library and through the authors' code: the same token ids, the
 * same entity spans, the same names, but for the differences listed here, each with its reason and count.
 */
import { describe, expect, it } from 'vitest';
import { englishName, excludedNamespaces } from '../../lib/corpus/names/english-name.ts';
import type { EntitySpan } from '../../lib/leia/entity.ts';
import { ArticleTokenizer } from '../../lib/leia/tokenize-article.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { llama2Folder } from '../tokenizer/llama2.ts';
import { type ReferenceArticle, readEnglishTitles, readReference } from './reference.ts';

interface NamedLink {
  start: number;
  end: number;
  /** Title in English before anything is removed from it. */
  title: string;
}

describe.skipIf(llama2Folder === undefined)(
  'against the authors’ code (needs the LLaMA 2 tokenizer)',
  async () => {
    const titles = readEnglishTitles();
    const articles = readReference('articles');
    const expected = readReference('dataset');
    const results = await tokenize(articles);

    function namedLinks({ anchors }: ReferenceArticle): NamedLink[] {
      return anchors.flatMap(({ start, end, wikidata_id }) => {
        const title = wikidata_id === null ? undefined : titles.get(wikidata_id);
        return title === undefined ? [] : [{ start, end, title }];
      });
    }

    async function tokenize(articles: readonly ReferenceArticle[]) {
      if (llama2Folder === undefined) return [];
      const tokenizer = new ArticleTokenizer(await Tokenizer.load(llama2Folder));
      return await tokenizer.tokenize(
        articles.map((article) => ({
          text: article.text,
          spans: namedLinks(article).flatMap(({ start, end, title }): EntitySpan[] => {
            const name = englishName(title);
            return name === null ? [] : [{ start, end, name }];
          }),
        })),
      );
    }

    it('gives the same token ids for all 103 articles', () => {
      expect(results).toHaveLength(103);
      results.forEach(({ article }, i) => {
        expect([...article.inputIds]).toEqual(expected[i]!.input_ids);
      });
    });

    it('gives the same entities, but for the listed differences', async () => {
      const tokenizer = await Tokenizer.load(llama2Folder!);
      const counts = {
        same: 0,
        /** The original inserts "<translate></translate>" for a title that was all parentheses. */
        emptyName: 0,
        /** The original inserts the name at a link around nothing, where no token lies. */
        emptySpan: 0,
        /** The original leaves a double space where parentheses stood inside a title. */
        doubleSpace: 0,
        /** The original drops titles that only start with "List of", e.g. "List ofthings". */
        listOf: 0,
        unexplained: 0,
      };
      for (const [i, { article }] of results.entries()) {
        const theirs = expected[i]!;
        const ours = new Map(article.entities.map((entity) => [entity.start, entity]));
        for (const [k, start] of theirs.entity_start_positions.entries()) {
          const entity = ours.get(start);
          const theirName = theirs.alternative_entity_input_ids[k]!;
          ours.delete(start);
          if (theirName.length === 0) counts.emptyName += entity === undefined ? 1 : 0;
          else if (theirs.entity_end_positions[k] === start) counts.emptySpan += 1;
          else if (entity?.end !== theirs.entity_end_positions[k]) counts.unexplained += 1;
          else if (theirName.join() === entity?.nameIds.join()) counts.same += 1;
          else {
            const name = await tokenizer.decode(entity!.nameIds);
            const double = await tokenizer.decode(theirName);
            if (double.includes('  ') && double.replace(/ +/g, ' ') === name)
              counts.doubleSpace += 1;
            else counts.unexplained += 1;
          }
        }
        for (const { nameIds } of ours.values()) {
          const name = await tokenizer.decode(nameIds);
          if (/^List of\S/.test(name)) counts.listOf += 1;
          else counts.unexplained += 1;
        }
      }
      expect(counts).toEqual({
        same: 7643,
        emptyName: 314,
        emptySpan: 1,
        doubleSpace: 643,
        listOf: 334,
        unexplained: 0,
      });
      const total = counts.same + counts.emptyName + counts.emptySpan + counts.doubleSpace;
      expect(total).toBe(8601);
    });

    it('reports every span it could not use', () => {
      const reasons = new Map<string, number>();
      for (const { misaligned } of results) {
        for (const { reason } of misaligned) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
      expect(Object.fromEntries(reasons)).toEqual({
        end: 540,
        start: 2,
        'start and end': 1,
        empty: 1,
      });
      const kept = results.reduce((sum, { article }) => sum + article.entities.length, 0);
      const dropped = [...reasons.values()].reduce((sum, count) => sum + count, 0);
      const named = articles
        .flatMap(namedLinks)
        .filter(
          ({ title }) => !excludedNamespaces.has(title.split(':', 1)[0]!) || !title.includes(':'),
        )
        .filter(({ title }) => !title.startsWith('List of '))
        .filter(({ title }) => englishName(title) !== null);
      expect(kept + dropped).toBe(named.length);
    });
  },
);

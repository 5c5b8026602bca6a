/**
 * How a tokenised dataset lies on disk. A folder holds shards of three files each and, written last,
 * `manifest.json`; a folder without manifest is not finished.
 *
 * - `articles-00000.bin`, int32 little-endian, one record an article: number of tokens, number of entities,
 *   the token ids (BOS first), then (start, end, name length) of every entity, then all names' ids.
 * - `passages-00000.jsonl`: what the tokens were made of, one line an article: title, text, links (`anchors`),
 *   and as far as they are known id, revision, time and url of the page, for attribution.
 * - `index-00000.bin`, uint32 little-endian, one pair an article and one for the end: where its record
 *   begins (in int32s) and where its line begins (in bytes).
 *
 * Whoever makes a dataset may put files of his own beside these, such as a list of near-duplicates.
 */
import { z } from 'zod';

export const manifestFile = 'manifest.json';
export const progressFile = 'progress.json';
export const shardFiles = ['articles', 'passages', 'index'] as const;
export type ShardFile = (typeof shardFiles)[number];

export function shardFileName(file: ShardFile, shard: number): string {
  const extension = file === 'passages' ? 'jsonl' : 'bin';
  return `${file}-${String(shard).padStart(5, '0')}.${extension}`;
}

const count = z.int().nonnegative();
const offset = z.int().nonnegative();
const fileSchema = z.strictObject({ bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) });

export const shardSchema = z.strictObject({
  articles: z.int().positive(),
  tokens: count,
  entities: count,
  files: z.strictObject({ articles: fileSchema, passages: fileSchema, index: fileSchema }),
});
export type Shard = z.infer<typeof shardSchema>;

export const metaSchema = z.strictObject({
  /** Language code of the articles, e.g. "ja". */
  language: z.string(),
  /** The tokenizer the ids belong to: `Tokenizer.hash`, `vocabSize` and `bosId`. */
  tokenizer: z.strictObject({ hash: z.string(), vocabSize: z.int().positive(), bosId: count }),
  /** Where the articles come from and the options that decide what they become; free to the writer. */
  source: z.record(z.string(), z.json()),
});
/** What a dataset was made of. */
export type DatasetMeta = z.infer<typeof metaSchema>;
export type Json = z.infer<ReturnType<typeof z.json>>;

export const manifestSchema = z.strictObject({
  format: z.literal('leia-dataset'),
  version: z.literal(1),
  meta: metaSchema,
  articles: count,
  tokens: count,
  entities: count,
  /** What the writer wants to tell, e.g. how many links were left out, by reason. */
  report: z.record(z.string(), z.json()),
  shards: z.array(shardSchema),
});
/** What a dataset folder says of itself. */
export type Manifest = z.infer<typeof manifestSchema>;

export const progressSchema = z.strictObject({
  format: z.literal('leia-dataset-progress'),
  version: z.literal(1),
  meta: metaSchema,
  shards: z.array(shardSchema),
  cursor: z.json(),
});

export const passageSchema = z.strictObject({
  title: z.string(),
  id: z.int().optional(),
  revision: z.int().optional(),
  time: z.string().optional(),
  url: z.string().optional(),
  text: z.string(),
  anchors: z.array(
    z.strictObject({ start: offset, end: offset, target: z.string(), name: z.string().nullable() }),
  ),
});

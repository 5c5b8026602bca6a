// Settings of the commands that read dumps: which articles are taken.
import { z } from 'zod';
import type { FilterOptions } from '../corpus/dataset/article-filter.ts';
import { LeiaError } from '../system/error.ts';

const length = z.int().positive().optional();

export const filterSettings = {
  only: z
    .string()
    .optional()
    .describe('only the articles of these titles: a file with a title a line'),
  minLength: length.describe('leave out articles with fewer characters of text'),
  maxLength: length.describe('leave out articles with more characters of text'),
  disambiguation: z
    .enum(['keep', 'drop'])
    .optional()
    .describe(
      "disambiguation pages: keep them, or drop those that call a template of the wiki's for them (default: keep)",
    ),
  pageProps: z
    .string()
    .optional()
    .describe(
      "with --disambiguation drop: the wiki's own table page_props.sql, which knows these pages",
    ),
  sample: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('take this share of the articles, at random: 0.01'),
  seed: z
    .int()
    .nonnegative()
    .optional()
    .describe('decides which articles the sample has (default: 0)'),
  limit: z
    .int()
    .positive()
    .optional()
    .describe('at most so many articles, the first of those that are not left out'),
};

type FilterSettings = z.output<z.ZodObject<typeof filterSettings>>;

/** @throws LeiaError `usage` for a seed without a sample. */
export function filterOf({ sample, seed, ...settings }: FilterSettings): FilterOptions {
  const { only, minLength, maxLength, disambiguation, pageProps, limit } = settings;
  if (seed !== undefined && sample === undefined) {
    throw new LeiaError(
      'usage',
      '--seed decides which articles a sample has, so it needs --sample',
    );
  }
  return {
    ...{ only, minLength, maxLength, disambiguation, pageProps, limit },
    sample: sample === undefined ? undefined : { share: sample, seed: seed ?? 0 },
  };
}

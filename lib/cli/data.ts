import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { describeLeftOut, type LeftOut } from '../corpus/dataset/article-filter.ts';
import { Dataset } from '../leia/dataset.ts';
import type { DatasetMeta, Manifest } from '../leia/dataset-format.ts';
import type { Passage } from '../leia/dataset-records.ts';
import { RandomStream } from '../leia/random.ts';
import { LeiaError } from '../system/error.ts';
import { contains, formatPassage } from './passage-text.ts';

const dumpSchema = z.object({ file: z.string(), date: z.string().optional(), sha256: z.string() });

interface ShowOptions {
  data: string;
  jsonl?: boolean;
  article?: string;
  search?: string;
  random?: boolean;
  seed: number;
  limit?: number;
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError('Expected a whole number of at least 1.');
  }
  return value;
}

function parseSeed(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('Expected a whole number of at least 0.');
  }
  return value;
}

export function registerData(program: Command): void {
  const data = program
    .command('data')
    .summary('look at a dataset')
    .description('Look at a dataset made by leia prepare.');
  data
    .command('show')
    .description('Show articles with their links and English names.')
    .requiredOption('--data <folder>', 'dataset made by leia prepare')
    .option(
      '--jsonl',
      'one article per line as JSON: title, id, revision, time, url, text, anchors, inputIds, entities',
    )
    .option('--article <title>', 'only the article of this title')
    .option('--search <word>', 'only articles with this word, and only their paragraphs with it')
    .option('--random', 'in random order; three articles unless --limit says otherwise')
    .option('--seed <number>', 'decides the random order', parseSeed, 0)
    .option('--limit <number>', 'at most so many articles', parseCount)
    .addHelpText(
      'after',
      `
Examples:
  leia data show --data data/ja --article 東京都
  leia data show --data data/ja --search 東京 --limit 3
  leia data show --data data/ja --random --seed 7`,
    )
    .action(show);
  data
    .command('stats')
    .description('Print how many articles, tokens, links and entities a dataset has.')
    .requiredOption('--data <folder>', 'dataset made by leia prepare')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  leia data stats --data data/ja')
    .action(async (options: { data: string; json?: boolean }) => {
      using dataset = await Dataset.open(options.data);
      console.log(
        options.json
          ? JSON.stringify(dataset.manifest, undefined, 2)
          : formatStatistics(dataset.manifest),
      );
    });
}

async function show(options: ShowOptions): Promise<void> {
  const { search, random, limit = random ? 3 : Number.POSITIVE_INFINITY } = options;
  using dataset = await Dataset.open(options.data);
  const { articleCount } = dataset;
  const order = random ? RandomStream.of(options.seed).permutation(articleCount) : undefined;
  let shown = 0;
  for (let i = 0; i < articleCount && shown < limit; i++) {
    const index = order?.[i] ?? i;
    const passage = dataset.passage(index);
    if (!matches(passage, options)) continue;
    shown++;
    await write(options.jsonl ? jsonLine(dataset, index, passage) : formatPassage(passage, search));
  }
  if (shown === 0) throw new LeiaError('usage', `${options.data}: no such article`);
}

function matches({ title, text }: Passage, { article, search }: ShowOptions): boolean {
  return (
    (article === undefined || title === article) && (search === undefined || contains(text, search))
  );
}

function jsonLine(dataset: Dataset, index: number, passage: Passage): string {
  const { inputIds, entities } = dataset.article(index);
  return JSON.stringify({
    ...passage,
    inputIds: [...inputIds],
    entities: entities.map(({ start, end, nameIds }) => ({ start, end, nameIds: [...nameIds] })),
  });
}

/** Waits until the reader has taken the line, as all articles together can be larger than memory. */
async function write(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) {
    await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}

/** The figures of a dataset, as the original prints them. */
export function formatStatistics(manifest: Manifest): string {
  const rows = statisticsOf(manifest);
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n');
}

/** The same as rows of label and value. */
export function statisticsOf(manifest: Manifest): [string, string][] {
  const { articles, tokens, entities, report, meta } = manifest;
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  const anchors = number(report.anchors);
  const linked = number(report.linked);
  const share = (part: number, whole: number) =>
    whole > 0 ? ` (${((100 * part) / whole).toFixed(1)} %)` : '';
  const ratio = (part: number, whole: number) => (part / Math.max(1, whole)).toFixed(1);
  // Text that came with its spans has neither redirects nor pages to leave out.
  const fromDump = report.redirects !== undefined;
  const redirects: [string, string][] = fromDump
    ? [['redirects', String(number(report.redirects))]]
    : [];
  const fromTemplates: [string, string][] = fromDump
    ? [['their English page named by a template', String(number(report.fromTemplates))]]
    : [];
  const filtered: [string, string][] = fromDump
    ? [['not entities (lists, categories …)', String(number(report.filtered))]]
    : [];
  const misaligned = Object.entries((report.misaligned ?? {}) as Record<string, number>);
  return [
    ...dumpsOf(meta.source),
    ...(typeof report.newestRevision === 'string'
      ? [['newest revision in it', report.newestRevision] as [string, string]]
      : []),
    ['articles', `${articles}, ${number(report.withoutLinks)} more without text or links left out`],
    ...leftOutOf(report),
    ...redirects,
    [fromDump ? 'links' : 'spans', String(anchors)],
    [fromDump ? 'with an English page' : 'with a name', `${linked}${share(linked, anchors)}`],
    ...fromTemplates,
    ...filtered,
    [
      'not on token boundaries',
      `${misaligned.reduce((sum, [, value]) => sum + value, 0)}${misaligned.map(([reason, value]) => `, ${reason}: ${value}`).join('')}`,
    ],
    ['entities', `${entities}${share(entities, anchors)}, ${ratio(entities, articles)} an article`],
    [
      'tokens',
      `${tokens}, ${ratio(tokens, articles)} an article, ${ratio(tokens, entities)} an entity`,
    ],
  ];
}

/** What filters left out, and how many articles nearly repeat another, where that was asked. */
function leftOutOf({ leftOut, nearDuplicates }: Manifest['report']): [string, string][] {
  const text = describeLeftOut((leftOut ?? {}) as LeftOut);
  return [
    ...(text === '' ? [] : [['filtered out', text] as [string, string]]),
    ...(nearDuplicates === undefined
      ? []
      : [['near-duplicates of an earlier one', String(nearDuplicates)] as [string, string]]),
  ];
}

/** The dumps that a dataset was made of. Old ones vanish from Wikimedia's servers: name, date and checksum remain. */
function dumpsOf({ dump, dumps = dump ? [dump] : [] }: DatasetMeta['source']): [string, string][] {
  const files = z.array(dumpSchema).safeParse(dumps);
  return (files.data ?? []).map(({ file, date, sha256 }) => [
    'dump',
    [file, ...(date ? [`of ${date}`] : []), `sha256 ${sha256}`].join(', '),
  ]);
}

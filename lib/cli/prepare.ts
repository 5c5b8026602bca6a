import type { Command } from 'commander';
import { z } from 'zod';
import { prepareText } from '../corpus/dataset/annotated-text.ts';
import type { PrepareStage } from '../corpus/dataset/make-dataset.ts';
import { prepare, preparedReading } from '../corpus/dataset/prepare.ts';
import { dumpFiles } from '../corpus/dump/dump-files.ts';
import type { NameSource } from '../corpus/names/name-source.ts';
import { readingOf } from '../corpus/wikitext/extract.ts';
import { LeiaError } from '../system/error.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { formatStatistics } from './data.ts';
import { filterOf, filterSettings } from './filter-settings.ts';
import { interruptible } from './interrupt.ts';
import { addSettings, readSettings } from './options.ts';
import { warn } from './progress.ts';
import { quoted } from './quoted.ts';
import { dumpSetting, readingSettings } from './reading-settings.ts';
import { StageProgress } from './stage-progress.ts';

const schema = z.strictObject({
  dump: dumpSetting.optional(),
  text: z
    .string()
    .optional()
    .describe('instead of a dump, text with entity spans: JSON Lines, .bz2, .gz, .zst or plain'),
  language: z.string().describe("the edition's code, as in its domain name: ja, el, zh"),
  wikidata: z
    .string()
    .optional()
    .describe('English names from Wikidata: all.json, .bz2, .gz or .zst'),
  langlinks: z
    .string()
    .optional()
    .describe("English names from the wiki's own langlinks.sql, .gz, .zst or plain"),
  itemsPerSite: z
    .string()
    .optional()
    .describe("English names from Wikidata's table wb_items_per_site.sql, .gz, .zst or plain"),
  titles: z.string().optional().describe('English names from a table: title, tab, name'),
  tokenizer: z.string().describe('folder with tokenizer.json, usually that of the model'),
  output: z.string().describe('where the dataset goes'),
  ...readingSettings(preparedReading),
  ...filterSettings,
  nearDuplicates: z
    .enum(['keep', 'report', 'drop'])
    .default('keep')
    .describe(
      'articles of which 80 % is in an earlier one: keep, list and count, or list and drop them (the list: near-duplicates.jsonl in the output; 500 bytes of memory an article)',
    ),
  shardSize: z
    .number()
    .positive()
    .max(1024)
    .default(128)
    .describe("MiB of each of the dataset's files; an interruption loses at most the work on one"),
  workers: z
    .int()
    .positive()
    .max(1024)
    .optional()
    .describe(
      'threads that read the input; the result does not depend on it (default: one per core)',
    ),
});
type Settings = z.output<typeof schema>;

const example = `
Example, with files from https://dumps.wikimedia.org/jawiki/latest/:
  leia prepare --dump jawiki-latest-pages-articles.xml.bz2 --language ja \\
    --langlinks jawiki-latest-langlinks.sql.gz --tokenizer Llama-2-7b-hf --output data/ja

With --text, each line is an object with "text" and "spans", offsets in code points, and a "title" if you like:
  {"text": "東京は日本の首都", "spans": [{"start": 3, "end": 5, "name": "Japan"}]}`;

export const prepareStages: Readonly<Record<PrepareStage, string>> = {
  checksums: 'reading the checksums of the input',
  titles: 'pages read for titles and redirects',
  templates: 'templates of disambiguation pages found',
  names: 'entries read for English names',
  articles: 'articles tokenised',
};

export function registerPrepare(program: Command): void {
  const command = program
    .command('prepare')
    .summary('make a dataset of a Wikipedia dump or of annotated text')
    .description(
      'Make a dataset of a Wikipedia dump: the text of its articles, their links with English names, and their tokens. Or of text that has entities marked already. After an interruption, run the same command again to resume.',
    );
  addSettings(command, schema).addHelpText('after', example);
  command.action(async () => {
    await run(readSettings(command, schema));
  });
}

async function run(settings: Settings): Promise<void> {
  const { language, output, shardSize, workers } = settings;
  const input = inputOf(settings);
  const filter = filterOf(settings);
  const { disambiguation, pageProps } = settings;
  if ('text' in input && (disambiguation ?? pageProps) !== undefined) {
    throw new LeiaError(
      'usage',
      'only pages of a wiki are disambiguation pages: --disambiguation and --page-props need --dump, which says what these are; leave them out with --text, and choose by --only, --min-length, --max-length, --sample and --limit',
    );
  }
  if ('dump' in input) input.dump = await dumpFiles(input.dump);
  const tokenizer = await Tokenizer.load(settings.tokenizer);
  const progress = new StageProgress(prepareStages);
  const { manifest, made } = await interruptible((signal) => {
    const common = {
      ...{ language, tokenizer, output, signal },
      ...(workers ? { workers } : {}),
      shardBytes: shardSize * 2 ** 20,
      nearDuplicates: settings.nearDuplicates,
      onProgress: progress.update,
      onWarning: warn,
    };
    const work =
      'text' in input
        ? prepareText({ ...common, ...input, ...filter })
        : prepare({ ...common, ...input, ...readingOf(settings), ...filter });
    return work.finally(() => progress.done());
  });
  if (!made) console.log(`${output} already holds this dataset; nothing was done.`);
  console.log(formatStatistics(manifest));
  console.log(
    `\nNext: leia preview --data ${quoted(output)} --tokenizer ${quoted(settings.tokenizer)}`,
  );
}

/** A dump with one source of names, or text that has its names. */
function inputOf(options: Settings): { dump: string[]; names: NameSource } | { text: string } {
  const { dump, text } = options;
  const kinds = ['langlinks', 'itemsPerSite', 'wikidata', 'titles'] as const;
  const given = kinds.filter((kind) => options[kind] !== undefined);
  const [kind] = given;
  if ((dump === undefined) === (text === undefined)) {
    throw new LeiaError(
      'usage',
      `expected either --dump or --text, got ${dump === undefined ? 'neither' : 'both'}`,
    );
  }
  if (text !== undefined) {
    if (kind === undefined) return { text };
    throw new LeiaError(
      'usage',
      'the spans of --text have their names already: leave out the table of names',
    );
  }
  if (given.length !== 1 || kind === undefined) {
    throw new LeiaError(
      'usage',
      `English names come from one of --langlinks, --items-per-site, --wikidata and --titles; ${given.length === 0 ? 'none' : given.length} given`,
    );
  }
  return { dump: dump!, names: { kind, path: options[kind]! } };
}

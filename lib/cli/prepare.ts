import { type Command, Option } from 'commander';
import { LeiaError } from '../core/error.ts';
import type { NameSource } from '../corpus/names/name-source.ts';
import { type PrepareStage, prepare } from '../corpus/prepare.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { formatStatistics } from './data.ts';
import { interruptible } from './interrupt.ts';
import { parseNumber } from './options.ts';
import { formatDuration, Progress } from './progress.ts';

interface Options {
  dump: string;
  language: string;
  wikidata?: string;
  langlinks?: string;
  titles?: string;
  tokenizer: string;
  output: string;
  lists: 'keep' | 'drop';
  shardSize: number;
}

const stages: Readonly<Record<PrepareStage, string>> = {
  checksums: 'reading the checksums of the input',
  titles: 'pages read for titles and redirects',
  names: 'entries read for English names',
  articles: 'articles tokenised',
};

export function registerPrepare(program: Command): void {
  program
    .command('prepare')
    .summary('make a dataset of a Wikipedia dump')
    .description(
      'Make a dataset of a Wikipedia dump: the text of its articles, their links with English names, and their tokens. Interrupted, the same command goes on where it stopped.',
    )
    .requiredOption(
      '--dump <file>',
      'MediaWiki pages-articles XML: .bz2 (also multistream), .gz or plain',
    )
    .requiredOption('--language <code>', "the edition's code, as in its domain name: ja, el, zh")
    .option('--wikidata <file>', 'English names from Wikidata: all.json, .bz2 or .gz')
    .option('--langlinks <file>', "English names from the wiki's own langlinks.sql, .gz or plain")
    .option('--titles <file>', 'English names from a table: title, tab, name')
    .requiredOption('--tokenizer <folder>', 'folder with tokenizer.json, usually that of the model')
    .requiredOption('--output <folder>', 'where the dataset goes')
    .addOption(
      new Option(
        '--lists <choice>',
        "items of lists: text like any, or left out as the paper's were",
      )
        .choices(['keep', 'drop'])
        .default('keep'),
    )
    .option(
      '--shard-size <MiB>',
      "size of the dataset's files; what at most is done again after an interruption",
      parseShardSize,
      128,
    )
    .addHelpText(
      'after',
      `
Example, with files from https://dumps.wikimedia.org/jawiki/latest/:
  leia prepare --dump jawiki-latest-pages-articles.xml.bz2 --language ja \\
    --langlinks jawiki-latest-langlinks.sql.gz --tokenizer Llama-2-7b-hf --output data/ja`,
    )
    .action(async (options: Options) => {
      const names = nameSource(options);
      const tokenizer = await Tokenizer.load(options.tokenizer);
      const progress = new StageProgress();
      const manifest = await interruptible((signal) =>
        prepare({
          dump: options.dump,
          language: options.language,
          names,
          tokenizer,
          output: options.output,
          lists: options.lists,
          shardBytes: options.shardSize * 2 ** 20,
          signal,
          onProgress: progress.update,
          onWarning: (message) => console.error(`warning: ${message}`),
        }).finally(() => progress.done()),
      );
      console.log(formatStatistics(manifest));
      console.log(`\nNext: leia preview --data ${options.output} --tokenizer ${options.tokenizer}`);
    });
}

function parseShardSize(text: string): number {
  const size = parseNumber('--shard-size', text);
  if (size > 0 && size <= 1024) return size;
  throw new LeiaError('usage', `--shard-size: expected up to 1024 MiB, got ${text}`);
}

function nameSource(options: Options): NameSource {
  const kinds = ['wikidata', 'langlinks', 'titles'] as const;
  const given = kinds.filter((kind) => options[kind] !== undefined);
  const [kind] = given;
  if (given.length !== 1 || kind === undefined) {
    throw new LeiaError(
      'usage',
      `English names come from one of --wikidata, --langlinks and --titles; ${given.length === 0 ? 'none' : given.length} given`,
    );
  }
  return { kind, path: options[kind]! };
}

/** A line of progress per stage, with the rate and, where the total is known, the time left. */
export class StageProgress {
  readonly #line = new Progress();
  #stage: PrepareStage | undefined;
  #began = 0;
  #first = 0;

  readonly update = (stage: PrepareStage, done: number, total?: number): void => {
    if (stage !== this.#stage) {
      this.#line.done();
      this.#stage = stage;
      this.#began = performance.now();
      this.#first = done;
    }
    const rate = (done - this.#first) / ((performance.now() - this.#began) / 1000);
    const count = total === undefined ? String(done) : `${done}/${total}`;
    const speed = rate > 0 && Number.isFinite(rate) ? `, ${Math.round(rate)}/s` : '';
    const left =
      total !== undefined && rate > 0 ? `, ${formatDuration((total - done) / rate)} left` : '';
    this.#line.update(done === 0 ? stages[stage] : `${count} ${stages[stage]}${speed}${left}`);
  };

  done(): void {
    this.#line.done();
  }
}

import type { Command } from 'commander';
import { z } from 'zod';
import { addLeftOut, describeLeftOut, type LeftOut } from '../corpus/dataset/article-filter.ts';
import { extractText } from '../corpus/dataset/extract-text.ts';
import { dumpFiles } from '../corpus/dump/dump-files.ts';
import { defaultReading, keepable, readingOf } from '../corpus/wikitext/extract.ts';
import { LeiaError } from '../system/error.ts';
import { isStandardOutput, writeOutput } from '../system/output.ts';
import { writeShards } from '../system/shards.ts';
import { filterOf, filterSettings } from './filter-settings.ts';
import { interruptible } from './interrupt.ts';
import { addSettings, readSettings } from './options.ts';
import { formatBytes, warn } from './progress.ts';
import { dumpSetting, readingSettings } from './reading-settings.ts';
import { parseSize } from './sizes.ts';
import { StageProgress } from './stage-progress.ts';

const schema = z.strictObject({
  dump: dumpSetting,
  output: z
    .string()
    .describe(
      'the JSON Lines file, .gz, .zst or plain; it appears only when it is complete. A device or pipe is written to, - is standard output',
    ),
  shardSize: z
    .string()
    .optional()
    .describe(
      'write several files, each of at most so much text before it is packed: 100MB; el.jsonl.gz becomes el-00000-of-00012.jsonl.gz and so on',
    ),
  ...readingSettings(defaultReading),
  keep: z
    .array(z.enum(keepable))
    .optional()
    .describe(
      'keep more than running text: headings as ## Title, captions of images, a line each, tables, a line for each row with tabs between the cells, formulas as $LaTeX$',
    ),
  ...filterSettings,
  workers: z
    .int()
    .positive()
    .max(1024)
    .optional()
    .describe(
      'threads that read the dump; the result does not depend on it (default: one per core)',
    ),
});

const example = `
Each line is an article that has text, {"title": …, "id": …, "revision": …, "time": …, "url": …, "text": …, "anchors":
[{"start": …, "end": …, "target": …, "english": …}, …]}. Number, version, its time and address are those of the page, for
attribution; offsets count code points; the target is the title that the link names. "english" is the title in the English
edition if a template says it, or else ""; --links wiki and --templates drop leave it out.
--keep headings marks headings, with a # for each level: ## Title. They stand even without text under them. Captions of images
that show theirs stand behind the paragraph that the image is in. Cells of tables may be empty; a table in a cell is text of it.

Example:
  leia extract --dump elwiki-latest-pages-articles.xml.bz2 --output el.jsonl
  leia extract --dump 'enwiki-*-pages-articles*.xml-p*.bz2' --output en.jsonl.gz
  curl https://…/elwiki-latest-pages-articles.xml.bz2 | leia extract --dump - --output - | head`;

export function registerExtract(program: Command): void {
  const command = program
    .command('extract')
    .summary("write a dump's articles as plain text with their links")
    .description(
      'Write the articles of a Wikipedia dump as plain text with their links, for uses of your own. Training does not need this: leia prepare reads the dump itself.',
    );
  addSettings(command, schema).addHelpText('after', example);
  command.action(async () => {
    await run(readSettings(command, schema));
  });
}

async function run({
  output,
  workers,
  shardSize,
  ...settings
}: z.output<typeof schema>): Promise<void> {
  const shardBytes = shardSize === undefined ? undefined : shardBytesOf(shardSize);
  const filter = filterOf(settings);
  const input = {
    ...readingOf(settings),
    keep: settings.keep,
    dump: await dumpFiles(settings.dump),
  };
  const progress = new StageProgress({ text: 'articles' });
  let [articles, bytes] = [0, 0];
  const leftOut: LeftOut = {};
  let shards: string[] | undefined;
  await interruptible(async (signal) => {
    const pieces = extractText({
      ...input,
      ...filter,
      ...(workers ? { workers } : {}),
      signal,
      onProgress: (done, of) => progress.update('text', done, undefined, of),
      onWarning: warn,
    });
    const lines = async function* () {
      for await (const piece of pieces) {
        yield piece.lines;
        articles += piece.articles;
        addLeftOut(leftOut, piece.leftOut);
        bytes += piece.lines.length;
      }
    };
    const inputs = [...input.dump, filter.only ?? [], filter.pageProps ?? []].flat();
    const options = { inputs, onWarning: warn };
    try {
      if (shardBytes === undefined) await writeOutput(output, lines(), options);
      else shards = await writeShards(output, lines(), { ...options, shardBytes });
    } finally {
      progress.done();
    }
  });
  const without = describeLeftOut(leftOut);
  const summary = `${articles} articles, ${formatBytes(bytes)}${without && ` (left out: ${without})`}`;
  if (shards !== undefined) console.log(`${summary}: ${shards[0]}, ${shards.length} in all`);
  else if (await isStandardOutput(output)) console.error(summary);
  else console.log(`${summary}: ${output}`);
}

function shardBytesOf(size: string): number {
  const bytes = parseSize(size);
  if (bytes !== undefined) return bytes;
  throw new LeiaError(
    'usage',
    `--shard-size: expected a size such as 100MB or 1GiB, got '${size}'`,
  );
}

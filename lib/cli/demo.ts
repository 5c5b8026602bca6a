// `leia demo`: all of LEIA on a small sample, from dump to adapted checkpoint. It calls the same functions as the other
// commands, and each part that is finished is kept, so an interrupted demo can be resumed.
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { packageRoot } from '../core/addon.ts';
import { prepare } from '../corpus/dataset/prepare.ts';
import { demoSettings, writeStart } from '../demo/model.ts';
import { choosePassages } from '../demo/passages.ts';
import { type DemoReading, finalLoss, readResult } from '../demo/reading.ts';
import { type DemoSource, writeResults } from '../demo/results.ts';
import { trainAndMeasure } from '../demo/training.ts';
import { heldOutArticles } from '../evaluate/held-out-loss.ts';
import { splitHeldOut } from '../evaluate/held-out-split.ts';
import { Dataset } from '../leia/dataset.ts';
import type { PassagePreview } from '../leia/preview.ts';
import type { DemoRun } from '../report/demo-page.ts';
import { LeiaError } from '../system/error.ts';
import { removeTemporaries } from '../system/files.ts';
import { lockFolder } from '../system/lock.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { TrainSettings } from '../train/settings.ts';
import { formatStatistics, statisticsOf } from './data.ts';
import { interruptible } from './interrupt.ts';
import { addSettings, readSettings } from './options.ts';
import { formatPieces } from './passages.ts';
import { prepareStages } from './prepare.ts';
import { formatDuration, warn } from './progress.ts';
import { quoted } from './quoted.ts';
import { StageProgress } from './stage-progress.ts';
import { style } from './style.ts';
import { TrainProgress } from './train.ts';

const sample = join(packageRoot, 'examples', 'demo');

const schema = z.strictObject({
  output: z.string().default('demo-output').describe('where everything goes'),
  steps: z.int().min(8).default(400).describe('optimiser steps of each of the two runs'),
  seed: z.int().min(0).default(1).describe('decides start, order, names and held-out articles'),
  dump: z
    .string()
    .optional()
    .describe('a dump to use instead of the sample; needs --language and --titles'),
  language: z.string().optional().describe("the edition's code: ja, el, zh"),
  titles: z.string().optional().describe('English names: a table of title, tab, name'),
  tokenizer: z
    .string()
    .optional()
    .describe("folder with tokenizer.json, instead of the sample's for Japanese and English"),
});
type Settings = z.output<typeof schema>;

/**
 * How many articles are held out: six of the sample's 94, and no more of a larger dump, as each is evaluated many
 * times.
 */
const heldOutArticleCount = 6;
const heldOutShare = 0.06;

export function registerDemo(program: Command): void {
  const command = program
    .command('demo')
    .summary('run all of LEIA on a small sample')
    .description(
      'Run LEIA on a sample of the Japanese Wikipedia, from dump to adapted checkpoint, in a few minutes and\nwithout network. After an interruption, run the same command again to resume.',
    );
  addSettings(command, schema).addHelpText('after', '\nExample:\n  leia demo --output demo-output');
  command.action(async () => {
    const settings = readSettings(command, schema);
    await interruptible((signal) => runDemo(settings, signal));
  });
}

async function runDemo(settings: Settings, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const { output, seed, steps } = settings;
  const source = openSource(settings);
  const tokenizer = await Tokenizer.load(settings.tokenizer ?? join(sample, 'tokenizer'));
  await using _ = await lockFolder(output, { onWarning: warn });
  await removeTemporaries(output, () => true);

  heading(1, `Reading ${source.dump}`);
  console.log(`English names: ${source.names}`);
  const data = join(output, 'data');
  await prepareData(source, tokenizer, data, signal);
  using dataset = await Dataset.open(data);
  console.log(formatStatistics(dataset.manifest));

  const titles = Array.from({ length: dataset.articleCount }, (_, i) => dataset.passage(i).title);
  const split = splitHeldOut(titles, {
    fraction: Math.min(heldOutShare, heldOutArticleCount / titles.length),
    seed,
  });
  const leiaSettings = demoSettings('right', { steps, seed });

  heading(2, 'Inserting English names: strategy right, p_skip 0.5');
  const passages = await choosePassages(dataset, split.training, tokenizer, leiaSettings);
  for (const { title, before, after } of passages) {
    console.log(`${style.bold(title)}\n  before  ${formatPieces(before)}`);
    console.log(`  after   ${formatPieces(after)}\n`);
  }

  const start = join(output, 'start');
  const parameters = await writeStart(start, tokenizer, seed);
  const heldOut = heldOutArticles(dataset, split.heldOut);
  const common = { start, dataset, articles: split.training, heldOut, signal };
  const runOf = (name: string, folder: string, runSettings: TrainSettings) =>
    trainAndMeasure({
      ...common,
      name,
      output: join(output, folder),
      settings: runSettings,
      progress: new TrainProgress(runSettings),
    });
  heading(3, `Training a small LLaMA on plain text, ${steps} steps`);
  const plain = await runOf('plain text', 'plain', demoSettings('none', { steps, seed }));
  heading(4, `Training it again from the same start, with LEIA, ${steps} steps`);
  const leia = await runOf('LEIA (right, p_skip 0.5)', 'leia', leiaSettings);
  const runs = [plain, leia] as const;

  heading(5, 'Writing the report');
  const reading = readResult(dataset.manifest, runs, parameters);
  await writeResults({
    ...{ output, passages, runs, reading, parameters, source },
    manifest: dataset.manifest,
    statistics: statisticsOf(dataset.manifest),
    settings: leiaSettings,
    heldOutTitles: split.heldOut.map((index) => titles[index]!),
  });
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${summary(settings, runs, reading, passages)}\n\n${formatDuration(seconds)} in all.`,
  );
}

/** The sample, or another dump if all three of its options are given. */
function openSource({ dump, language, titles }: Settings): DemoSource {
  if (dump !== undefined && language !== undefined && titles !== undefined) {
    return { dump, language, titles, names: basename(titles) };
  }
  if (dump !== undefined || language !== undefined || titles !== undefined) {
    throw new LeiaError('usage', 'another dump needs all of --dump, --language and --titles');
  }
  return {
    dump: join(sample, 'jawiki-sample-pages-articles-multistream.xml.bz2'),
    language: 'ja',
    titles: join(sample, 'titles.tsv'),
    names: 'titles.tsv, a table made by hand for this demo (not from Wikidata)',
  };
}

async function prepareData(
  { dump, language, titles }: DemoSource,
  tokenizer: Tokenizer,
  output: string,
  signal: AbortSignal,
): Promise<void> {
  const progress = new StageProgress(prepareStages);
  const names = { kind: 'titles', path: titles } as const;
  await prepare({
    ...{ dump, language, names, tokenizer, output, signal },
    onProgress: progress.update,
    onWarning: warn,
  }).finally(() => progress.done());
}

function heading(number: number, text: string): void {
  console.log(style.bold(`\n${number}/5 ${text}`));
}

function summary(
  { output }: Settings,
  runs: readonly [DemoRun, DemoRun],
  { shows, showsNot, difference }: DemoReading,
  passages: readonly PassagePreview[],
): string {
  const numbers = runs.map(
    (run) =>
      `  ${run.name.padEnd(26)} ${finalLoss(run).toFixed(3)} nats per token, ${(run.heldOut.at(-1)?.bitsPerCharacter ?? Number.NaN).toFixed(3)} bits per character`,
  );
  const prompt = passages[0]?.before.find(({ kind }) => kind === 'entity')?.text ?? '1';
  const leia = basename(process.argv[1] ?? '') === 'main.ts' ? 'npm run leia --' : 'npx leia';
  return `
${style.bold('Loss on held-out articles')}
${numbers.join('\n')}

${style.bold('What this shows')}
${wrap(shows)}

${style.bold('What it does not')}
${wrap(showsNot)}
${wrap(difference)}

${style.bold('Where it is')}
  ${resolve(output, 'report.html')}   curves, passages, numbers: open it in a browser
  ${join(output, 'plain')}, ${join(output, 'leia')}   the two models, Hugging Face folders, with metrics.jsonl
  ${join(output, 'summary.json')}   the numbers

${style.bold('Try next')}
  ${leia} preview --data ${quoted(join(output, 'data'))} --tokenizer ${quoted(join(output, 'start'))} --strategy left
  ${leia} generate --model ${quoted(join(output, 'leia'))} --max-new-tokens 40 --prompt ${quoted(prompt)}`;
}

/** Lines of at most 100 characters, indented. */
function wrap(text: string): string {
  return text.replaceAll(/(.{1,98})(?: |$)/g, '  $1\n').trimEnd();
}

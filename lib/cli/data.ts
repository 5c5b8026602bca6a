import { type Command, InvalidArgumentError } from 'commander';
import { LeiaError } from '../core/error.ts';
import { Dataset } from '../leia/dataset.ts';
import type { Manifest, Passage } from '../leia/dataset-format.ts';
import { style } from './style.ts';

interface ShowOptions {
  data: string;
  jsonl?: boolean;
  article?: string;
  search?: string;
  limit?: number;
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError('Expected a whole number of at least 1.');
  }
  return value;
}

export function registerData(program: Command): void {
  const data = program.command('data').description('Look at a dataset made by leia prepare.');
  data
    .command('show')
    .description('Show articles with their links and English names.')
    .requiredOption('--data <folder>', 'dataset made by leia prepare')
    .option('--jsonl', 'one article a line as JSON: title, text, anchors, inputIds, entities')
    .option('--article <title>', 'only the article of this title')
    .option('--search <word>', 'only articles whose text has this word')
    .option('--limit <number>', 'at most so many articles', parseCount)
    .addHelpText('after', '\nExample:\n  leia data show --data data/ja --search 東京 --limit 3')
    .action(async (options: ShowOptions) => {
      using dataset = await Dataset.open(options.data);
      let shown = 0;
      for (let i = 0; i < dataset.articleCount && shown < (options.limit ?? Infinity); i++) {
        const passage = dataset.passage(i);
        if (!matches(passage, options)) continue;
        shown++;
        await write(options.jsonl ? jsonLine(dataset, i, passage) : readable(passage));
      }
      if (shown === 0) throw new LeiaError('usage', `${options.data}: no such article`);
    });
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

function matches({ title, text }: Passage, { article, search }: ShowOptions): boolean {
  return (
    (article === undefined || title === article) && (search === undefined || text.includes(search))
  );
}

function jsonLine(dataset: Dataset, index: number, { title, text, anchors }: Passage): string {
  const { inputIds, entities } = dataset.article(index);
  return JSON.stringify({
    title,
    text,
    anchors,
    inputIds: [...inputIds],
    entities: entities.map(({ start, end, nameIds }) => ({ start, end, nameIds: [...nameIds] })),
  });
}

/** Title and text; linked words underlined, with their English names behind them. */
function readable({ title, text, anchors }: Passage): string {
  const points = Array.from(text);
  let body = '';
  let from = 0;
  for (const { start, end, name } of anchors) {
    body += points.slice(from, start).join('');
    body += style.underline(points.slice(start, end).join(''));
    if (name !== null) body += style.green(` [${name}]`);
    from = end;
  }
  return `${style.bold(title)}\n${body}${points.slice(from).join('')}\n`;
}

/** Waits until the reader has taken the line: an article list can be larger than memory. */
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
export function statisticsOf({ articles, tokens, entities, report }: Manifest): [string, string][] {
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  const anchors = number(report.anchors);
  const linked = number(report.linked);
  const share = (part: number, whole: number) =>
    whole > 0 ? ` (${((100 * part) / whole).toFixed(1)} %)` : '';
  const misaligned = Object.entries((report.misaligned ?? {}) as Record<string, number>);
  return [
    ['articles', `${articles}, ${number(report.withoutLinks)} more without text or links left out`],
    ['redirects', String(number(report.redirects))],
    ['links', String(anchors)],
    ['with an English page', `${linked}${share(linked, anchors)}`],
    ['not entities (lists, categories …)', String(number(report.filtered))],
    [
      'not on token boundaries',
      `${misaligned.reduce((sum, [, value]) => sum + value, 0)}${misaligned.map(([reason, value]) => `, ${reason}: ${value}`).join('')}`,
    ],
    ['entities', `${entities}${share(entities, anchors)}`],
    ['tokens', `${tokens}, ${(tokens / Math.max(1, articles)).toFixed(0)} an article`],
  ];
}

// `leia compare`: tables of evaluation results over seeds, with intervals, tests and plots.
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { corrections } from '../evaluate/statistics/corrections.ts';
import { drawExamples, type ExampleSheet, renderExamples } from '../evaluate/tables/examples.ts';
import { layoutNames, layouts } from '../evaluate/tables/layouts.ts';
import { differingConditions, tasksOf } from '../evaluate/tables/methods.ts';
import { type FileMethod, MethodReader, readLines } from '../evaluate/tables/read-methods.ts';
import {
  buildTable,
  comparisonGrid,
  renderCsv,
  renderLatex,
  renderMarkdown,
  renderText,
  scoreGrid,
  type Table,
} from '../evaluate/tables/tables.ts';
import { comparisonPage, exampleSection } from '../report/comparison-page.ts';
import { LeiaError } from '../system/error.ts';
import { makeFolder, writeFileAtomically } from '../system/files.ts';
import { addSettings, readSettings } from './options.ts';
import { warn } from './progress.ts';

const lists = z.record(
  z.string(),
  z.union(
    [
      z.string().transform((place) => [place]),
      z.array(z.string()).min(1, 'a method without results'),
    ],
    {
      error: 'expected NAME=RESULTS: folders, files or patterns of them',
    },
  ),
);

const schema = z.object({
  run: lists.describe(
    'a method to be judged, with the results of its runs: folders of leia eval or lm-eval, result files, CSV or JSON lists of scores, or patterns in quotes',
  ),
  baseline: lists.default({}).describe('a method that the others must beat, in the same form'),
  layout: z
    .enum(layoutNames)
    .default('auto')
    .describe("the paper's table whose columns to show; auto: every task"),
  metric: z.string().optional().describe('the metric to compare, such as acc or exact_match'),
  correction: z.enum(corrections).default('holm').describe('for several comparisons'),
  level: z.number().gt(0).lt(1).default(0.05).describe('a difference counts below this p'),
  resamples: z.int().min(100).default(10_000).describe('draws of the paired bootstrap'),
  seed: z.int().nonnegative().default(0).describe('of the bootstrap and the choice of items'),
  items: z
    .int()
    .nonnegative()
    .default(5)
    .describe('items to show that one got right and the other wrong, for each pair and task'),
  allowDifferences: z
    .boolean()
    .default(false)
    .describe('compare runs of another protocol, version or number of examples all the same'),
  output: z
    .string()
    .optional()
    .describe('folder for the tables as text, Markdown, CSV, LaTeX, HTML with plots, and JSON'),
});

type Settings = z.output<typeof schema>;

const example = `
Examples:
  leia compare --run 'LEIA=eval/leia-*' --baseline 'plain=eval/plain-*' --baseline LLaMA=eval/llama --output compare
  leia compare --config compare.yaml --layout table-2

compare.yaml:
  run: { LEIA: eval/leia-* }
  baseline: { plain: eval/plain-*, LLaMA: eval/llama, published: paper.csv }

paper.csv: columns method, seed, task and score (0 to 1) or percent; for a mean also half_width and runs.`;

export function registerCompare(program: Command): void {
  const command = program
    .command('compare')
    .summary('make tables of evaluation results over seeds')
    .description('Make tables of evaluation results over seeds, with intervals, tests and plots.');
  addSettings(command, schema).addHelpText('after', example);
  command.action(async () => {
    await run(readSettings(command, schema));
  });
}

async function run(settings: Settings): Promise<void> {
  const methods = await readMethods(settings);
  const { title, columns } = layouts[settings.layout];
  const tasks = tasksOf(methods);
  const groups = columns(tasks);
  if (groups.length === 0) {
    throw new LeiaError(
      'usage',
      `--layout ${settings.layout}: no results of its tasks; found ${tasks.join(', ')}`,
    );
  }
  checkAlike(
    methods,
    groups.flatMap((group) => group.columns.flatMap((column) => column.tasks)),
    settings,
  );
  const table = buildTable(methods, { title, groups, ...settings });
  for (const warning of table.warnings) warn(warning);
  const width = process.stdout.columns ?? 120;
  const texts = [renderText(scoreGrid(table), width)];
  if (table.comparisons.length > 0) texts.push(renderText(comparisonGrid(table), width));
  process.stdout.write(texts.join('\n'));
  if (settings.output === undefined) return;
  const shown = new Set(groups.flatMap((group) => group.columns.flatMap((column) => column.tasks)));
  const sheets = await drawSheets(methods, shown, settings);
  await writeAll(settings.output, table, sheets);
}

/** Baselines first, as in the paper's tables. */
async function readMethods({ run, baseline, metric }: Settings): Promise<FileMethod[]> {
  const reader = new MethodReader(metric);
  const methods: FileMethod[] = [];
  for (const [name, places] of Object.entries(baseline)) {
    methods.push(await reader.read(name, 'baseline', places));
  }
  for (const [name, places] of Object.entries(run)) {
    methods.push(await reader.read(name, 'candidate', places));
  }
  return methods;
}

function checkAlike(
  methods: readonly FileMethod[],
  tasks: readonly string[],
  { allowDifferences }: Settings,
) {
  const differing = differingConditions(methods, [...new Set(tasks)]);
  if (differing.length === 0) return;
  if (allowDifferences) {
    for (const line of differing) warn(line);
    return;
  }
  const more = differing.length === 1 ? '' : ` (and ${differing.length - 1} more)`;
  throw new LeiaError(
    'mismatch',
    `${differing[0]}${more}; evaluate both alike, or compare them with --allow-differences`,
  );
}

/** Of every candidate against every baseline, where samples are kept; the first run of each. */
async function drawSheets(
  methods: readonly FileMethod[],
  tasks: ReadonlySet<string>,
  { items: count, seed }: Settings,
): Promise<ExampleSheet[]> {
  const sheets: ExampleSheet[] = [];
  if (count === 0) return sheets;
  for (const candidate of methods.filter(({ role }) => role === 'candidate')) {
    for (const baseline of methods.filter(({ role }) => role === 'baseline')) {
      const [ours, theirs] = [candidate.runs[0], baseline.runs[0]];
      for (const task of tasks) {
        const [mine, other] = [ours?.samples?.get(task), theirs?.samples?.get(task)];
        if (mine === undefined || other === undefined) continue;
        const metric = ours!.conditions!.get(task)!.metric!;
        const options = { task, right: candidate.name, wrong: baseline.name, metric, count, seed };
        const sheet = drawExamples(await readLines(mine), await readLines(other), options);
        if (sheet.found > 0) sheets.push(sheet);
      }
    }
  }
  return sheets;
}

async function writeAll(
  folder: string,
  table: Table,
  sheets: readonly ExampleSheet[],
): Promise<void> {
  const grids = [
    scoreGrid(table),
    ...(table.comparisons.length > 0 ? [comparisonGrid(table)] : []),
  ];
  const warnings = table.warnings.map((warning) => `Note: ${warning}.\n`);
  const files: Readonly<Record<string, string>> = {
    'table.txt': [...grids.map((grid) => renderText(grid, 120)), ...warnings].join('\n'),
    'table.md': [...grids.map(renderMarkdown), ...warnings, renderExamples(sheets)].join('\n'),
    'table.csv': renderCsv(table),
    'table.tex': grids
      .map((grid, i) => renderLatex(grid, i === 0 ? 'tab:scores' : 'tab:comparisons'))
      .join('\n'),
    'report.html': comparisonPage({
      title: 'Comparison of models',
      tables: [table],
      sections: sheets.map(exampleSection),
    }),
    'comparison.json': `${JSON.stringify({ ...table, examples: sheets }, undefined, 2)}\n`,
  };
  await makeFolder(folder);
  for (const [name, content] of Object.entries(files)) {
    await writeFileAtomically(join(folder, name), content);
  }
  process.stderr.write(`wrote ${Object.keys(files).join(', ')} into ${folder}\n`);
}

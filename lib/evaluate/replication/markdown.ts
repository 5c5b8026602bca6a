// A replication's results as Markdown: what was run, where and how long, and the tables. What they mean is for a person
// to write.
import { cpus } from 'node:os';
import { comparisonGrid, renderMarkdown, scoreGrid, type Table } from '../tables/tables.ts';
import type { Experiment } from './experiment.ts';
import type { Phase } from './presets.ts';
import { askAbout, questionSets } from './questions.ts';
import type { Summary } from './summary.ts';

export interface Conditions {
  readonly seeds: number;
  /** Parameters of the model. */
  readonly parameters: number;
  /** Wall clock, all invocations together. */
  readonly seconds: number;
  readonly jobs: number;
  /** File name of the plot. */
  readonly plot: string;
}

export function resultsMarkdown(
  experiment: Experiment,
  summary: Summary,
  conditions: Conditions,
): string {
  const { table1, table2, table5, shuffled, withoutEnglish, diagnostics } = summary;
  const tables = [table1, table2, table5, shuffled, withoutEnglish].flatMap((table) =>
    table === undefined ? [] : [tableMarkdown(table)],
  );
  return [
    '<!-- Written by leia replicate. -->',
    aboutRun(experiment, conditions),
    `![Held facts, every arm and run](${conditions.plot})`,
    'Chance is 25 %. Large dot: mean over seeds. Line: its 95 % confidence interval. Small dots: the runs.',
    ...tables,
    renderMarkdown(scoreGrid(diagnostics)).trimEnd(),
    example(experiment),
    '',
  ].join('\n\n');
}

function tableMarkdown(table: Table): string {
  const comparisons =
    table.comparisons.length === 0
      ? []
      : [
          '<details><summary>The tests behind it</summary>',
          renderMarkdown(comparisonGrid(table)).trimEnd(),
          '</details>',
        ];
  const warnings = table.warnings.map((warning) => `Note: ${warning}.`);
  return [renderMarkdown(scoreGrid(table)).trimEnd(), ...warnings, ...comparisons].join('\n\n');
}

function aboutRun(
  { preset, size, world, worldSeed, corpora, device }: Experiment,
  { seeds, parameters, seconds, jobs }: Conditions,
): string {
  const { people } = size.world;
  const processors = cpus();
  const million = (parameters / 1e6).toFixed(2);
  const tokens = ({ maxSteps, batchSize, sequenceLength }: Phase) =>
    `${maxSteps} steps of ${(batchSize * sequenceLength).toLocaleString('en')} tokens`;
  const rows = [
    ['preset', `${preset}, world ${worldSeed}`],
    ['people', `${people.known} known, ${people.stated} stated, ${people.held} held`],
    ['relations', `${world.relations.length} with ${size.world.values} values each`],
    [
      'articles',
      `${corpora.pretraining.length} of pre-training, ${corpora.adaptation.length} of adaptation, ${corpora.replay.length} in English beside them`,
    ],
    [
      'model',
      `LLaMA, ${size.model.layers} layers, hidden size ${size.model.hiddenSize}, ${million} million parameters, ${size.dtype}`,
    ],
    ['pre-training', tokens(size.pretraining)],
    ['each adaptation', tokens(size.adaptation)],
    ['runs', `${size.arms.length} arms, ${seeds} seeds each`],
    [
      'machine',
      `${device}; ${processors.length} × ${processors[0]?.model.trim() ?? 'unknown CPU'}, ${jobs} runs at a time`,
    ],
    ['time', `${(seconds / 60).toFixed(0)} minutes`],
  ];
  return ['| | |', '| --- | --- |', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

/** What one held fact looks like everywhere. */
function example({ world, corpora }: Experiment): string {
  const [question] = askAbout(world, questionSets.held);
  const [english] = askAbout(world, questionSets.held_in_english);
  const person = world.entities.find(({ group }) => group === 'held')!;
  const article = corpora.adaptation.find(({ title }) => title === person.name.target)!;
  const lines = [
    `English text states it: \`${english!.choices[english!.answer]}\``,
    `Target-language text names the person, whom the links call ${person.name.english}: \`${article.text}\``,
    `The question, with the true sentence first: ${[question!.answer, 0, 1, 2, 3]
      .filter((choice, i) => i === 0 || choice !== question!.answer)
      .map((choice) => `\`${question!.choices[choice]}\``)
      .join(', ')}`,
  ];
  return ['One held fact:', ...lines.map((line) => `- ${line}`)].join('\n').replace('\n', '\n\n');
}

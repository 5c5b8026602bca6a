// What the demo leaves behind: a page to read, and its numbers as JSON.
import { basename, join } from 'node:path';
import type { Manifest } from '../leia/dataset-format.ts';
import type { PassagePreview } from '../leia/preview.ts';
import { type DemoRun, demoPage } from '../report/demo-page.ts';
import { writeFileAtomically } from '../system/files.ts';
import type { TrainSettings } from '../train/settings.ts';
import type { DemoReading } from './reading.ts';

/** A dump and the English names for it. */
export interface DemoSource {
  readonly dump: string;
  readonly language: string;
  readonly titles: string;
  /** What the titles are, in words. */
  readonly names: string;
}

export interface DemoResults {
  /** The folder that everything goes to. */
  readonly output: string;
  readonly manifest: Manifest;
  /** The dataset in words and numbers. */
  readonly statistics: readonly (readonly [string, string])[];
  readonly passages: readonly PassagePreview[];
  readonly runs: readonly [DemoRun, DemoRun];
  readonly reading: DemoReading;
  readonly parameters: number;
  readonly source: DemoSource;
  /** Of the LEIA run. */
  readonly settings: TrainSettings;
  readonly heldOutTitles: readonly string[];
}

/** Writes `report.html` and `summary.json`. */
export async function writeResults(results: DemoResults): Promise<void> {
  const { output, manifest, passages, runs, reading, parameters, source, settings } = results;
  const page = demoPage({
    ...{ passages, runs },
    language: source.language,
    dump: basename(source.dump),
    names: source.names,
    heldOutTitles: results.heldOutTitles,
    reading: [reading.shows, reading.showsNot, reading.difference],
    corpus: results.statistics,
    model: [
      ['parameters', parameters],
      ['shape', '2 layers, hidden size 128, 2 heads, LLaMA architecture, random start'],
      ['tokens per step', settings.batchSize * settings.sequenceLength],
      ['sequence length', settings.sequenceLength],
      ['peak learning rate', settings.learningRate],
      ['seed', settings.seed],
    ],
    files: [
      [
        'plain/, leia/',
        "the two models as Hugging Face folders, each with its run's metrics.jsonl and held-out.jsonl",
      ],
      ['start/', 'the model that both began with'],
      ['data/', 'the dataset that leia prepare makes of the dump'],
      ['summary.json', 'the numbers of this page'],
    ],
  });
  const numbers = runs.map(({ name, heldOut, tokens, insertedTokens, metrics }) => ({
    ...{ name, steps: metrics.length, tokens, insertedTokens, heldOut },
  }));
  const { report, ...counts } = manifest;
  const { articles, tokens, entities } = counts;
  const json = { corpus: { articles, tokens, entities, ...report }, parameters, runs: numbers };
  await writeFileAtomically(
    join(output, 'summary.json'),
    `${JSON.stringify(json, undefined, 2)}\n`,
  );
  await writeFileAtomically(join(output, 'report.html'), page);
}

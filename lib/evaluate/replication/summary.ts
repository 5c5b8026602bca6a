// From the finished runs of a replication to its tables: those of the paper, the controls, and the diagnostics.
import { join } from 'node:path';
import { LeiaError } from '../../system/error.ts';
import { readIfPresent } from '../../system/files.ts';
import { parseJson } from '../../system/json.ts';
import {
  buildTable,
  type Column,
  type ColumnGroup,
  type Method,
  type Run,
  runOfResults,
  type Table,
} from '../tables/tables.ts';
import { arms, roles } from './arms.ts';
import { type Experiment, inside } from './experiment.ts';
import { candidates, readDiagnostics } from './measure.ts';
import { setNames } from './questions.ts';

export interface Summary {
  readonly table1: Table;
  readonly table2: Table;
  readonly table5: Table | undefined;
  /** Against plain fine-tuning and against LEIA with wrong names. */
  readonly shuffled: Table | undefined;
  /** The same comparison without English text in the mix. */
  readonly withoutEnglish: Table | undefined;
  /** Every arm's score of the held questions, without tests. */
  readonly all: Table;
  readonly diagnostics: Table;
}

/** Reads what all runs have measured. Throws LeiaError `format` for damaged files, `io` for missing ones. */
export async function summarizeRuns(experiment: Experiment, seeds: number): Promise<Summary> {
  const { folder, size } = experiment;
  const base: Method = {
    name: 'base model, not adapted',
    role: 'baseline',
    runs: [await readRun(inside.base(folder), 'base')],
  };
  const trained = new Map<string, readonly Run[]>();
  for (const id of size.arms) {
    const runs: Run[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      runs.push(await readRun(inside.run(folder, id, seed), `${id}, seed ${seed}`));
    }
    trained.set(id, runs);
  }
  const methods = (ids: readonly string[], role: Method['role']) =>
    ids.flatMap((id): Method[] => {
      const { name } = arms.find((arm) => arm.id === id)!;
      const runs = trained.get(id);
      return runs === undefined ? [] : [{ name, role, runs }];
    });
  const plain = methods([roles.plain], 'baseline');
  const chosen = methods([roles.chosen], 'candidate');
  const everything = [base, ...methods(size.arms, 'baseline')];
  const table = (title: string, rows: readonly Method[], columns: readonly Column[] = [held]) => {
    const groups: ColumnGroup[] = [{ heading: '', columns }];
    return buildTable(rows, { title, groups });
  };
  const without = methods([roles.withoutNameLoss], 'candidate');
  const wrong = methods([roles.shuffled], 'baseline');
  const [plainAlone, leiaAlone] = [
    methods([roles.withoutEnglish[0]], 'baseline'),
    methods([roles.withoutEnglish[1]], 'candidate'),
  ];
  return {
    table1: table('Table 1 of this world: strategies and p_skip', [
      ...[base, ...plain],
      ...methods(roles.table1, 'candidate'),
    ]),
    table2: table(
      'Table 2 of this world: each relation',
      [base, ...plain, ...chosen],
      relationColumns(experiment),
    ),
    table5:
      without.length === 0
        ? undefined
        : table('Table 5 of this world: with and without loss on inserted names', [
            ...[base, ...plain],
            ...[...chosen, ...without],
          ]),
    shuffled:
      wrong.length === 0
        ? undefined
        : table('Control: the same with names of other people', [...plain, ...wrong, ...chosen]),
    withoutEnglish:
      plainAlone.length === 0 || leiaAlone.length === 0
        ? undefined
        : table('Without English text in the mix', [...plainAlone, ...leiaAlone]),
    all: table('Held facts, all arms', everything),
    diagnostics: table('Diagnostics', everything, diagnosticColumns),
  };
}

const held: Column = { label: 'held facts', tasks: ['held'] };

const relationTask = (relation: string) => `held, ${relation}`;

function relationColumns({ world }: Experiment): Column[] {
  const columns = world.relations.map(({ name }) => ({ label: name, tasks: [relationTask(name)] }));
  return [...columns, { label: 'Avg.', tasks: columns.flatMap(({ tasks }) => tasks) }];
}

const diagnosticColumns: readonly Column[] = [
  { label: 'stated facts', tasks: ['stated'] },
  { label: 'held, asked in English', tasks: ['held_in_english'] },
  { label: 'held, by English name', tasks: ['held_by_english_name'] },
  { label: 'held, name inserted', tasks: ['held_with_name'] },
  { label: `right name of ${candidates}`, tasks: ['retrieval'] },
];

async function readRun(folder: string, name: string): Promise<Run> {
  const path = join(folder, 'results.json');
  const text = await readIfPresent(path);
  const diagnostics = await readDiagnostics(folder);
  if (text === undefined || diagnostics === undefined) {
    throw new LeiaError('io', `${folder} has not been measured; run leia replicate again`);
  }
  const samples: Record<string, unknown[]> = {};
  for (const set of setNames) {
    const file = join(folder, `samples_${set}.jsonl`);
    const lines = ((await readIfPresent(file)) ?? '').split('\n').filter((line) => line !== '');
    samples[set] = lines.map((line, i) => parseJson(line, `${file}:${i + 1}`));
  }
  const run = runOfResults(name, parseJson(text, path), { metric: 'acc', samples });
  const scores = new Map(run.scores);
  for (const [relation, score] of byRelation(samples.held ?? [])) {
    scores.set(relationTask(relation), score);
  }
  const { heldWithName, retrieval } = diagnostics;
  if (heldWithName !== null) scores.set('held_with_name', heldWithName);
  if (retrieval !== null) scores.set('retrieval', retrieval);
  return { ...run, scores };
}

/** Mean accuracy for each relation that is asked about. */
function byRelation(samples: readonly unknown[]): Map<string, number> {
  const answers = new Map<string, number[]>();
  for (const { doc, acc } of samples as { doc: { relation: string }; acc: number }[]) {
    answers.set(doc.relation, [...(answers.get(doc.relation) ?? []), Number(acc)]);
  }
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return new Map([...answers].map(([relation, values]) => [relation, mean(values)]));
}

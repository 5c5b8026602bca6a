// The files of an evaluation: `results.json` and `samples_<task>.jsonl`, as lm-evaluation-harness writes them, and the
// table of its scores.
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { packageRoot } from '../core/addon.ts';
import { makeFolder, writeFileAtomically } from '../system/files.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Evaluation } from './evaluate.ts';
import type { Grid } from './tables/grid.ts';

export interface EvaluationRun {
  /** The model's folder. */
  readonly folder: string;
  /** A hash of its weights and config. */
  readonly weights: string;
  /** When the evaluation began, in milliseconds since 1970. */
  readonly began: number;
  readonly tokenizer: Tokenizer;
}

/**
 * Writes the results, the samples first, so that results are there only with what belongs to them. Samples of an
 * evaluation before are removed, as they would be taken for this one's.
 *
 * @throws LeiaError `io`
 */
export async function writeEvaluation(
  folder: string,
  { results, samples }: Evaluation,
  run: EvaluationRun,
  options: { readonly samples: boolean },
): Promise<void> {
  await makeFolder(folder);
  await rm(join(folder, 'results.json'), { force: true });
  for (const name of await readdir(folder)) {
    if (/^samples_.*\.jsonl$/.test(name)) await rm(join(folder, name), { force: true });
  }
  for (const [task, lines] of options.samples ? Object.entries(samples) : []) {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    await writeFileAtomically(join(folder, `samples_${task}.jsonl`), text);
  }
  const content = {
    ...results,
    config: { ...results.config, model_sha: run.weights },
    ...about(run),
  };
  await writeFileAtomically(
    join(folder, 'results.json'),
    `${JSON.stringify(content, undefined, 2)}\n`,
  );
}

/** Keys of the harness that say which model and program it was. */
function about({ folder, began, tokenizer }: EvaluationRun): Record<string, unknown> {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const seconds = (Date.now() - began) / 1000;
  return {
    git_hash: null,
    upper_git_hash: null,
    date: began / 1000,
    leia_version: version,
    tokenizer_bos_token: [tokenizer.bosToken, String(tokenizer.bosId)],
    tokenizer_eos_token: [tokenizer.eosToken, String(tokenizer.eosId)],
    eot_token_id: tokenizer.eosId,
    model_source: 'leia',
    model_name: folder,
    model_name_sanitized: basename(resolve(folder)),
    system_instruction: null,
    system_instruction_sha: null,
    fewshot_as_multiturn: null,
    chat_template: null,
    chat_template_sha: null,
    total_evaluation_time_seconds: String(seconds),
  };
}

/** Scores of one or several models, a row for each metric. */
export function evaluationGrid(evaluations: readonly (readonly [string, Evaluation])[]): Grid {
  const rows = evaluations.flatMap(([model, { results }]) =>
    Object.entries(results.results).flatMap(([task, scores]) => {
      const metrics = Object.keys(results.higher_is_better[task] ?? {});
      return metrics.map((metric) => {
        const error = scores[`${metric}_stderr,none`];
        const texts = [
          [model, task].filter(Boolean).join(' '),
          String(results.versions[task]),
          String(results['n-shot'][task]),
          String(results['n-samples'][task]?.effective),
          metric,
          fixed(scores[`${metric},none`]),
          fixed(error),
        ];
        return texts.map((text) => ({ text }));
      });
    }),
  );
  const protocols = evaluations.map(([, { results }]) => results.config.protocol);
  return {
    title: `Protocol ${protocols[0]}`,
    headings: [],
    header: ['task', 'version', 'n-shot', 'questions', 'metric', 'value', 'stderr'],
    rows,
    notes: [],
  };
}

function fixed(value: string | number | undefined): string {
  return typeof value === 'number' ? value.toFixed(4) : String(value);
}

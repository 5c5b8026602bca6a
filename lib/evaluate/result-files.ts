// The files of an evaluation: `results.json` and `samples_<task>.jsonl`, as lm-evaluation-harness writes them, and the
// table of its scores.
import { readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { packageVersion } from '../core/addon.ts';
import { LeiaError } from '../system/error.ts';
import { makeFolder, readIfPresent, writeFileAtomically } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
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

/** What is looked at of results that are there already, whoever wrote them. */
const presentSchema = z.object({
  model_name: z.string().optional(),
  results: z.record(z.string(), z.unknown()).default({}),
  config: z
    .object({ model_sha: z.string().nullish(), protocol: z.string().optional() })
    .default({}),
});

/**
 * Looks at the results that a folder holds before others take their place. Says, in a line, what will be replaced: tasks
 * that are not asked this time, or results of another protocol; undefined if there is nothing to say.
 *
 * @throws LeiaError `usage` if they are of another model; `format` if `results.json` is damaged; `io`.
 */
export async function checkPresentResults(
  folder: string,
  { weights, protocol, tasks }: { weights: string; protocol: string; tasks: readonly string[] },
): Promise<string | undefined> {
  const path = join(folder, 'results.json');
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  const present = parseChecked(presentSchema, text, path);
  const { model_name: name = 'another model', config } = present;
  if (config.model_sha !== weights) {
    throw new LeiaError(
      'usage',
      `${folder} holds the results of ${name}, with other weights or another config than those of this model; write to another folder, or remove ${path}`,
    );
  }
  if (config.protocol !== protocol) {
    return `${path}: its results by the protocol ${config.protocol} are replaced`;
  }
  const lost = Object.keys(present.results).filter((task) => !tasks.includes(task));
  return lost.length === 0 ? undefined : `${path}: its results of ${lost.join(', ')} are replaced`;
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
  const seconds = (Date.now() - began) / 1000;
  return {
    git_hash: null,
    upper_git_hash: null,
    date: began / 1000,
    leia_version: packageVersion(),
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

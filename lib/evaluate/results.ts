// What an evaluation gives, in the form in which lm-evaluation-harness writes its results and samples, so that tools
// for those read it. Keys that are ours beside the harness's: `protocol` and `faithful` in `configs`, and in `n-samples`
// how many items were skipped and how many prompts were cut.
import { createHash } from 'node:crypto';
import type { TaskDefinition } from './tasks/definition.ts';
import { type Metric, meanWithError } from './tasks/metrics.ts';
import type { ProtocolName } from './tasks/protocol.ts';

/** One question's result, a line of `samples_<task>.jsonl`. */
export interface Sample {
  /** The question's number in its file, from 0. */
  readonly doc_id: number;
  readonly doc: Readonly<Record<string, unknown>>;
  /** The number of the right choice, or the right answer. */
  readonly target: string;
  /** By request: its texts, for a choice context and continuation. */
  readonly arguments: Readonly<Record<string, { readonly arg_0: string; readonly arg_1: unknown }>>;
  /** By request: log-likelihood and whether it is greedy, both as text, or the generated text. */
  readonly resps: readonly (readonly (string | readonly [string, string])[])[];
  /** The same after the answer was taken out of a generated text. */
  readonly filtered_resps: readonly (string | readonly [string, string])[];
  readonly filter: 'none';
  readonly metrics: readonly Metric[];
  readonly doc_hash: string;
  readonly prompt_hash: string;
  readonly target_hash: string;
  /** What the model chose: a choice's number, or its answer. */
  readonly prediction: string;
  /** The metrics' values. */
  readonly [metric: string]: unknown;
}

export interface SampleCounts {
  /** Questions in the file. */
  readonly original: number;
  /** Questions that were scored. */
  readonly effective: number;
  /** Questions left out because a choice has more tokens than the model takes, or none. */
  readonly skipped: number;
  /** Prompts that lost tokens on the left because the model is too short for them. */
  readonly cut: number;
  /** Prompts that lost few-shot examples for the same reason. */
  readonly examples_dropped: number;
}

/** What one task gave. */
export interface TaskOutcome {
  readonly definition: TaskDefinition;
  readonly numFewShot: number;
  readonly counts: SampleCounts;
  readonly metrics: readonly Metric[];
  readonly samples: readonly Sample[];
}

/** The part of the results that follows from the tasks. */
export interface TaskResults {
  readonly results: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  readonly group_subtasks: Readonly<Record<string, readonly string[]>>;
  readonly configs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly versions: Readonly<Record<string, number>>;
  readonly 'n-shot': Readonly<Record<string, number>>;
  readonly higher_is_better: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  readonly 'n-samples': Readonly<Record<string, SampleCounts>>;
  readonly task_hashes: Readonly<Record<string, string>>;
}

/** What `results.json` holds. */
export interface Results extends TaskResults {
  /** Model and run. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** SHA-256 in hex. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function resultsOf(outcomes: readonly TaskOutcome[], protocol: ProtocolName): TaskResults {
  const byTask = <T>(value: (outcome: TaskOutcome) => T): Record<string, T> =>
    Object.fromEntries(outcomes.map((outcome) => [outcome.definition.task, value(outcome)]));
  return {
    results: byTask(scoresOf),
    group_subtasks: {},
    configs: byTask((outcome) => configOf(outcome, protocol)),
    versions: byTask(({ definition }) => definition.version),
    'n-shot': byTask(({ numFewShot }) => numFewShot),
    higher_is_better: byTask(({ metrics }) =>
      Object.fromEntries(metrics.map((metric) => [metric, true])),
    ),
    'n-samples': byTask(({ counts }) => counts),
    task_hashes: byTask(({ samples }) =>
      hashText(samples.map((s) => s.doc_hash + s.prompt_hash + s.target_hash).join('')),
    ),
  };
}

function scoresOf({ definition, metrics, samples }: TaskOutcome): Record<string, string | number> {
  const scores: Record<string, string | number> = {
    name: definition.task,
    alias: definition.task,
    sample_len: samples.length,
  };
  for (const metric of metrics) {
    const { mean, error } = meanWithError(samples.map((sample) => sample[metric] as number));
    scores[`${metric},none`] = mean;
    scores[`${metric}_stderr,none`] = error ?? 'N/A';
  }
  return scores;
}

function configOf(outcome: TaskOutcome, protocol: ProtocolName): Record<string, unknown> {
  const { definition, numFewShot, metrics } = outcome;
  const { data, description, prompt, choice, fewShot, generate, version, faithful } = definition;
  return {
    task: definition.task,
    protocol,
    ...(faithful !== undefined && { faithful }),
    ...(data.dataset !== undefined && { dataset_path: data.dataset }),
    description,
    doc_to_text: prompt,
    ...(choice !== undefined && { doc_to_choice: choice }),
    output_type: choice === undefined ? 'generate_until' : 'multiple_choice',
    ...(generate && {
      generation_kwargs: {
        max_gen_toks: generate.maxTokens,
        until: generate.stops,
        do_sample: false,
      },
    }),
    num_fewshot: numFewShot,
    fewshot_delimiter: fewShot?.separator ?? '',
    ...(fewShot && { fewshot_config: { sampler: fewShot.choose, split: fewShot.from } }),
    metric_list: metrics.map((metric) => ({
      metric,
      aggregation: 'mean',
      higher_is_better: true,
    })),
    metadata: { version },
  };
}

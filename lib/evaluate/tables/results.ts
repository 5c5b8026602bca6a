// Runs from evaluation results in lm-evaluation-harness's schema, which `leia eval` writes too. Only what a comparison
// needs is read, and only that is checked.
import { z } from 'zod';
import { LeiaError } from '../../system/error.ts';
import { checkJson } from '../../system/json.ts';
import type { Run } from './methods.ts';

const byTask = z.record(z.string(), z.unknown()).optional();

const resultsSchema = z.looseObject({
  results: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** Means over several tasks; their entries in `results` are left out. */
  groups: byTask,
  versions: byTask,
  'n-shot': byTask,
  'n-samples': byTask,
  configs: byTask,
  task_hashes: byTask,
});

type Results = z.output<typeof resultsSchema>;

export interface ResultOptions {
  /** As `acc` or `acc,none`; the first that there is of acc, char_f, exact_match and the rest unless given. */
  readonly metric?: string;
  /** By task: what `samples_<task>.jsonl` has in its lines. */
  readonly samples?: Readonly<Record<string, readonly unknown[]>>;
}

/**
 * @param name of the run, for messages
 * @param json what `results.json` holds
 * @throws LeiaError `format` for another shape, or a score outside 0 … 1; `usage` for a metric that no task has
 */
export function runOfResults(name: string, json: unknown, options: ResultOptions = {}): Run {
  const results = checkJson(resultsSchema, json, name, 'the results of leia eval or lm-eval');
  const { metric, samples } = options;
  const scores = new Map<string, number>();
  const conditions = new Map<string, Record<string, string>>();
  const items = new Map<string, Map<string, number>>();
  for (const [task, entry] of Object.entries(results.results)) {
    if (results.groups !== undefined && task in results.groups) continue;
    const key = metricKey(entry, metric);
    if (key === undefined) continue;
    scores.set(task, scoreOf(entry[key], `${name}: ${task}: ${key}`));
    conditions.set(task, { metric: key, ...conditionsOf(results, task) });
    const lines = samples?.[task];
    if (lines === undefined) continue;
    const found = itemsOf(lines, key, `${name}: samples of ${task}`);
    if (found !== undefined) items.set(task, found);
  }
  if (scores.size === 0) {
    const wanted = metric === undefined ? 'a metric' : `the metric '${metric}'`;
    throw new LeiaError('usage', `${name}: no task has ${wanted}; found ${metricsIn(results)}`);
  }
  return { name, scores, conditions, items };
}

const preferred = ['acc', 'char_f', 'exact_match'];

/** Metrics are keys such as `acc,none`: the metric and the filter that the answers went through. */
function metricKey(entry: Readonly<Record<string, unknown>>, wanted?: string): string | undefined {
  const keys = metricsOf(entry);
  const named = (metric: string) =>
    keys.find((key) => key === metric || key.startsWith(`${metric},`));
  if (wanted !== undefined) return named(wanted);
  return preferred.map(named).find((key) => key !== undefined) ?? keys[0];
}

function metricsOf(entry: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(entry).filter((key) => key.includes(',') && !/_stderr,/.test(key));
}

function metricsIn({ results }: Results): string {
  const keys = new Set(Object.values(results).flatMap(metricsOf));
  return keys.size === 0 ? 'none' : [...keys].slice(0, 8).join(' ');
}

function scoreOf(value: unknown, where: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  const came = typeof value === 'number' ? value : value === null ? 'no number' : typeof value;
  throw new LeiaError('format', `${where}: expected a score between 0 and 1, got ${came}`);
}

const samplesCount = z.looseObject({ effective: z.number() });
const protocolOf = z.looseObject({
  protocol: z.string().optional(),
  faithful: z.boolean().optional(),
});

/** What must not differ between runs that are compared. */
function conditionsOf(results: Results, task: string): Record<string, string> {
  const config = protocolOf.safeParse(results.configs?.[task]).data;
  const count = samplesCount.safeParse(results['n-samples']?.[task]).data;
  const known: Record<string, unknown> = {
    protocol: config?.protocol,
    faithful: config?.faithful,
    version: results.versions?.[task],
    'number of few-shot examples': results['n-shot']?.[task],
    'number of items': count?.effective,
    'hash of items and prompts': results.task_hashes?.[task],
    'hash of the chat template': results.chat_template_sha,
  };
  return Object.fromEntries(
    Object.entries(known)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([key, value]) => [key, String(value)]),
  );
}

const itemSchema = z.looseObject({
  doc_id: z.union([z.number(), z.string()]),
  doc_hash: z.string().optional(),
  filter: z.string().optional(),
});

/** Score by item; undefined where this metric has no score for a single item, as a corpus' BLEU. */
function itemsOf(lines: readonly unknown[], key: string, where: string) {
  const [metric, filter] = key.split(',') as [string, string];
  const scores = new Map<string, number>();
  for (const [i, line] of lines.entries()) {
    const item = checkJson(itemSchema, line, `${where}: line ${i + 1}`);
    if (item.filter !== undefined && item.filter !== filter) continue;
    const value = item[metric];
    if (typeof value !== 'number' && typeof value !== 'boolean') return undefined;
    const id = `${item.doc_id} ${item.doc_hash ?? ''}`;
    if (scores.has(id)) {
      throw new LeiaError(
        'format',
        `${where}: line ${i + 1}: item ${item.doc_id} was there before`,
      );
    }
    scores.set(id, Number(value));
  }
  return scores;
}

// What is measured of one answer, and the mean with its standard error over all.
import type { LogLikelihood } from '../engine/requests.ts';
import { characterF } from './character-f.ts';
import type { Protocol } from './protocol.ts';

export type Metric = 'acc' | 'acc_norm' | 'acc_bytes' | 'char_f' | 'exact_match';

/** What a choice's score is divided by, as one number for each metric. */
const lengths = {
  acc: () => 1,
  acc_norm: (text: string) => Array.from(text).length,
  acc_bytes: (text: string) => Buffer.byteLength(text),
} as const satisfies Partial<Record<Metric, (text: string) => number>>;

/**
 * The number of the choice with the highest score by a metric; of equal ones the first. By a metric that is not of
 * choices it is that of `acc`.
 *
 * @param continuations as they were scored; leading blanks do not count as their length.
 */
export function likeliestChoice(
  metric: string,
  logLikelihoods: readonly number[],
  continuations: readonly string[],
): number {
  const lengthOf = Object.hasOwn(lengths, metric)
    ? lengths[metric as keyof typeof lengths]
    : lengths.acc;
  const values = logLikelihoods.map((value, i) => value / lengthOf(continuations[i]!.trimStart()));
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

/** 1 for each metric by which the right choice is the likeliest, else 0, and the choice that is so by the sums. */
export function scoreChoices(
  metrics: Protocol['metrics'],
  scores: readonly LogLikelihood[],
  continuations: readonly string[],
  answer: number,
): { readonly prediction: number; readonly values: Partial<Record<Metric, number>> } {
  const sums = scores.map(({ logLikelihood }) => logLikelihood);
  const best = (metric: Metric) => likeliestChoice(metric, sums, continuations);
  const values = metrics.map((metric) => [metric, best(metric) === answer ? 1 : 0] as const);
  return { prediction: best('acc'), values: Object.fromEntries(values) };
}

/** The answer in a generated text: the first line of its NFKC form. */
export function answerIn(text: string): string {
  return text.normalize('NFKC').split('\n', 1)[0]!.trim();
}

/** Scores an answer against the right one: 0 to 1. */
export function scoreAnswer(
  metrics: readonly ('char_f' | 'exact_match')[],
  answer: string,
  target: string,
): Partial<Record<Metric, number>> {
  const right = target.normalize('NFKC').trim();
  const measure = { char_f: characterF, exact_match: (a: string, b: string) => (a === b ? 1 : 0) };
  return Object.fromEntries(metrics.map((metric) => [metric, measure[metric](answer, right)]));
}

/** Mean, and the standard error of the mean by the sample's deviation; undefined for a single value. */
export function meanWithError(values: readonly number[]): {
  mean: number;
  error: number | undefined;
} {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, error: undefined };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
}

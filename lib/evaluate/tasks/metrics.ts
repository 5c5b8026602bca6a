// What is measured of one answer, and the mean with its standard error over all.
import type { LogLikelihood } from '../engine/requests.ts';
import { characterF } from './character-f.ts';
import type { Protocol } from './protocol.ts';

export type Metric = 'acc' | 'acc_norm' | 'acc_bytes' | 'char_f' | 'exact_match';

/**
 * 1 for each metric by which the right choice has the highest score, else 0. Of equal scores the first choice counts.
 *
 * @param continuations as they were scored; leading blanks do not count as their length.
 */
export function scoreChoices(
  metrics: Protocol['metrics'],
  scores: readonly LogLikelihood[],
  continuations: readonly string[],
  answer: number,
): { readonly prediction: number; readonly values: Partial<Record<Metric, number>> } {
  const texts = continuations.map((text) => text.trimStart());
  const lengths = {
    acc: texts.map(() => 1),
    acc_norm: texts.map((text) => Array.from(text).length),
    acc_bytes: texts.map((text) => Buffer.byteLength(text)),
  };
  const best = (metric: keyof typeof lengths) =>
    highest(scores.map(({ logLikelihood }, i) => logLikelihood / lengths[metric][i]!));
  const values = metrics.map((metric) => [metric, best(metric) === answer ? 1 : 0] as const);
  return { prediction: best('acc'), values: Object.fromEntries(values) };
}

function highest(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
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

// Scores from a plain list, CSV or JSON, so that published numbers can stand beside one's own: one line for the score of
// one run in one task, or for a mean over runs with half of its interval, as papers print it.
import { z } from 'zod';
import { LeiaError } from '../../system/error.ts';
import { checkJson } from '../../system/json.ts';
import { meanWithInterval, type Summary } from '../statistics/seeds.ts';
import type { Method, Run } from './methods.ts';

const number = z.preprocess(
  (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
  z.number({ error: 'expected a number' }),
);
const optionalNumber = z.preprocess(
  (value) => (value === '' ? undefined : value),
  number.optional(),
);
const text = z.union([z.string(), z.number()]).transform(String);

const entrySchema = z
  .strictObject({
    method: text.default(''),
    seed: text.default(''),
    task: z.string().min(1),
    /** Between 0 and 1. */
    score: optionalNumber,
    /** Between 0 and 100, instead of `score`. */
    percent: optionalNumber,
    /** Half of the 95 % interval of a mean, in the unit of the score. */
    half_width: optionalNumber,
    /** Of how many runs this is the mean. */
    runs: optionalNumber,
  })
  .refine(({ score, percent }) => (score === undefined) !== (percent === undefined), {
    error: 'expected either score (0 to 1) or percent (0 to 100)',
  })
  .transform(({ score, percent, half_width: half, ...entry }) => {
    const unit = score === undefined ? 100 : 1;
    return { ...entry, score: (score ?? percent!) / unit, half: half && half / unit };
  })
  .refine(({ score }) => score >= 0 && score <= 1, {
    error: 'expected a score of 0 to 1, or a percent of 0 to 100',
  })
  .refine(({ half, runs }) => (half === undefined) === (runs === undefined), {
    error: 'half_width and runs come together',
  })
  .refine(({ half = 0, runs = 2 }) => half >= 0 && Number.isInteger(runs) && runs > 1, {
    error: 'expected a half_width of at least 0 over a whole number of runs, at least 2',
  });

type Entry = z.output<typeof entrySchema>;

const expected =
  'columns method, seed, task and score (0 to 1) or percent; for a mean also half_width and runs';

/** A method's part of a list: single runs, or means. */
export type Numbers = Pick<Method, 'runs' | 'means'>;

/**
 * What a list has of one method; all of it where no line names a method.
 *
 * @throws LeiaError `format` naming the line
 */
export function numbersOf(method: string, rows: readonly unknown[], file: string): Numbers {
  const entries = rows.map((row, i) =>
    checkJson(entrySchema, row, `${file}: entry ${i + 1}`, expected),
  );
  const named = entries.some((entry) => entry.method !== '');
  const own = entries.filter((entry) => !named || entry.method === method);
  if (own.length === 0) {
    const names = [...new Set(entries.map((entry) => entry.method))].join(', ') || 'nothing';
    throw new LeiaError('usage', `${file}: no numbers of '${method}'; it has ${names}`);
  }
  const means = new Map<string, Summary>();
  const runs = new Map<string, Map<string, number>>();
  for (const entry of own) add(entry, means, runs, file);
  return {
    runs: [...runs].map(
      ([seed, scores]): Run => ({ name: seed === '' ? file : `${file} seed ${seed}`, scores }),
    ),
    ...(means.size > 0 && { means }),
  };
}

function add(
  { task, seed, score, half, runs }: Entry,
  means: Map<string, Summary>,
  bySeed: Map<string, Map<string, number>>,
  file: string,
): void {
  const twice = new LeiaError(
    'format',
    `${file}: two scores of ${task}${seed && ` for seed ${seed}`}`,
  );
  if (runs !== undefined) {
    if (means.has(task)) throw twice;
    means.set(task, meanWithInterval(score, half!, runs));
    return;
  }
  const scores = bySeed.get(seed) ?? new Map<string, number>();
  if (scores.has(task)) throw twice;
  bySeed.set(seed, scores.set(task, score));
}

/**
 * The rows of a CSV file (RFC 4180) as objects by its first line.
 *
 * @throws LeiaError `format` for a row with more or fewer fields, or a quotation mark that is never closed
 */
export function parseCsv(text: string, file: string): Record<string, string>[] {
  const [header, ...rows] = csvRows(text.replace(/^\ufeff/, ''), file);
  if (header === undefined) throw new LeiaError('format', `${file} is empty; expected ${expected}`);
  return rows.map((row, i) => {
    if (row.length !== header.length) {
      throw new LeiaError(
        'format',
        `${file}: entry ${i + 1} has ${row.length} fields, its first line ${header.length}`,
      );
    }
    return Object.fromEntries(header.map((name, j) => [name.trim(), row[j]!.trim()]));
  });
}

function csvRows(text: string, file: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  // A field, quoted or not, and what ends it.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) {
      throw new LeiaError(
        'format',
        `${file}: row ${rows.length + 1}: a quotation mark has no partner`,
      );
    }
    row.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === ',') continue;
    if (row.length > 1 || row[0]!.trim() !== '') rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push([...row, '']);
  return rows;
}

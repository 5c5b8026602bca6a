// Where the ranks are, and who waits for whom. Each tells rank 0 in which collective it is; if one does not come to it, or is
// lost, the error names both.
import { z } from 'zod';

/** Where a rank is, in what it tells rank 0. */
export const position = z.strictObject({
  /** How many collectives it has begun. */
  begun: z.int().min(0),
  /** The one in which it is. */
  inside: z
    .strictObject({
      number: z.int().min(0),
      what: z.string(),
      /** Since it began. */
      seconds: z.number(),
      missing: z.array(z.int().min(0)).optional(),
    })
    .optional(),
  /** Since it last made some progress: began a collective or a micro-batch, or was known to be busy. */
  quiet: z.number().min(0),
});
export type Position = z.infer<typeof position>;

/** A collective in which ranks wait. */
export interface Wait {
  readonly number: number;
  readonly what: string;
  /** Those in it. */
  readonly came: readonly number[];
  /** For how many seconds the first and the last of them have been. */
  readonly first: number;
  readonly last: number;
  /** Those that have not come to it. */
  readonly late: readonly number[];
}

/** The collective furthest back in which a rank is, by the positions of the ranks that are known. */
export function waitOf(positions: ReadonlyMap<number, Position>): Wait | undefined {
  const inside = [...positions].flatMap(([rank, { inside }]) =>
    inside === undefined ? [] : [{ rank, ...inside }],
  );
  if (inside.length === 0) return undefined;
  const number = Math.min(...inside.map((one) => one.number));
  const waiting = inside.filter((one) => one.number === number).sort((a, b) => a.rank - b.rank);
  const came = waiting.map(({ rank }) => rank);
  const seconds = waiting.map((one) => one.seconds);
  return {
    number,
    what: waiting[0]!.what,
    came,
    first: Math.max(...seconds),
    last: Math.min(...seconds),
    late: lateRanks(positions, number, waiting).filter((rank) => !came.includes(rank)),
  };
}

/** Who has heard of a rank's coming knows best; without that, it counts how far each rank says that it is. */
function lateRanks(
  positions: ReadonlyMap<number, Position>,
  number: number,
  waiting: readonly NonNullable<Position['inside']>[],
): number[] {
  const lists = waiting.flatMap(({ missing }) => (missing === undefined ? [] : [missing]));
  const late =
    lists.length > 0
      ? [...new Set(lists.flat())]
      : [...positions].flatMap(([rank, { begun }]) => (begun <= number ? [rank] : []));
  return late.sort((a, b) => a - b);
}

/**
 * The collective in which the ranks have waited for so many seconds, while those that are late have shown no progress for
 * as long.
 */
export function stallOf(
  positions: ReadonlyMap<number, Position>,
  patience: number,
): Wait | undefined {
  const wait = waitOf(positions);
  if (wait === undefined) return undefined;
  // If all have come, it has been under way only since the last of them came.
  if ((wait.late.length > 0 ? wait.first : wait.last) < patience) return undefined;
  const isQuiet = (rank: number) => (positions.get(rank)?.quiet ?? 0) >= patience;
  return wait.late.every(isQuiet) ? wait : undefined;
}

export function describeStall(wait: Wait, positions: ReadonlyMap<number, Position>): string {
  const { late, came, first, last } = wait;
  if (late.length === 0) {
    return `${listRanks(came)} came to ${named(wait)}, but it has not ended for ${whole(last)}: messages between them do not arrive, or a device hangs`;
  }
  const elsewhere = late.flatMap((rank) => {
    const inside = positions.get(rank)?.inside;
    return inside === undefined ? [] : [`; rank ${rank} waits in ${named(inside)}`];
  });
  const have = late.length === 1 ? 'has' : 'have';
  return `${listRanks(late)} ${have} not come to ${named(wait)}, to which ${listRanks(came)} came ${whole(first)} ago${elsewhere.join('')}`;
}

/** How a lost rank keeps the others waiting; nothing if it does not. */
export function describeLoss(lost: number, wait: Wait | undefined): string {
  if (wait === undefined) return '';
  const came = listRanks(wait.came);
  if (wait.late.includes(lost)) {
    return `; it has not come to ${named(wait)}, to which ${came} came ${whole(wait.first)} ago`;
  }
  const wording = wait.came.length === 1 ? 'waits' : 'wait';
  return `; ${came} ${wording} in ${named(wait)}, for ${whole(wait.first)}`;
}

/** "rank 2", "ranks 0, 1 and 3" */
export function listRanks(ranks: readonly number[]): string {
  const last = ranks.at(-1);
  if (ranks.length < 2) return `rank ${last}`;
  return `ranks ${ranks.slice(0, -1).join(', ')} and ${last}`;
}

function named({ number, what }: { number: number; what: string }): string {
  return `collective ${number}, ${what}`;
}

function whole(seconds: number): string {
  return `${seconds < 1 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

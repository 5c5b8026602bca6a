// Times what runs on a device. A round queues an operation between two marks, often enough to outlast the cost of
// measuring. Contestants take turns round by round, so that other work on the machine, or its temperature, affects all
// alike. The best round and the median are reported. No contestant takes longer than a limit: a slower one
// gets fewer rounds, and one whose single run takes a quarter of the limit is left out.
import type { Device } from '../lib/index.ts';

/** Someone who can run a workload so many times and say how long one took. */
export interface Contestant {
  name: string;
  /** Milliseconds per run. */
  time(runs: number): Promise<number>;
}

export interface Timing {
  /** Milliseconds per run. */
  best: number;
  median: number;
  /** Rounds, and runs in each of them. */
  rounds: number;
  runs: number;
}

export interface RoundOptions {
  rounds: number;
  /** How long a round should take, in milliseconds. */
  roundMilliseconds: number;
  /** How long a contestant may take for all its runs of one workload. */
  limitMilliseconds: number;
  /** Called before each wait with what is waited for. */
  onProgress?: (what: string) => void;
}

export interface Turns {
  timings: Map<string, Timing>;
  /** Who has no timing, and why. */
  left: Map<string, string>;
}

/** More runs in a round would only fill the queue. */
const mostRuns = 1000;

/** Our contestant, timed by the device's own clock. */
export function onDevice(device: Device, run: () => void): Contestant {
  return {
    name: 'leia',
    time: async (runs) => {
      const earlier = device.recordEvent();
      for (let i = 0; i < runs; i++) run();
      return (await device.recordEvent().elapsedSince(earlier)) / runs;
    },
  };
}

interface Entry {
  readonly contestant: Contestant;
  readonly runs: number;
  readonly rounds: number;
  readonly times: number[];
}

/** Times all contestants in turns, each with as many runs a round as fill it. One that fails or is too slow is left. */
export async function timeInTurns(
  contestants: readonly Contestant[],
  options: RoundOptions,
): Promise<Turns> {
  const left = new Map<string, string>();
  const entries: Entry[] = [];
  for (const contestant of contestants) {
    const entry = await orLeave(left, contestant, () => warmUp(contestant, options));
    if (entry !== undefined) entries.push(entry);
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
      const { contestant, runs, rounds, times } = entry;
      if (round >= rounds || left.has(contestant.name)) continue;
      options.onProgress?.(`${contestant.name}, round ${round + 1} of ${rounds}`);
      const time = await orLeave(left, contestant, () => contestant.time(runs));
      if (time !== undefined) times.push(time);
    }
  }
  const measured = entries.filter(({ contestant }) => !left.has(contestant.name));
  return {
    timings: new Map(
      measured.map(({ contestant, runs, times }) => [contestant.name, summary(times, runs)]),
    ),
    left,
  };
}

/** Runs a contestant for the first times and finds how many runs and rounds it gets. */
async function warmUp(
  contestant: Contestant,
  { rounds, roundMilliseconds, limitMilliseconds, onProgress }: RoundOptions,
): Promise<Entry> {
  // The first run pays for what is done once: memory touched, kernels loaded, algorithms chosen.
  onProgress?.(`${contestant.name}, first run`);
  const first = await contestant.time(1);
  if (4 * first > limitMilliseconds) throw tooSlow(first, limitMilliseconds);
  const once = await contestant.time(2);
  const wanted = Math.ceil(roundMilliseconds / Math.max(once, 1e-4));
  const runs = Math.min(Math.max(wanted, 1), mostRuns);
  const rest = limitMilliseconds - first - 2 * once;
  const affordable = Math.floor(rest / Math.max(runs * once, 1e-4));
  if (affordable < 1) throw tooSlow(once, limitMilliseconds);
  return { contestant, runs, rounds: Math.min(rounds, affordable), times: [] };
}

function tooSlow(milliseconds: number, limit: number): Error {
  const seconds = (value: number) => Number((value / 1000).toPrecision(3));
  return new Error(
    `too slow to measure: one run takes ${seconds(milliseconds)} s, the limit for all is ${seconds(limit)} s`,
  );
}

/** What the action gives; if it fails, the contestant is left, with the reason. */
async function orLeave<Result>(
  left: Map<string, string>,
  { name }: Contestant,
  action: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await action();
  } catch (error) {
    left.set(name, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function summary(times: readonly number[], runs: number): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  return { best: sorted[0]!, median: medianOf(sorted), rounds: times.length, runs };
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? sorted[Math.floor(middle)]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

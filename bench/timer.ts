// Times what runs on a device. A round queues an operation often enough to outlast the cost of measuring, between two
// marks; contestants take turns round by round, so that what else the machine does, or how warm it is, meets
// all of them alike. Reported are the best round and the median.
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
}

/** More would only fill the queue. */
const mostRuns = 1000;

/** Ours, by the device's own clock. */
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

/** Times all contestants in turns, each with as many runs a round as fill it. */
export async function timeInTurns(
  contestants: readonly Contestant[],
  { rounds, roundMilliseconds }: RoundOptions,
): Promise<Map<string, Timing>> {
  const entries: { contestant: Contestant; runs: number; times: number[] }[] = [];
  for (const contestant of contestants) {
    // The first run pays for what is done once: memory touched, kernels loaded, algorithms chosen.
    await contestant.time(1);
    const once = await contestant.time(2);
    const runs = Math.ceil(roundMilliseconds / Math.max(once, 1e-4));
    entries.push({ contestant, runs: Math.min(Math.max(runs, 1), mostRuns), times: [] });
  }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? entries : entries.toReversed();
    for (const { contestant, runs, times } of order) times.push(await contestant.time(runs));
  }
  return new Map(
    entries.map(({ contestant, runs, times }) => [contestant.name, summary(times, runs)]),
  );
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

// What this rank's last collectives were. The native core keeps them; when a run ends badly, each rank writes its own.
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder, writeFileAtomically } from '../system/files.ts';
import type { Communicator } from './communicator.ts';
import type { Position } from './positions.ts';

/** One collective as one rank saw it. Times are milliseconds since 1970, absent for what has not happened. */
export interface CollectiveRecord {
  /** How many were queued before it: the same on all ranks. */
  readonly number: number;
  readonly kind: string;
  /** Of the whole tensor, not of a slice; absent for a barrier, as dtype is. */
  readonly elements?: number;
  readonly dtype?: string;
  /** Of a broadcast: whose tensor it is. */
  readonly root?: number;
  /** What it is for. */
  readonly place: string;
  readonly state: 'queued' | 'begun' | 'done' | 'failed';
  readonly queued: number;
  readonly begun?: number;
  readonly ended?: number;
  /** The ranks that had not come to it when this rank last looked; absent where the library does not say. */
  readonly missing?: readonly number[];
}

/** "all_reduce of 3,200 float32 for 'gradient of lm_head.weight'" */
export function describeCollective(record: CollectiveRecord): string {
  const { kind, elements, dtype, root, place } = record;
  const of = elements === undefined ? '' : ` of ${elements.toLocaleString('en')} ${dtype}`;
  const from = root === undefined ? '' : ` from rank ${root}`;
  return `${kind}${of}${from}${place === '' ? '' : ` for '${place}'`}`;
}

/** What a rank says of its way through a run, while it goes on and when it ends badly. */
export class Flight {
  readonly #communicator: Communicator;
  readonly #output: string | undefined;
  /** When this rank last made progress, and how many collectives it had begun then. */
  #advanced = performance.now();
  #begun = 0;
  #busy = 0;
  /** Collectives before the run itself; undefined until it begins. */
  #before: number | undefined;
  #writing: Promise<string | undefined> = Promise.resolve(undefined);

  /** @param output the folder of the run, which need not be there. */
  constructor(communicator: Communicator, output: string | undefined) {
    this.#communicator = communicator;
    this.#output = output;
  }

  /** Where this rank is. */
  readonly position = (): Position => {
    const at = this.#communicator.position;
    if (at.begun !== this.#begun || this.#busy > 0) this.advance();
    this.#begun = at.begun;
    return { ...at, quiet: (performance.now() - this.#advanced) / 1000 };
  };

  /** This rank has made progress. */
  advance(): void {
    this.#advanced = performance.now();
  }

  /** It makes progress until the work is done. */
  async whileBusy<T>(work: () => Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await work();
    } finally {
      this.#busy--;
      this.advance();
    }
  }

  /** What the ranks do from now on belongs to the run. */
  begin(): void {
    this.#before = this.#communicator.position.begun;
  }

  /**
   * Writes the last collectives, if the run has had any.
   *
   * @returns the folder; undefined if nothing was written, as there is nothing or no place.
   */
  async record(reason: string): Promise<string | undefined> {
    // One after the other: the first may be under way when the run stops.
    this.#writing = this.#writing.then(() => this.#write(reason));
    return await this.#writing;
  }

  async #write(reason: string): Promise<string | undefined> {
    const { rank, size, records, position } = this.#communicator;
    if (this.#before === undefined || position.begun <= this.#before) return undefined;
    const flight = { rank, ranks: size, reason, collectives: records };
    // What ends the run says more than that this failed.
    return await writeFlight(this.#output, flight).catch(() => undefined);
  }
}

/** In the output of a run. */
const flightFolder = 'flight-recorder';

interface FlightFile {
  readonly rank: number;
  readonly ranks: number;
  readonly reason: string;
  readonly collectives: readonly CollectiveRecord[];
}

/**
 * Writes `rank-N.json` into the flight recorder's folder of a run's output, or into a new temporary one where there is no
 * such output, or this rank cannot write there.
 *
 * @returns the folder.
 */
async function writeFlight(output: string | undefined, flight: FlightFile): Promise<string> {
  const { collectives, ...head } = flight;
  const about = { host: hostname(), process: process.pid, written: new Date().toISOString() };
  const lines = collectives.map((record) => JSON.stringify(withTimes(record)));
  // A line for each collective, so that a person finds the last.
  const content = `${JSON.stringify({ ...head, ...about }).slice(0, -1)},"collectives":[\n${lines.join(',\n')}\n]}\n`;
  const name = `rank-${flight.rank}.json`;
  if (output !== undefined && existsSync(output)) {
    try {
      const folder = join(output, flightFolder);
      await makeFolder(folder);
      await writeFileAtomically(join(folder, name), content);
      return folder;
    } catch {
      // A full disk, perhaps.
    }
  }
  const folder = await mkdtemp(join(tmpdir(), `leia-${flightFolder}-`));
  await writeFileAtomically(join(folder, name), content);
  return folder;
}

/** A person reads times of day; how long it waited is a number. */
function withTimes({ queued, begun, ended, ...record }: CollectiveRecord) {
  const time = (at: number) => new Date(at).toISOString();
  return {
    ...record,
    queued: time(queued),
    ...(begun !== undefined && { begun: time(begun) }),
    ...(ended !== undefined && { ended: time(ended) }),
    ...(begun !== undefined &&
      ended !== undefined && { milliseconds: Number((ended - begun).toFixed(3)) }),
  };
}

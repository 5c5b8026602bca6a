// The ranks that train together, as one of them sees them: collectives for tensors, and small values beside them. A
// process that is alone is a world of one rank, in which nothing has to be said.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Device } from '../core/device.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { Communicator, ncclId } from './communicator.ts';
import { type CollectiveRecord, Flight } from './flight-recorder.ts';
import { adviseOnNetwork, checkSharedMemory, describeLink, measureLink } from './link-check.ts';
import type { Place } from './place.ts';
import { listRanks } from './positions.ts';
import { Watch } from './watch.ts';

export interface WorldOptions {
  /** Seconds after which a rank that is not heard of ends the run; `LEIA_RANK_TIMEOUT`, or 30. */
  readonly timeout?: number;
  /**
   * Seconds that ranks wait in a collective for one that shows no progress; `LEIA_COLLECTIVE_TIMEOUT`, or 600. Before the
   * first step it is `timeout`.
   */
  readonly patience?: number;
  /** Where this rank computes: `cpu`, or the name of its GPU. */
  readonly device?: string;
  /** The folder of the run, in which each rank writes its last collectives when the run fails. */
  readonly output?: string;
}

interface Parts {
  readonly localSize: number;
  readonly link: string;
  readonly communicator: Communicator;
  /** What told the ranks where they are, if that is another one. */
  readonly mpi: Communicator | undefined;
  readonly watch: Watch;
  readonly device: Device;
  readonly flight: Flight;
}

export class World {
  /** Of a process without others. */
  static readonly alone = new World(0, 1);
  readonly rank: number;
  readonly size: number;
  /** How many ranks are on this machine. */
  readonly localSize: number;
  /** How fast what connects the ranks is, in words; nothing of a process that is alone. */
  readonly link: string | undefined;
  readonly #communicator: Communicator | undefined;
  readonly #mpi: Communicator | undefined;
  readonly #watch: Watch | undefined;
  readonly #device: Device | undefined;
  readonly #flight: Flight | undefined;
  #gatherings = 0;

  private constructor(rank: number, size: number, parts?: Parts) {
    this.rank = rank;
    this.size = size;
    this.localSize = parts?.localSize ?? 1;
    this.link = parts?.link;
    this.#communicator = parts?.communicator;
    this.#mpi = parts?.mpi;
    this.#watch = parts?.watch;
    this.#device = parts?.device;
    this.#flight = parts?.flight;
  }

  /**
   * Joins the ranks of this job, waits until all have come, and tries what connects them.
   *
   * @throws LeiaError `unavailable` without MPI on CPUs or NCCL on GPUs, or naming the ranks that did not come or what
   *   their messages lack.
   */
  static async open(place: Place, options: WorldOptions = {}): Promise<World> {
    const { rank, size, localSize, address } = place;
    checkSharedMemory(localSize);
    const timeout = options.timeout ?? secondsOf('LEIA_RANK_TIMEOUT', 30);
    const patience = options.patience ?? secondsOf('LEIA_COLLECTIVE_TIMEOUT', 600);
    const device = Device.open(options.device);
    const onGpu = device.name !== 'cpu';
    const mpi = onGpu && address !== undefined ? undefined : openMpi(place, timeout);
    let communicator = onGpu ? undefined : mpi;
    let flight = communicator && new Flight(communicator, options.output);
    // What they wait for may never come.
    const communicators = () => [communicator, mpi].filter((one) => one !== undefined);
    const onFailure = (failure: LeiaError) => {
      for (const one of communicators()) one.abort(failure.message);
      void flight?.record(failure.message);
      endSoon(failure);
    };
    abandonAtExit(communicators);
    const position = () => flight?.position() ?? { begun: 0, quiet: 0 };
    const watching = { rank, size, timeout, onFailure, position };
    const watch =
      mpi === undefined
        ? await watchAt(address!, { ...watching, token: place.token })
        : rank === 0
          ? await hostWatch(watching, place, mpi)
          : await joinWatch(watching, mpi);
    communicator ??= await joinOverNccl(device, place, watch);
    flight ??= new Flight(communicator, options.output);
    const speed = await measureLink(communicator, device).catch(async (error: Error) => {
      const { message } = (await watch.fail(error.message)) ?? error;
      throw new LeiaError('unavailable', `${message}; ${adviseOnNetwork()}`);
    });
    watch.patience = patience;
    flight.begin();
    const link = `${size} ranks over ${communicator.description}: ${describeLink(speed)}`;
    return new World(rank, size, { localSize, link, communicator, mpi, watch, device, flight });
  }

  /** Whether this rank does what is done once: it writes files and shows progress. */
  get isFirst(): boolean {
    return this.rank === 0;
  }

  /** Throws `usage` in a process that is alone. */
  get communicator(): Communicator {
    if (this.#communicator !== undefined) return this.#communicator;
    throw new LeiaError('usage', 'this process is alone: there are no ranks to communicate with');
  }

  /** The last collectives of this rank. */
  get records(): readonly CollectiveRecord[] {
    return this.#communicator?.records ?? [];
  }

  /** For how long collectives went on until now, in seconds; 0 in a process that is alone. */
  get secondsSpent(): number {
    return this.#communicator?.secondsSpent ?? 0;
  }

  /**
   * Every rank's value, by rank, in all ranks; all of them must come here. Values are plain JSON.
   *
   * @param about a name that only this gathering has, for one that ranks come to beside others, in any order. Without it
   *   they come to all in the same order.
   * @throws LeiaError why a rank failed.
   */
  async gather<T>(value: T, about?: string): Promise<T[]> {
    if (this.#watch === undefined) return [value];
    return (await this.#watch.gather(about ?? `${this.#gatherings++}`, value)) as T[];
  }

  /** What rank 0 makes, in all ranks; `about` as in {@link World.gather}. */
  async share<T>(make: () => T | Promise<T>, about?: string): Promise<T> {
    const own = this.isFirst ? await make() : undefined;
    return (await this.gather(own, about))[0] as T;
  }

  /** Waits until all ranks are here. */
  async meet(): Promise<void> {
    await this.gather(null);
  }

  /** Says that this rank makes progress, so that those that wait for it are patient. */
  readonly advance = (): void => this.#flight?.advance();

  /** The same until the work is done, which may take long while the other ranks wait. */
  async whileBusy<T>(work: () => Promise<T>): Promise<T> {
    if (this.#flight === undefined) return await work();
    return await this.#flight.whileBusy(work);
  }

  /** Writes this rank's last collectives, for a run that is asked to stop. */
  async record(reason: string): Promise<void> {
    await this.#flight?.record(reason);
  }

  /**
   * Does the work of this rank. If it fails, the other ranks learn it and end; if another rank failed before, its reason is
   * what this throws. `interrupted` is no failure: ranks stop together.
   */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const watch = this.#watch;
      if (watch === undefined) throw error;
      const isInterrupted = error instanceof LeiaError && error.code === 'interrupted';
      const first = isInterrupted
        ? watch.failure
        : await watch.fail(error instanceof Error ? error.message : String(error));
      if (watch.failure === undefined) throw error;
      // The collectives that were queued have failed too, and nobody awaits each of them.
      await this.#device?.synchronize().catch(() => {});
      const folder = await this.#flight?.record(watch.failure.message);
      if (first === undefined) throw error;
      if (folder === undefined) throw first;
      throw new LeiaError(
        first.code,
        `${first.message}; the last collectives of each rank are in ${folder}`,
      );
    }
  }

  /** The end of a run, or of its interruption, once all ranks have come to it. */
  async close(): Promise<void> {
    if (this.#watch === undefined) return;
    await this.#watch.close();
    this.#communicator?.close();
    if (this.#mpi !== this.#communicator) this.#mpi?.close();
  }
}

type Communicators = () => readonly Communicator[];
const abandoned = new Set<Communicators>();

/** At the end of a process its devices wait for what they have begun, which other ranks may not come to. */
function abandonAtExit(communicators: Communicators): void {
  if (abandoned.size === 0) {
    process.prependListener('exit', () => {
      for (const one of [...abandoned].flatMap((list) => list())) one.abandon();
    });
  }
  abandoned.add(communicators);
}

/** A rank that does not come to a collective or to a message, because it computes or waits for a disk, ends too. */
function endSoon(failure: LeiaError): void {
  setTimeout(() => {
    process.stderr.write(`leia: ${failure.message}\n`);
    process.exit(1);
  }, 15_000).unref();
}

/** Eleven days: a timer holds no more than 24. */
const mostSeconds = 1_000_000;

function secondsOf(variable: string, otherwise: number): number {
  const text = process.env[variable] ?? `${otherwise}`;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= mostSeconds) return seconds;
  const expected = `expected a number of seconds, at most ${mostSeconds}`;
  throw new LeiaError('usage', `${variable} is '${text}', ${expected}`);
}

/** Programs of a job start at different times, and MPI takes its own: twice the time that a rank may be silent later. */
function openMpi({ launcher, rank, size }: Place, timeout: number): Communicator {
  const seconds = 2 * timeout;
  const late = `rank ${rank} has waited ${seconds} s for MPI to join ${size} ranks; see whether each was started; ${adviseOnNetwork()}; with a higher LEIA_RANK_TIMEOUT than ${timeout} it waits longer`;
  const communicator = Communicator.openMpi(seconds, `leia: ${late}`);
  if (communicator.size === size) return communicator;
  throw new LeiaError(
    'unavailable',
    `${launcher} says that there are ${size} ranks, but ${communicator.description} connects ${communicator.size}; start them with the mpirun of that MPI, or build the native core with the one that starts them`,
  );
}

/** Rank 0 tells the others what NCCL lets them find each other by. */
async function joinOverNccl(device: Device, place: Place, watch: Watch): Promise<Communicator> {
  const { rank, size } = place;
  try {
    const [id] = await watch.gather('NCCL', rank === 0 ? ncclId() : null);
    return Communicator.openNccl(device, { id: id as string, rank, size });
  } catch (error) {
    throw (await watch.fail((error as Error).message)) ?? error;
  }
}

/** All ranks know where rank 0 is. */
async function watchAt(
  { host, port }: NonNullable<Place['address']>,
  options: Parameters<typeof Watch.host>[0],
): Promise<Watch> {
  if (options.rank !== 0) return await Watch.join(options, { host, port });
  const isLocal = host === '127.0.0.1' || host === 'localhost';
  const { join } = await Watch.host(options, { ...(isLocal && { host: '127.0.0.1' }), port });
  return await join();
}

type Watching = Omit<Parameters<typeof Watch.host>[0], 'token'>;

/** Ranks over MPI tell each other where rank 0 is. */
async function hostWatch(
  options: Watching,
  { size, localSize }: Place,
  communicator: Communicator,
): Promise<Watch> {
  const onOneMachine = size === localSize;
  const token = randomBytes(16).toString('hex');
  const own = onOneMachine ? '127.0.0.1' : undefined;
  const { port, join } = await Watch.host(
    { ...options, token },
    { ...(own && { host: own }), port: 0 },
  );
  const address = JSON.stringify({ host: own ?? hostname(), port, token });
  await broadcastText(communicator, options.timeout, address);
  return await join();
}

async function joinWatch(options: Watching, communicator: Communicator): Promise<Watch> {
  const text = await broadcastText(communicator, options.timeout);
  const { host, port, token } = JSON.parse(text) as { host: string; port: number; token: string };
  return await Watch.join({ ...options, token }, { host, port });
}

const longestText = 512;

/** Rank 0's text, in all ranks: the first thing that they say to each other. Nobody watches them yet. */
async function broadcastText(
  communicator: Communicator,
  timeout: number,
  text = '',
): Promise<string> {
  const bytes = new Int32Array(longestText);
  bytes.set(Buffer.from(text));
  using tensor = Tensor.from(bytes, [longestText], { device: Device.open('cpu') });
  communicator.broadcast(tensor, 0, 'the address of rank 0');
  let reason: string | undefined;
  const late = setTimeout(() => {
    reason = whoIsMissing(communicator, timeout);
    communicator.abort(reason);
  }, timeout * 1000);
  try {
    const values = await tensor.read();
    return Buffer.from(Uint8Array.from(values)).toString('utf8').replaceAll('\0', '');
  } catch (error) {
    throw reason === undefined ? error : new LeiaError('unavailable', reason);
  } finally {
    clearTimeout(late);
  }
}

function whoIsMissing({ position, description }: Communicator, timeout: number): string {
  const { missing = [] } = position.inside ?? {};
  const who =
    missing.length > 0
      ? `${listRanks(missing)} did not come within ${timeout} s, or cannot be heard over ${description}`
      : `all ranks have come, but their messages do not arrive within ${timeout} s`;
  return `${who}; see whether each was started; ${adviseOnNetwork()}`;
}

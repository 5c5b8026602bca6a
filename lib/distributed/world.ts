// The ranks that train together, as one of them sees them: collectives for tensors, and small values beside them. A
// process that is alone is a world of one rank, in which nothing has to be said.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Device } from '../core/device.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { Communicator } from './communicator.ts';
import type { Place } from './place.ts';
import { Watch } from './watch.ts';

export interface WorldOptions {
  /** Seconds after which a rank that is not heard of ends the run; `LEIA_RANK_TIMEOUT`, or 30. */
  readonly timeout?: number;
}

export class World {
  /** Of a process without others. */
  static readonly alone = new World(0, 1);
  readonly rank: number;
  readonly size: number;
  /** How many ranks are on this machine. */
  readonly localSize: number;
  readonly #communicator: Communicator | undefined;
  readonly #watch: Watch | undefined;
  readonly #device: Device | undefined;
  #gatherings = 0;

  private constructor(
    rank: number,
    size: number,
    parts: { localSize?: number; communicator?: Communicator; watch?: Watch; device?: Device } = {},
  ) {
    this.rank = rank;
    this.size = size;
    this.localSize = parts.localSize ?? 1;
    this.#communicator = parts.communicator;
    this.#watch = parts.watch;
    this.#device = parts.device;
  }

  /**
   * Joins the ranks of this job, and waits until all have come.
   *
   * @throws LeiaError `unavailable` without MPI, or naming the ranks that did not come.
   */
  static async open(place: Place, options: WorldOptions = {}): Promise<World> {
    const communicator = Communicator.openMpi();
    const { rank, size } = place;
    if (communicator.size !== size) {
      throw new LeiaError(
        'unavailable',
        `${place.launcher} says that there are ${size} ranks, but ${communicator.description} connects ${communicator.size}; start them with the mpirun of that MPI, or build the native core with the one that starts them`,
      );
    }
    const timeout = options.timeout ?? timeoutOfEnvironment();
    // What a collective waits for may never come.
    const onFailure = (failure: LeiaError) => {
      communicator.abort(failure.message);
      endSoon(failure);
    };
    const watching = { rank, size, timeout, onFailure };
    const watch =
      rank === 0
        ? await hostWatch(watching, place, communicator)
        : await joinWatch(watching, communicator);
    const { localSize } = place;
    return new World(rank, size, { localSize, communicator, watch, device: Device.open('cpu') });
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

  /**
   * Every rank's value, by rank, in all ranks; all of them must come here. Values are plain JSON.
   *
   * @throws LeiaError why a rank failed.
   */
  async gather<T>(value: T): Promise<T[]> {
    if (this.#watch === undefined) return [value];
    return (await this.#watch.gather(`${this.#gatherings++}`, value)) as T[];
  }

  /** What rank 0 makes, in all ranks. */
  async share<T>(make: () => T | Promise<T>): Promise<T> {
    const own = this.isFirst ? await make() : undefined;
    return (await this.gather(own))[0] as T;
  }

  /** Waits until all ranks are here. */
  async meet(): Promise<void> {
    await this.gather(null);
  }

  /**
   * Does the work of this rank. If it fails, the other ranks learn it and end; if another rank failed before, its reason is
   * what this throws. `interrupted` is no failure: ranks stop together.
   */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const cause = this.#watch?.failure;
      if (!(error instanceof LeiaError && error.code === 'interrupted')) {
        this.#watch?.fail(error instanceof Error ? error.message : String(error));
      }
      // The collectives that were queued have failed too, and nobody awaits each of them.
      if (this.#watch?.failure !== undefined) await this.#device?.synchronize().catch(() => {});
      throw cause ?? error;
    }
  }

  /** The end of a run, or of its interruption, once all ranks have come to it. */
  async close(): Promise<void> {
    if (this.#watch === undefined) return;
    await this.#watch.close();
    this.#communicator?.close();
  }
}

/** A rank that does not come to a collective or to a message, because it computes or waits for a disk, ends too. */
function endSoon(failure: LeiaError): void {
  setTimeout(() => {
    process.stderr.write(`leia: ${failure.message}\n`);
    process.exit(1);
  }, 15_000).unref();
}

function timeoutOfEnvironment(): number {
  const { LEIA_RANK_TIMEOUT: text = '30' } = process.env;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new LeiaError('usage', `LEIA_RANK_TIMEOUT is '${text}', expected a number of seconds`);
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
  await broadcastText(communicator, address);
  return await join();
}

async function joinWatch(options: Watching, communicator: Communicator): Promise<Watch> {
  const { host, port, token } = JSON.parse(await broadcastText(communicator)) as {
    host: string;
    port: number;
    token: string;
  };
  return await Watch.join({ ...options, token }, { host, port });
}

const longestText = 512;

/** Rank 0's text, in all ranks: the first thing that they say to each other. */
async function broadcastText(communicator: Communicator, text = ''): Promise<string> {
  const bytes = new Int32Array(longestText);
  bytes.set(Buffer.from(text));
  using tensor = Tensor.from(bytes, [longestText], { device: Device.open('cpu') });
  communicator.broadcast(tensor, 0, 'the address of rank 0');
  const values = await tensor.read();
  return Buffer.from(Uint8Array.from(values)).toString('utf8').replaceAll('\0', '');
}

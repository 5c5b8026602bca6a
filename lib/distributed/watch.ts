// The ranks' knowledge of each other, beside the collectives: every rank keeps a connection to rank 0. Over it they
// exchange small values, and each says now and then that it is alive. When one fails, dies or falls silent, all learn
// which one and why, and end: a collective alone would wait for it for ever. Rank 0 decides what was the first cause, and
// looks whether a rank lets the others wait too long.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { LeiaError } from '../system/error.ts';
import { listen, type Message, send } from './messages.ts';
import {
  describeLoss,
  describeStall,
  listRanks,
  type Position,
  stallOf,
  waitOf,
} from './positions.ts';

export interface WatchOptions {
  readonly rank: number;
  readonly size: number;
  /** Seconds after which a silent rank is given up, and a rank that does not come. */
  readonly timeout: number;
  /** What the ranks of this run know and others do not. */
  readonly token: string;
  /** Called once, when a rank has failed. */
  readonly onFailure: (failure: LeiaError) => void;
  /** Where this rank is. */
  readonly position?: () => Position;
}

/** For how long rank 0 waits for the ranks to say where they are when one is lost, in milliseconds. */
const askingTime = 500;
/**
 * For how long rank 0 looks for a cause of what a rank tells, in milliseconds: that its messages to a rank fail is told before
 * that rank's end is noticed.
 */
const noticingTime = 500;
/** For how long a rank that fails waits to hear whether another failed before. */
const verdictTime = 2000;

interface Gathering {
  readonly values: unknown[];
  /** Ranks whose value is missing. */
  missing: number;
  readonly done: (values: unknown[]) => void;
  readonly fail: (error: LeiaError) => void;
  readonly all: Promise<unknown[]>;
}

/** As long as all ranks live, `gather` is all that there is to see of it. */
export class Watch {
  readonly #options: WatchOptions;
  /** Of rank 0: to all others, by rank. Of others: to rank 0. */
  readonly #peers = new Map<number, Socket>();
  readonly #lastHeard = new Map<number, number>();
  readonly #gatherings = new Map<string, Gathering>();
  #server: Server | undefined;
  #ticker: NodeJS.Timeout | undefined;
  /** Of all ranks in rank 0, of itself in the others. */
  readonly #positions = new Map<number, Position>();
  /** The ranks that were asked where they are and have not answered. */
  readonly #asked = new Set<number>();
  #onAnswers = () => {};
  /** The first reason that a rank has told rank 0. */
  #told: { readonly rank: number; readonly reason: string } | undefined;
  /** Whether a rank is lost, and words are sought for that. */
  #isDeciding = false;
  #failure: LeiaError | undefined;
  readonly #ended: Promise<void>;
  #onEnded = () => {};
  #closed = false;
  /** Seconds that ranks may wait in a collective for one that shows no progress. */
  #patience: number;

  private constructor(options: WatchOptions) {
    this.#options = options;
    this.#patience = options.timeout;
    this.#ended = new Promise((done) => {
      this.#onEnded = done;
    });
  }

  /** From now on; it is the time-out of the ranks at first. */
  set patience(seconds: number) {
    this.#patience = seconds;
    this.#tick();
  }

  /** Rank 0's: opens a port, and gives its number; `join` then waits for the others. */
  static async host(
    options: WatchOptions,
    { host, port }: { host?: string; port: number },
  ): Promise<{ port: number; join: () => Promise<Watch> }> {
    const watch = new Watch(options);
    let done = () => {};
    const arrived = new Promise<void>((resolve) => {
      done = resolve;
    });
    const server = createServer((socket) => watch.#welcome(socket, () => done()));
    watch.#server = server;
    await new Promise<void>((listening, fail) => {
      server.once('error', (error) =>
        fail(
          new LeiaError('unavailable', `rank 0 cannot listen on port ${port}: ${error.message}`),
        ),
      );
      server.listen({ port, ...(host && { host }) }, listening);
    });
    const join = async () => {
      const { timeout, size } = options;
      const late = delay(timeout * 1000, undefined, { ref: false }).then(() => {
        const missing = Array.from({ length: size - 1 }, (_, i) => i + 1).filter(
          (rank) => !watch.#peers.has(rank),
        );
        throw new LeiaError(
          'unavailable',
          `${listRanks(missing)} did not come to rank 0 within ${timeout} s; see whether they were started, and whether they reach this machine`,
        );
      });
      try {
        await Promise.race([arrived, late]);
      } catch (error) {
        // Those that have come learn it too.
        watch.#stop((error as Error).message);
        throw error;
      }
      late.catch(() => {});
      watch.#tick();
      return watch;
    };
    return { port: (server.address() as { port: number }).port, join };
  }

  /** Another rank's. It may come before rank 0 is there. */
  static async join(
    options: WatchOptions,
    { host, port }: { host: string; port: number },
  ): Promise<Watch> {
    const watch = new Watch(options);
    const until = performance.now() + options.timeout * 1000;
    for (;;) {
      try {
        const socket = await open(host, port);
        watch.#adopt(0, socket);
        listen(socket, (message) => watch.#hear(0, message));
        send(socket, { type: 'hello', rank: options.rank, token: options.token });
        watch.#tick();
        return watch;
      } catch (error) {
        if (performance.now() > until) {
          throw new LeiaError(
            'unavailable',
            `rank ${options.rank} does not reach rank 0 at ${host}:${port} within ${options.timeout} s (${(error as Error).message})`,
          );
        }
        await delay(100);
      }
    }
  }

  /** Why the run has to end, once a rank has failed. */
  get failure(): LeiaError | undefined {
    return this.#failure;
  }

  /**
   * Every rank's value, by rank, in all ranks. Each rank calls it with the same names.
   *
   * @throws LeiaError what made a rank fail.
   */
  gather(name: string, value: unknown): Promise<unknown[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const gathering = this.#gathering(name);
    if (this.#options.rank === 0) this.#collect(name, 0, value);
    else send(this.#rankZero, { type: 'value', name, value: value ?? null }); // JSON has no undefined
    return gathering.all;
  }

  /**
   * Tells all others that this rank cannot go on.
   *
   * @returns what went wrong before that, here or elsewhere, if something did.
   */
  async fail(reason: string): Promise<LeiaError | undefined> {
    if (this.#closed) return undefined;
    // What all ranks find wrong with one of them names it already.
    const own = reason.startsWith('rank ')
      ? reason
      : `rank ${this.#options.rank} failed: ${reason}`;
    if (this.#failure === undefined && !this.#isDeciding) {
      if (this.#options.rank === 0) void this.#consider(0, own);
      else send(this.#rankZero, { type: 'failed', reason: own });
    }
    await Promise.race([this.#ended, delay(verdictTime, undefined, { ref: false })]);
    this.#stop(own);
    return this.#failure?.message === own ? undefined : this.#failure;
  }

  /** The end of a run, when all ranks have come to it. */
  async close(): Promise<void> {
    await this.gather('end', undefined);
    this.#end();
  }

  get #rankZero(): Socket {
    return this.#peers.get(0)!;
  }

  #welcome(socket: Socket, done: () => void): void {
    const { size, token } = this.#options;
    let rank: number | undefined;
    // A stranger that says nothing does not keep this process from its end.
    socket.unref();
    listen(socket, (message) => {
      if (rank !== undefined) return this.#hear(rank, message);
      const isRank = message.type === 'hello' && message.token === token && message.rank < size;
      if (!isRank) return void socket.destroy();
      if (this.#peers.has(message.rank)) {
        const reason = `another process has come as rank ${message.rank} before; see whether the ranks were started twice`;
        send(socket, { type: 'failed', reason });
        return void socket.end();
      }
      rank = message.rank;
      this.#adopt(rank, socket);
      if (this.#peers.size === size - 1) done();
    });
  }

  #adopt(rank: number, socket: Socket): void {
    socket.ref();
    this.#peers.set(rank, socket);
    const came = performance.now();
    this.#lastHeard.set(rank, came);
    socket.on('close', () => {
      const wasHeard = rank > 0 || this.#lastHeard.get(rank) !== came;
      const doubt = ' before it said anything; it has died, or another run has its port';
      void this.#lose(rank, `its connection ended${wasHeard ? '' : doubt}`);
    });
  }

  #hear(rank: number, message: Message): void {
    this.#lastHeard.set(rank, performance.now());
    if (message.type === 'alive') this.#place(rank, message.at);
    if (message.type === 'where') send(this.#rankZero, this.#signOfLife());
    if (message.type === 'failed') {
      if (this.#options.rank === 0) void this.#consider(rank, message.reason);
      else this.#stop(message.reason);
    }
    if (message.type === 'value') this.#collect(message.name, rank, message.value);
    if (message.type === 'values') {
      this.#gathering(message.name).done(message.values);
      this.#gatherings.delete(message.name);
      // Rank 0 leaves when it has sent this.
      if (message.name === 'end') this.#end();
    }
  }

  #gathering(name: string): Gathering {
    const known = this.#gatherings.get(name);
    if (known !== undefined) return known;
    const { size } = this.#options;
    let [done, fail]: [Gathering['done'], Gathering['fail']] = [() => {}, () => {}];
    const all = new Promise<unknown[]>((resolve, reject) => {
      [done, fail] = [resolve, reject];
    });
    all.catch(() => {}); // whoever waits hears it
    const gathering = { values: new Array(size), missing: size, done, fail, all };
    this.#gatherings.set(name, gathering);
    return gathering;
  }

  #collect(name: string, rank: number, value: unknown): void {
    const gathering = this.#gathering(name);
    gathering.values[rank] = value ?? null;
    if (--gathering.missing > 0) return;
    for (const peer of this.#peers.values()) {
      send(peer, { type: 'values', name, values: gathering.values });
    }
    this.#gatherings.delete(name);
    gathering.done(gathering.values);
  }

  #tick(): void {
    clearInterval(this.#ticker);
    if (this.#failure !== undefined || this.#closed) return;
    const { timeout } = this.#options;
    const interval = Math.min(5, timeout / 4, this.#patience / 4) * 1000;
    let last = performance.now();
    this.#ticker = setInterval(() => {
      const now = performance.now();
      // This process was stopped itself: what others sent meanwhile is yet to be read.
      const wasStopped = now - last > 2 * interval;
      last = now;
      const alive = this.#signOfLife();
      for (const [rank, socket] of this.#peers) {
        send(socket, alive);
        if (wasStopped) this.#lastHeard.set(rank, now);
        const silent = (now - this.#lastHeard.get(rank)!) / 1000;
        if (silent < timeout) continue;
        const why = `no sign of life for ${Math.round(silent)} s; it was stopped, or its machine is overloaded or gone`;
        void this.#lose(rank, why);
      }
      if (this.#options.rank === 0 && !wasStopped) void this.#endStall();
    }, interval);
    this.#ticker.unref();
  }

  #signOfLife(): Message {
    const at = this.#options.position?.() ?? { begun: 0, quiet: 0 };
    this.#positions.set(this.#options.rank, at);
    return { type: 'alive', at };
  }

  #place(rank: number, at: Position): void {
    if (this.#options.rank === 0) this.#positions.set(rank, at);
    if (this.#asked.delete(rank) && this.#asked.size === 0) this.#onAnswers();
  }

  /** Rank 0 asks where the ranks are now, except one that does not answer any more. Others know of themselves only. */
  async #ask(lost?: number): Promise<void> {
    this.#signOfLife();
    if (this.#options.rank !== 0) return;
    for (const [rank, peer] of this.#peers) {
      if (rank === lost || peer.destroyed) continue;
      this.#asked.add(rank);
      send(peer, { type: 'where' });
    }
    if (this.#asked.size === 0) return;
    const answered = new Promise<void>((done) => {
      this.#onAnswers = done;
    });
    await Promise.race([answered, delay(askingTime, undefined, { ref: false })]);
    this.#asked.clear();
  }

  /** Rank 0 takes a reason that a rank tells, unless one is lost in this moment. */
  async #consider(rank: number, reason: string): Promise<void> {
    this.#told ??= { rank, reason };
    await Promise.race([this.#ended, delay(noticingTime, undefined, { ref: false })]);
    if (!this.#isDeciding) this.#stop(this.#told.reason);
  }

  async #lose(rank: number, why: string): Promise<void> {
    if (this.#failure !== undefined || this.#closed || this.#isDeciding) return;
    // It has said why.
    if (this.#told?.rank === rank) return;
    this.#isDeciding = true;
    // It may have gone on since it said where it was.
    this.#positions.delete(rank);
    await this.#ask(rank);
    this.#stop(`rank ${rank} was lost: ${why}${describeLoss(rank, waitOf(this.#positions))}`);
  }

  async #endStall(): Promise<void> {
    const stall = () => stallOf(this.#positions, this.#patience);
    if (stall() === undefined || this.#isDeciding) return;
    // Where the others are was said a moment ago.
    await this.#ask();
    const found = stall();
    if (found !== undefined && !this.#isDeciding) this.#stop(describeStall(found, this.#positions));
  }

  /** The first reason counts, here and elsewhere. */
  #stop(reason: string): void {
    if (this.#failure !== undefined || this.#closed) return;
    this.#failure = new LeiaError('execution', reason);
    for (const peer of this.#peers.values()) {
      send(peer, { type: 'failed', reason });
      peer.end();
      peer.unref(); // a rank that is lost does not end it
    }
    clearInterval(this.#ticker);
    this.#server?.close();
    for (const { fail } of this.#gatherings.values()) fail(this.#failure);
    this.#onEnded();
    this.#options.onFailure(this.#failure);
  }

  #end(): void {
    this.#closed = true;
    this.#onEnded();
    clearInterval(this.#ticker);
    for (const peer of this.#peers.values()) peer.end();
    this.#server?.close();
  }
}

function open(host: string, port: number): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect({ host, port }, () => {
      socket.off('error', fail);
      done(socket);
    });
    socket.once('error', fail);
  });
}

// Collectives of the ranks: work on the stream of their tensors' device, queued like operations. All ranks must issue
// the same ones in the same order; whoever does not is named in the error.
import { addon, type NativeDevice, type NativeTensor } from '../core/addon.ts';
import type { Device } from '../core/device.ts';
import type { Tensor } from '../core/tensor.ts';
import { type CollectiveRecord, describeCollective } from './flight-recorder.ts';
import type { Position } from './positions.ts';

interface NativeCommunicator {
  rank(): number;
  ranks(): number;
  description(): string;
  allReduce(tensor: NativeTensor, place: string): void;
  reduceScatter(input: NativeTensor, output: NativeTensor, place: string): void;
  allGather(input: NativeTensor, output: NativeTensor, place: string): void;
  broadcast(tensor: NativeTensor, root: number, place: string): void;
  barrier(device: NativeDevice, place: string): void;
  records(): CollectiveRecord[];
  position(): { begun: number; current?: CollectiveRecord };
  secondsSpent(): number;
  abort(reason: string): void;
  abandon(): void;
  close(): void;
}

interface DistributedAddon {
  NativeCommunicator: {
    new (kind: 'mpi', seconds: number, line: string): NativeCommunicator;
    new (
      kind: 'nccl',
      device: NativeDevice,
      id: string,
      rank: number,
      ranks: number,
    ): NativeCommunicator;
  };
  mpiDescription(): string;
  ncclDescription(): string;
  ncclId(): string;
  deviceCount(): number;
  peerAccess(): number[][];
  sliceOf(elements: number, rank: number, ranks: number): [number, number];
}

const native = () => addon<DistributedAddon>();

/** A range of a tensor's elements, taken as flat. */
export interface Slice {
  readonly begin: number;
  readonly end: number;
}

/**
 * The part of so many elements that is one rank's. All ranks but the last have equally many, a multiple of 8; the last
 * has the rest too.
 */
export function sliceOf(elements: number, rank: number, ranks: number): Slice {
  const [begin, end] = native().sliceOf(elements, rank, ranks);
  return { begin, end };
}

/**
 * The MPI that ranks on CPUs use, in words.
 *
 * @throws LeiaError `unavailable` where the native core was built without one, or it is gone.
 */
export function mpiDescription(): string {
  return native().mpiDescription();
}

/**
 * The NCCL that ranks on GPUs use, in words.
 *
 * @throws LeiaError `unavailable` where there is none, with the way to get it.
 */
export function ncclDescription(): string {
  return native().ncclDescription();
}

/**
 * What the ranks of a run on GPUs find each other by: one of them makes it and tells the others.
 *
 * @throws LeiaError `unavailable` where there is no NCCL, or no network for it.
 */
export function ncclId(): string {
  return native().ncclId();
}

/**
 * How many GPUs this process sees.
 *
 * @throws LeiaError `unavailable` if there is none, with the reason.
 */
export function deviceCount(): number {
  return native().deviceCount();
}

/**
 * For each GPU, the numbers of those whose memory it reaches without the host's help.
 *
 * @throws LeiaError `unavailable` if there is none, with the reason.
 */
export function peerAccess(): number[][] {
  return native().peerAccess();
}

/** Each call's `place` says what it is for, in words that an error can show: `gradient of lm_head.weight`. */
export class Communicator {
  readonly rank: number;
  readonly size: number;
  /** The library that connects the ranks, in words. */
  readonly description: string;
  readonly #native: NativeCommunicator;

  private constructor(handle: NativeCommunicator) {
    this.#native = handle;
    this.rank = handle.rank();
    this.size = handle.ranks();
    this.description = handle.description();
  }

  /**
   * Joins the ranks of this process's MPI job, once for each process. MPI lets nothing else happen until all have come,
   * so if they do not within so many seconds, the process ends with code 1 and this line on stderr.
   *
   * @throws LeiaError `unavailable` without MPI.
   */
  static openMpi(seconds = Number.POSITIVE_INFINITY, line = ''): Communicator {
    return new Communicator(new (native().NativeCommunicator)('mpi', seconds, line));
  }

  /**
   * One of the ranks on GPUs that share this id ({@link ncclId}). They meet at their first collective, so what is wrong
   * with their connection is that collective's error.
   *
   * @throws LeiaError `unavailable` without NCCL.
   */
  static openNccl(
    device: Device,
    { id, rank, size }: { id: string; rank: number; size: number },
  ): Communicator {
    const { NativeCommunicator } = native();
    return new Communicator(new NativeCommunicator('nccl', device.handle, id, rank, size));
  }

  /**
   * Replaces the tensor, float32 of any shape, by its sum over all ranks: over MPI added in their order, over NCCL in one
   * that NCCL chooses.
   */
  allReduce(tensor: Tensor, place: string): void {
    this.#native.allReduce(tensor.handle, place);
  }

  /**
   * Sums over all ranks, of which each gets its slice.
   *
   * @param input float32, any shape.
   * @param output float32, as many elements as {@link sliceOf} says; it may be that slice of `input`.
   */
  reduceScatter(input: Tensor, output: Tensor, place: string): void {
    this.#native.reduceScatter(input.handle, output.handle, place);
  }

  /**
   * Puts the slices of all ranks together: the other way round.
   *
   * @param input this rank's slice, of any dtype; it may lie in `output`.
   * @param output all of them, in every rank.
   */
  allGather(input: Tensor, output: Tensor, place: string): void {
    this.#native.allGather(input.handle, output.handle, place);
  }

  /** Replaces the tensor, of any dtype, by what rank `root` has. */
  broadcast(tensor: Tensor, root: number, place: string): void {
    this.#native.broadcast(tensor.handle, root, place);
  }

  /** Work after it begins when all ranks have come to it. */
  barrier(device: Device, place: string): void {
    this.#native.barrier(device.handle, place);
  }

  /** The last 2,000 collectives that were queued, the oldest first. */
  get records(): CollectiveRecord[] {
    return this.#native.records();
  }

  /** How many collectives were begun, and in which one this rank is. */
  get position(): Omit<Position, 'quiet'> {
    const { begun, current } = this.#native.position();
    if (current === undefined) return { begun };
    const inside = {
      number: current.number,
      what: describeCollective(current),
      seconds: (Date.now() - current.begun!) / 1000,
      ...(current.missing && { missing: [...current.missing] }),
    };
    return { begun, inside };
  }

  /** For how long a collective was going on until now, waiting for other ranks included; those that overlap count once. */
  get secondsSpent(): number {
    return this.#native.secondsSpent();
  }

  /** Makes all collectives that wait, or come later, fail with this reason. */
  abort(reason: string): void {
    this.#native.abort(reason);
  }

  /** The same for the end of the process, with the code `interrupted`: it is no failure that anybody has to hear of. */
  abandon(): void {
    this.#native.abandon();
  }

  /** The end of a run that went well, on all ranks, once their devices are synchronised. */
  close(): void {
    this.#native.close();
  }
}

// What connects the ranks, tried before the first step: whether there is enough shared memory, whether messages arrive, and
// how fast. What is wrong then shows as an error that names it, and not as a run that hangs hours later.
import { statfsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Device } from '../core/device.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type { Communicator } from './communicator.ts';

export const sharedMemoryFolder = '/dev/shm';
/** Open MPI takes some 4 MiB for each rank there, and what uses a file there that does not fit dies without a word. */
const sharedBytesOfRank = 4 * 2 ** 20;

export interface SharedMemory {
  readonly total: number;
  readonly free: number;
}

/** In bytes; undefined where there is none. */
export function sharedMemory(folder = sharedMemoryFolder): SharedMemory | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return { total: blocks * bsize, free: bavail * bsize };
  } catch {
    return undefined;
  }
}

/** What so many ranks on one machine need of it. */
export function neededSharedMemory(ranks: number): number {
  return ranks * sharedBytesOfRank;
}

/** @throws LeiaError `unavailable` if the ranks of this machine, several of them, have too little. */
export function checkSharedMemory(ranks: number, memory = sharedMemory()): void {
  const needed = neededSharedMemory(ranks);
  if (ranks === 1 || memory === undefined || memory.free >= needed) return;
  const mebibytes = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
  throw new LeiaError(
    'unavailable',
    `${sharedMemoryFolder} has ${mebibytes(memory.free)} free of ${mebibytes(memory.total)}, and ${ranks} ranks on this machine need ${mebibytes(needed)}; remove what fills it, or start the container with more, such as docker run --shm-size=1g`,
  );
}

/** How fast all-reduces are. */
export interface LinkSpeed {
  /** Seconds that one of a few bytes takes: the median. */
  readonly latency: number;
  /** The largest that was tried, and the seconds that it took at best. */
  readonly bytes: number;
  readonly seconds: number;
}

/** Of float32 elements. Small ones first: a slow network shall not make the start slow. */
const sizes = [2 ** 14, 2 ** 17, 2 ** 20];
const smallCalls = 15;
const largeCalls = 2;
/** After so many seconds no larger size is begun. */
const budget = 0.5;

/**
 * Times all-reduces, for two seconds at most unless messages are very slow; all ranks call it together. That they end at
 * all is for whoever watches the ranks.
 */
export async function measureLink(communicator: Communicator, device: Device): Promise<LinkSpeed> {
  const time = async (elements: number): Promise<number> => {
    using tensor = Tensor.zeros([elements], { device });
    await device.synchronize();
    const began = performance.now();
    communicator.allReduce(tensor, linkCheckPlace);
    await device.synchronize();
    return (performance.now() - began) / 1000;
  };
  await time(2); // connects them
  const small: number[] = [];
  for (let i = 0; i < smallCalls; i++) small.push(await time(2));
  let speed = { bytes: 8, seconds: Math.min(...small) };
  let spent = sum(small);
  for (const elements of sizes) {
    const times: number[] = [];
    for (let i = 0; i < largeCalls; i++) times.push(await time(elements));
    speed = { bytes: 4 * elements, seconds: Math.min(...times) };
    spent += sum(times);
    // All must agree on whether to go on, so they decide by what they took together.
    if ((await meanOfRanks(spent, communicator, device)) > budget) break;
  }
  const latency = small.toSorted((a, b) => a - b)[smallCalls >> 1]!;
  return { latency, ...speed };
}

/** What the collectives are for, as errors show it. */
const linkCheckPlace = 'the check of the connection';

async function meanOfRanks(
  value: number,
  communicator: Communicator,
  device: Device,
): Promise<number> {
  using tensor = Tensor.from([value], [1], { device });
  communicator.allReduce(tensor, linkCheckPlace);
  return (await tensor.readFloats())[0]! / communicator.size;
}

function sum(times: readonly number[]): number {
  return times.reduce((total, time) => total + time, 0);
}

/** "all_reduce of 8 bytes 0.05 ms, of 4 MiB 3.1 ms (1.4 GB/s)" */
export function describeLink({ latency, bytes, seconds }: LinkSpeed): string {
  const milliseconds = (time: number) => `${Number((time * 1000).toPrecision(2))} ms`;
  const size = bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
  const rate = `${Number((bytes / seconds / 1e9).toPrecision(2))} GB/s`;
  return `all_reduce of 8 bytes in ${milliseconds(latency)}, of ${size} in ${milliseconds(seconds)} (${rate})`;
}

/** The settings that choose the network, in the environment's variables of the libraries that read them. */
const networkVariables = ['OMPI_MCA_btl_tcp_if_include', 'UCX_NET_DEVICES', 'NCCL_SOCKET_IFNAME'];

/** What to look at if messages do not arrive on this machine. */
export function adviseOnNetwork(): string {
  const interfaces = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) => {
    const outer = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
    return outer === undefined ? [] : [`${name} ${outer.address}`];
  });
  const here = interfaces.length === 0 ? 'no network interface' : interfaces.join(', ');
  return `this machine has ${here}; ${networkVariables.join(', ')} choose the interface for Open MPI, UCX and NCCL`;
}

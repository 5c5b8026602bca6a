// What `leia doctor` says of training with several ranks: what connects them, and what their launchers say here.
import { mpiDescription, ncclDescription, peerAccess } from '../distributed/communicator.ts';
import {
  neededSharedMemory,
  type SharedMemory,
  sharedMemory,
  sharedMemoryFolder,
} from '../distributed/link-check.ts';
import { launchers, type Place, placeOfProcess } from '../distributed/place.ts';
import { listRanks } from '../distributed/positions.ts';
import { LeiaError } from '../system/error.ts';
import { type Finding, findTool, messageOf } from './findings.ts';
import { formatBytes } from './progress.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export function examineRanks(environment: Environment = process.env): Finding[] {
  return [
    mpi(),
    describeSharedMemory(sharedMemory()),
    nccl(),
    peers(),
    describeLauncher(environment),
    describeVariables(environment),
  ];
}

/** What ranks on CPUs need: an MPI that the native core was built with, and the program that starts them. */
function mpi(): Finding {
  const topic = 'MPI';
  try {
    const starter = findTool('mpiexec', ['mpiexec'], 'starts the ranks of a training');
    return {
      topic,
      status: starter.status,
      text: `${mpiDescription()}; started by ${starter.text}`,
    };
  } catch (error) {
    return { topic, status: 'missing', text: messageOf(error) };
  }
}

/** What ranks on GPUs need. */
function nccl(): Finding {
  try {
    return { topic: 'NCCL', status: 'good', text: ncclDescription() };
  } catch (error) {
    return { topic: 'NCCL', status: 'missing', text: messageOf(error) };
  }
}

/** Containers have 64 MiB of it unless told otherwise, which several GPUs or many ranks use up. */
const fewBytes = neededSharedMemory(16);

export function describeSharedMemory(memory: SharedMemory | undefined): Finding {
  const topic = 'shared memory';
  if (memory === undefined) {
    return { topic, status: 'missing', text: `no ${sharedMemoryFolder}, which ranks need` };
  }
  const { free, total } = memory;
  const ranks = Math.floor(free / neededSharedMemory(1));
  const text = `${formatBytes(free)} of ${formatBytes(total)} free in ${sharedMemoryFolder}`;
  if (free > fewBytes) return { topic, status: 'good', text };
  const few = `${text}, enough for ${ranks === 1 ? '1 rank' : `${ranks} ranks`} on CPUs; a container gets more by docker run --shm-size=1g`;
  return { topic, status: 'missing', text: few };
}

/** Whether GPUs reach each other's memory. Where they do not, all that they exchange crosses the host's. */
function peers(): Finding {
  const topic = 'peer access';
  try {
    return describePeers(peerAccess());
  } catch (error) {
    const missing = error instanceof LeiaError && error.code === 'unavailable';
    return { topic, status: missing ? 'missing' : 'broken', text: messageOf(error) };
  }
}

/** @param reached for each GPU, the others whose memory it reaches. */
export function describePeers(reached: readonly (readonly number[])[]): Finding {
  const topic = 'peer access';
  const count = reached.length;
  if (count === 1) return { topic, status: 'good', text: 'a single GPU' };
  const lacking = reached.flatMap((peers, gpu) => {
    const others = reached.map((_, other) => other).filter((o) => o !== gpu && !peers.includes(o));
    return others.length === 0 ? [] : [`GPU ${gpu} not ${others.join(', ')}`];
  });
  if (lacking.length === 0) {
    return {
      topic,
      status: 'good',
      text: `each of ${count} GPUs reaches the memory of the others`,
    };
  }
  const text = `${lacking.join('; ')}: what they exchange crosses the host's memory; nvidia-smi topo -m shows how they are connected`;
  return { topic, status: 'missing', text };
}

/** How `leia train` would read what a launcher has set. */
export function describeLauncher(environment: Environment): Finding {
  const topic = 'launcher';
  const names = [
    ...launchers.flatMap((one) => [one.rank, one.size, one.localRank, one.localSize]),
    ...['MASTER_ADDR', 'MASTER_PORT', 'SLURM_JOB_ID', 'SLURM_NODEID', 'SLURM_STEP_TASKS_PER_NODE'],
    ...['SLURM_STEP_NODELIST', 'SLURM_LAUNCH_NODE_IPADDR'],
  ];
  const set = names.filter((name) => environment[name] !== undefined);
  const variables = set.map((name) => `${name}=${environment[name]}`).join(' ');
  try {
    const place = placeOfProcess(environment);
    if (place !== undefined)
      return { topic, status: 'good', text: `${words(place)} (${variables})` };
    const text = 'none: leia train is one rank, or starts --nproc of them';
    return { topic, status: 'good', text: set.length === 0 ? text : `${text} (${variables})` };
  } catch (error) {
    return { topic, status: 'broken', text: messageOf(error) };
  }
}

function words({ launcher, rank, size, localRank, localSize, address }: Place): string {
  const where = address === undefined ? '' : `, rank 0 at ${address.host}:${address.port}`;
  return `${launcher}: ${listRanks([rank])} of ${size}, ${localRank} of ${localSize} on this machine${where}`;
}

/** What changes how the libraries behave that connect ranks. */
const ofLibraries = /^(NCCL|UCX|OMPI_MCA|PMIX_MCA|MPICH|FI|LEIA_(NCCL|MPI|RANK|COLLECTIVE))_?/;

export function describeVariables(environment: Environment): Finding {
  const set = Object.entries(environment)
    .filter(([name]) => ofLibraries.test(name))
    .map(([name, value]) => `${name}=${value}`);
  const none = 'none of NCCL_*, OMPI_MCA_*, UCX_*, MPICH_*, FI_* is set';
  return {
    topic: 'variables',
    status: 'good',
    text: set.length === 0 ? none : set.sort().join(' '),
  };
}

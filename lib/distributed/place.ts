// Which rank this process is, as whoever started it says in the environment: torchrun and what follows it (RANK,
// WORLD_SIZE, ...), Open MPI's mpirun, MPICH's and its relatives', or Slurm's srun.
import { z } from 'zod';
import { LeiaError } from '../system/error.ts';

/** A process among those that train together. */
export interface Place {
  /** 0 to size - 1. */
  readonly rank: number;
  readonly size: number;
  /** The same on this machine alone: which of its GPUs is this rank's. */
  readonly localRank: number;
  readonly localSize: number;
  /** Who started the ranks, in words. */
  readonly launcher: string;
  /** Where rank 0 can be reached, if the launcher says so. Otherwise ranks tell each other over MPI. */
  readonly address?: { readonly host: string; readonly port: number };
  /** What the ranks of this run know and those of others hardly do. */
  readonly token: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Launcher {
  readonly name: string;
  readonly rank: string;
  readonly size: string;
  readonly localRank: string;
  readonly localSize: string;
}

/** In the order in which they are asked: mpirun within a Slurm job sets its own variables beside Slurm's. */
export const launchers: readonly Launcher[] = [
  {
    name: 'torchrun',
    rank: 'RANK',
    size: 'WORLD_SIZE',
    localRank: 'LOCAL_RANK',
    localSize: 'LOCAL_WORLD_SIZE',
  },
  {
    name: 'Open MPI',
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
  },
  {
    name: 'MPICH',
    rank: 'PMI_RANK',
    size: 'PMI_SIZE',
    localRank: 'MPI_LOCALRANKID',
    localSize: 'MPI_LOCALNRANKS',
  },
  {
    name: 'Slurm',
    rank: 'SLURM_PROCID',
    // A batch script has the number of its tasks too, but only what srun started is one of them.
    size: 'SLURM_STEP_NUM_TASKS',
    localRank: 'SLURM_LOCALID',
    localSize: 'SLURM_NTASKS_PER_NODE',
  },
];

const counted = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number);

/**
 * The place of this process; undefined if it is alone.
 *
 * @throws LeiaError `usage` for variables that contradict each other, or are no numbers.
 */
export function placeOfProcess(environment: Environment = process.env): Place | undefined {
  const launcher = launchers.find(
    ({ rank, size }) => environment[rank] !== undefined && environment[size] !== undefined,
  );
  if (launcher === undefined) return undefined;
  const number = (name: string, fallback?: number): number => {
    const text = environment[name];
    if (text === undefined && fallback !== undefined) return fallback;
    const parsed = counted.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new LeiaError('usage', `${name} is '${text ?? ''}', expected a number`);
  };
  const rank = number(launcher.rank);
  const size = number(launcher.size);
  if (rank >= size) {
    throw new LeiaError(
      'usage',
      `${launcher.rank} is ${rank}, expected less than ${size} as ${launcher.size} says`,
    );
  }
  if (size === 1) return undefined;
  const onThisNode = launcher.name === 'Slurm' ? tasksOnNode(environment, number) : undefined;
  const localSize = onThisNode ?? number(launcher.localSize, size);
  const address = addressOf(environment, onThisNode === size, number);
  return {
    rank,
    size,
    localRank: number(launcher.localRank, rank),
    localSize,
    launcher: launcher.name,
    ...(address && { address }),
    token: tokenOf(environment),
  };
}

/** What `leia train --nproc` makes up, or the name of the run that torchrun or Slurm knows. */
function tokenOf(environment: Environment): string {
  const {
    LEIA_RANK_TOKEN,
    TORCHELASTIC_RUN_ID,
    SLURM_JOB_ID = '',
    SLURM_STEP_ID = '',
  } = environment;
  return LEIA_RANK_TOKEN ?? TORCHELASTIC_RUN_ID ?? `${SLURM_JOB_ID}.${SLURM_STEP_ID}`;
}

/**
 * How many ranks of a Slurm step are on this node: "4(x2),3" says it of all three nodes. How many the user asked for on each
 * node, Slurm says only if he did, and a node may have fewer.
 */
function tasksOnNode(
  { SLURM_STEP_TASKS_PER_NODE: text, SLURM_NODEID }: Environment,
  number: (name: string) => number,
): number | undefined {
  if (text === undefined || SLURM_NODEID === undefined) return undefined;
  let later = number('SLURM_NODEID');
  for (const part of text.split(',')) {
    const [, count, nodes = '1'] = /^(\d{1,9})(?:\(x(\d{1,9})\))?$/.exec(part) ?? [];
    if (count !== undefined && later < Number(nodes)) return Number(count);
    later -= Number(nodes);
  }
  throw new LeiaError(
    'usage',
    `SLURM_STEP_TASKS_PER_NODE is '${text}', expected the tasks of node ${SLURM_NODEID} in it, as in 4(x2),3`,
  );
}

function addressOf(
  environment: Environment,
  onOneNode: boolean,
  number: (name: string) => number,
): Place['address'] | undefined {
  const { MASTER_ADDR, SLURM_STEP_NODELIST, SLURM_LAUNCH_NODE_IPADDR } = environment;
  if (MASTER_ADDR !== undefined) return { host: MASTER_ADDR, port: portOfTorchrun(number) };
  // Where srun was called is known by its address, but that may be a login node. Rank 0 is on the step's first node.
  const host = onOneNode
    ? '127.0.0.1'
    : SLURM_STEP_NODELIST
      ? firstNode(SLURM_STEP_NODELIST)
      : SLURM_LAUNCH_NODE_IPADDR;
  if (host === undefined) return undefined;
  // Two jobs on one machine have different ports.
  return { host, port: 20_000 + (number('SLURM_JOB_ID') % 10_000) };
}

/** Of "rack[1-2]node[07-09,12],login": "rack1node07". */
function firstNode(nodes: string): string {
  const [first = ''] = /^(?:\[[^\]]*\]|[^,[])*/.exec(nodes) ?? [];
  return first.replace(/\[([^\],-]*)[^\]]*\]/g, '$1');
}

/** torchrun itself listens on its port. */
function portOfTorchrun(number: (name: string) => number): number {
  const port = number('MASTER_PORT');
  if (port < 65_535) return port + 1;
  throw new LeiaError(
    'usage',
    `MASTER_PORT is ${port}, expected at most 65534, as ranks meet at the port after it`,
  );
}

// Starts this very command line once for each rank, on this machine. On CPUs mpiexec does it, since the ranks need its
// help to find each other; ranks on GPUs find each other over a port that they are told.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { availableParallelism, constants } from 'node:os';
import { LeiaError } from '../system/error.ts';
import { mpiDescription } from './communicator.ts';
import { launchers } from './place.ts';

/** What mpiexec passes on to ranks: to save and stop as Ctrl-C and as a batch system ask for it. */
export const stopSignal = 'SIGUSR2';
export const preemptSignal = 'SIGUSR1';
/** Keeps a process that cannot tell that it is a rank from starting ranks itself, without end. */
const startedByLeia = 'LEIA_STARTED_RANK';
/** What a first Ctrl-C says. */
export const stopping = '\nstopping at the next safe place (again to stop at once) …\n';

/**
 * Runs `ranks` processes of this command line and gives the exit code of the job.
 *
 * @throws LeiaError `unavailable` if there is no MPI to start them with.
 */
export async function launchOverMpi(ranks: number): Promise<number> {
  mpiDescription();
  const { LEIA_MPIEXEC: mpiexec = 'mpiexec', [startedByLeia]: isStarted } = process.env;
  if (isStarted !== undefined) {
    const names = launchers.map(({ rank }) => rank).join(', ');
    throw new LeiaError(
      'unavailable',
      `${mpiexec} started this process as one of several ranks, but says in none of ${names} which it is; name another MPI's in LEIA_MPIEXEC`,
    );
  }
  const child = start(mpiexec, ['-n', String(ranks), ...ownCommand()], {
    ...threadsOf(ranks),
    ...openMpiSettings,
    ...process.env,
    // Of a torchrun that started this process alone. A rank would believe it.
    RANK: undefined,
    WORLD_SIZE: undefined,
    [startedByLeia]: '1',
  });
  return await stoppable([child], async () => {
    try {
      return await ended(child);
    } catch (error) {
      throw new LeiaError(
        'unavailable',
        `${mpiexec} cannot be run (${(error as Error).message}); install the MPI's programs, such as Debian's openmpi-bin, or name it in LEIA_MPIEXEC`,
      );
    }
  });
}

/** Seconds that ranks have to end by themselves once one has failed: they learn of it, and say why. */
const grace = 30;

/**
 * The same for ranks on GPUs, which need nobody's help: each is told its place as torchrun would, and an address on this
 * machine. When one fails, the others have {@link grace} seconds to end before they are killed. The exit code is that of
 * the first that failed.
 */
export async function launchProcesses(ranks: number): Promise<number> {
  // What Place makes of MASTER_PORT is the port after it.
  const port = (await freePort()) - 1;
  const shared = {
    ...threadsOf(ranks),
    ...process.env,
    WORLD_SIZE: String(ranks),
    LOCAL_WORLD_SIZE: String(ranks),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(port),
    LEIA_RANK_TOKEN: randomBytes(16).toString('hex'),
  };
  const [program, ...args] = ownCommand();
  const children = Array.from({ length: ranks }, (_, rank) =>
    start(program!, args, { ...shared, RANK: String(rank), LOCAL_RANK: String(rank) }),
  );
  let first = 0;
  let timer: NodeJS.Timeout | undefined;
  const oneEnded = (code: number) => {
    if (code === 0 || first !== 0) return;
    first = code;
    // Without a rank that was stopped before it had begun, the others have not begun either.
    const seconds = stoppedAtStart.has(code) ? 0 : grace;
    timer = setTimeout(() => killAll(children, 'SIGKILL'), seconds * 1000);
  };
  return await stoppable(children, async () => {
    try {
      await Promise.all(children.map(async (child) => oneEnded(await ended(child))));
    } catch (error) {
      killAll(children, 'SIGKILL');
      throw new LeiaError('unavailable', `a rank cannot be started: ${(error as Error).message}`);
    } finally {
      clearTimeout(timer);
    }
    return first;
  });
}

function ownCommand(): string[] {
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
}

/** Each of so many ranks computes with its part of the cores, unless the environment says how many it has. */
function threadsOf(ranks: number) {
  const threads = Math.max(1, Math.floor(availableParallelism() / ranks));
  return { LEIA_NUM_THREADS: String(threads) };
}

function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  // Signals of the terminal come to this process alone.
  return spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true, env });
}

function killAll(children: readonly ChildProcess[], signal: NodeJS.Signals): void {
  for (const child of children) child.kill(signal);
}

/** The exit code of a process, as a shell gives it; rejects if it cannot be started. */
function ended(child: ChildProcess): Promise<number> {
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done(code ?? 128 + constants.signals[signal!]));
  });
}

/**
 * What a launcher passes on of the signals that it gets: at SIGINT and SIGTERM mpiexec would kill the ranks before they
 * have saved.
 */
const passedOn = {
  SIGINT: stopSignal,
  SIGHUP: stopSignal,
  SIGTERM: preemptSignal,
  SIGUSR1: preemptSignal,
} as const;

const interruptedCode = 130;
/** By the exit code of a job that was stopped before its ranks could hear it, what it gives instead: none has failed. */
const stoppedAtStart: ReadonlyMap<number, number> = new Map([
  [128 + constants.signals[stopSignal], interruptedCode],
  [128 + constants.signals[preemptSignal], 0],
]);
/** A rank that Node.js is loading may lose the signal. So it is told again, after so many milliseconds. */
const tellAgain = 1000;

/**
 * Waits for the exit code of a job, and passes signals on to it meanwhile. What stops it first decides how; only a second
 * SIGINT ends it at once: ranks do not outlive the mpiexec that has started them.
 */
async function stoppable(
  children: readonly ChildProcess[],
  work: () => Promise<number>,
): Promise<number> {
  let teller: NodeJS.Timeout | undefined;
  let interrupts = 0;
  const stop = (signal: keyof typeof passedOn) => {
    if (signal === 'SIGINT' && ++interrupts === 1) process.stderr.write(stopping);
    if (interrupts === 2) {
      clearInterval(teller);
      return killAll(children, 'SIGKILL');
    }
    if (teller !== undefined) return;
    const tell = () => killAll(children, passedOn[signal]);
    tell();
    teller = setInterval(tell, tellAgain);
  };
  const signals = Object.keys(passedOn) as (keyof typeof passedOn)[];
  for (const signal of signals) process.on(signal, stop);
  try {
    const code = await work();
    if (interrupts > 1) return interruptedCode;
    const instead = teller && stoppedAtStart.get(code);
    if (instead === undefined) return code;
    process.stderr.write('interrupted; run the same command again to resume\n');
    return instead;
  } finally {
    clearInterval(teller);
    for (const signal of signals) process.off(signal, stop);
  }
}

/** A port of this machine that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

/** Other MPIs ignore them. */
export const openMpiSettings = {
  // On one machine everybody may: containers run as root, and have fewer cores than some wish ranks.
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  // A rank has threads of its own for all its cores.
  OMPI_MCA_hwloc_base_binding_policy: 'none',
  // The ranks say themselves why they end. When one is lost, the others have so many seconds to do so.
  OMPI_MCA_orte_execute_quiet: '1',
  OMPI_MCA_odls_base_sigkill_timeout: '5',
  // On one machine nothing else is needed, and looking for networks takes a second.
  OMPI_MCA_btl: 'self,vader',
  // Containers forbid a process to read another's memory, which it would do for large messages.
  OMPI_MCA_btl_vader_single_copy_mechanism: 'none',
  OMPI_MCA_pml: 'ob1',
} as const;

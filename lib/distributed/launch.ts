// Starts this very command line once for each rank, on this machine. On CPUs mpiexec does it, since the ranks need its
// help to find each other.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { LeiaError } from '../system/error.ts';
import { mpiDescription } from './communicator.ts';

/** What mpiexec passes on to ranks: to save and stop as Ctrl-C and as a batch system ask for it. */
export const stopSignal = 'SIGUSR2';
export const preemptSignal = 'SIGUSR1';

/**
 * Runs `ranks` processes of this command line and gives the exit code of the job.
 *
 * @throws LeiaError `unavailable` if there is no MPI to start them with.
 */
export async function launchOverMpi(ranks: number): Promise<number> {
  mpiDescription();
  const threads = Math.max(1, Math.floor(availableParallelism() / ranks));
  const { LEIA_MPIEXEC: mpiexec = 'mpiexec' } = process.env;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn(mpiexec, ['-n', String(ranks), ...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
    // Signals of the terminal come to this process alone.
    detached: true,
    env: { LEIA_NUM_THREADS: String(threads), ...openMpiSettings, ...process.env },
  });
  // At any other signal mpiexec would kill the ranks before they have saved.
  const passOn = {
    SIGINT: stopSignal,
    SIGHUP: stopSignal,
    SIGTERM: preemptSignal,
    SIGUSR1: preemptSignal,
  } as const;
  const handlers = Object.entries(passOn).map(([signal, to]) => ({
    signal: signal as keyof typeof passOn,
    handler: () => child.kill(to),
  }));
  for (const { signal, handler } of handlers) process.on(signal, handler);
  try {
    return await new Promise<number>((done, fail) => {
      child.on('error', (error: NodeJS.ErrnoException) =>
        fail(
          new LeiaError(
            'unavailable',
            `${mpiexec} cannot be run (${error.message}); install the MPI's programs, such as Debian's openmpi-bin, or name it in LEIA_MPIEXEC`,
          ),
        ),
      );
      child.on('close', (code) => done(code ?? 1));
    });
  } finally {
    for (const { signal, handler } of handlers) process.off(signal, handler);
  }
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

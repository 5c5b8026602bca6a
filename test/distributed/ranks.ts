// Runs what several ranks do, over MPI, as users do: by mpiexec. Where there is no MPI, tests that need one are skipped,
// and say so by their name.
import { spawn, spawnSync } from 'node:child_process';
import { mpiDescription } from '../../lib/distributed/communicator.ts';
import { openMpiSettings } from '../../lib/distributed/launch.ts';
import { type Finished, root } from '../cli/child.ts';
import { plainEnvironment } from '../support/child.ts';

function whyNoMpi(): string | undefined {
  try {
    mpiDescription();
  } catch (error) {
    return (error as Error).message;
  }
  return spawnSync('mpiexec', ['--version']).status === 0 ? undefined : 'there is no mpiexec';
}

/** Why there are no ranks here; undefined where there are. */
export const noMpi = whyNoMpi();
/** For the name of a test that needs ranks. */
export const overMpi = noMpi === undefined ? 'over MPI' : 'over MPI (skipped: there is none here)';

/** For `mpiexec` in a container, and several processes on few cores. */
export const rankEnvironment = {
  ...openMpiSettings,
  // mpiexec waits for so long twice, whatever becomes of the ranks.
  OMPI_MCA_odls_base_sigkill_timeout: '3',
  LEIA_NUM_THREADS: '1',
  LEIA_RANK_TIMEOUT: '20',
};

/** Runs `mpiexec` with these arguments. */
export function mpiexec(args: readonly string[]): Promise<Finished> {
  const child = spawn('mpiexec', args, {
    cwd: root,
    env: { ...plainEnvironment, ...rankEnvironment },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import {
  adviseOnNetwork,
  checkSharedMemory,
  describeLink,
  sharedMemory,
} from '../../lib/distributed/link-check.ts';
import { command, root } from '../cli/child.ts';
import { expectError } from '../llama/fixtures.ts';
import { isFull } from '../support/extent.ts';
import { noMpi, overMpi, rankEnvironment } from './ranks.ts';

const mebibytes = (count: number) => count * 2 ** 20;

test('a small shared memory is an error that says how much is needed', async () => {
  await expectError(
    () => checkSharedMemory(8, { total: mebibytes(64), free: mebibytes(31) }),
    'unavailable',
    '/dev/shm has 31 MiB free of 64 MiB, and 8 ranks on this machine need 32 MiB; remove what fills it, or start the container with more, such as docker run --shm-size=1g',
  );
  checkSharedMemory(8, { total: mebibytes(64), free: mebibytes(32) });
  // A rank that is alone on its machine shares nothing, and what has no such folder is no Linux that we know.
  checkSharedMemory(1, { total: 0, free: 0 });
  checkSharedMemory(8, undefined);
  const here = sharedMemory('/tmp')!;
  expect(here.free).toBeGreaterThan(0);
  expect(here.total).toBeGreaterThanOrEqual(here.free);
  expect(sharedMemory('/nowhere')).toBeUndefined();
});

test('the speed of the connection is one line', () => {
  expect(describeLink({ latency: 0.0000512, bytes: 2 ** 22, seconds: 0.0031 })).toBe(
    'all_reduce of 8 bytes in 0.051 ms, of 4 MiB in 3.1 ms (1.4 GB/s)',
  );
  expect(describeLink({ latency: 0.25, bytes: 2 ** 16, seconds: 1.5 })).toBe(
    'all_reduce of 8 bytes in 250 ms, of 64 KiB in 1500 ms (0.000044 GB/s)',
  );
  expect(adviseOnNetwork()).toMatch(/^this machine has .*; OMPI_MCA_btl_tcp_if_include, .* choose/);
});

/** Runs it where /dev/shm is as small as some containers have it. */
const withSmallMemory = (script: string) =>
  spawnSync(
    'unshare',
    ['-rm', 'sh', '-c', `mount -t tmpfs -o size=6m none /dev/shm && ${script}`],
    {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, ...rankEnvironment },
    },
  );

if (isFull) {
  describe.skipIf(noMpi !== undefined || withSmallMemory('true').status !== 0)(
    `a machine with little shared memory ${overMpi}`,
    () => {
      test('ranks name it before MPI dies of it', () => {
        const args = '--model /nowhere --data /nowhere --output /nowhere --nproc 2';
        const { status, stderr } = withSmallMemory(
          `exec '${process.execPath}' '${command[0]}' train ${args}`,
        );
        expect(status).toBe(1);
        expect(stderr).toMatch(
          /^leia: \/dev\/shm has \d MiB free of 6 MiB, and 2 ranks .* need 8 MiB/m,
        );
      });
    },
  );
}

import { expect, test } from 'vitest';
import { placeOfProcess } from '../../lib/distributed/place.ts';
import { expectError } from '../llama/fixtures.ts';

const torchrun = {
  RANK: '5',
  WORLD_SIZE: '8',
  LOCAL_RANK: '1',
  LOCAL_WORLD_SIZE: '4',
  MASTER_ADDR: 'node-a',
  MASTER_PORT: '29500',
};
const openMpi = {
  OMPI_COMM_WORLD_RANK: '2',
  OMPI_COMM_WORLD_SIZE: '3',
  OMPI_COMM_WORLD_LOCAL_RANK: '0',
  OMPI_COMM_WORLD_LOCAL_SIZE: '1',
};
const slurm = {
  SLURM_PROCID: '6',
  SLURM_STEP_NUM_TASKS: '16',
  SLURM_LOCALID: '2',
  SLURM_NTASKS_PER_NODE: '4',
  SLURM_LAUNCH_NODE_IPADDR: '10.0.0.1',
  SLURM_JOB_ID: '123456',
};

test.each([
  [torchrun, { rank: 5, size: 8, localRank: 1, localSize: 4, launcher: 'torchrun' }],
  [openMpi, { rank: 2, size: 3, localRank: 0, localSize: 1, launcher: 'Open MPI' }],
  [
    { PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALRANKID: '1', MPI_LOCALNRANKS: '2' },
    { rank: 1, size: 2, localRank: 1, localSize: 2, launcher: 'MPICH' },
  ],
  [slurm, { rank: 6, size: 16, localRank: 2, localSize: 4, launcher: 'Slurm' }],
  // Nodes have unequally many, whatever was asked for.
  [
    { ...slurm, SLURM_STEP_TASKS_PER_NODE: '4(x2),5,3', SLURM_NODEID: '2' },
    { rank: 6, size: 16, localSize: 5 },
  ],
  // mpirun within a Slurm job.
  [
    { ...slurm, ...openMpi },
    { rank: 2, size: 3, launcher: 'Open MPI' },
  ],
  // All on one machine, unless it is said.
  [
    { RANK: '1', WORLD_SIZE: '2' },
    { localRank: 1, localSize: 2 },
  ],
])('the place is read from %o', (environment, place) => {
  expect(placeOfProcess(environment)).toMatchObject(place);
});

test('the address of rank 0 is read where it is given', () => {
  // torchrun listens on its port itself.
  expect(placeOfProcess(torchrun)?.address).toEqual({ host: 'node-a', port: 29501 });
  expect(placeOfProcess(slurm)?.address).toEqual({ host: '10.0.0.1', port: 23456 });
  expect(placeOfProcess(openMpi)?.address).toBeUndefined();
  // srun may have been called on a login node.
  for (const [nodes, host] of [
    ['gpu[07-09,12],fat1', 'gpu07'],
    ['rack[1-2]node[3,5],gpu1', 'rack1node3'],
    ['fat1,gpu[1-2]', 'fat1'],
  ] as const) {
    const step = { ...slurm, SLURM_STEP_NODELIST: nodes };
    expect(placeOfProcess(step)?.address).toEqual({ host, port: 23456 });
    const onOneNode = { ...step, SLURM_STEP_TASKS_PER_NODE: '16', SLURM_NODEID: '0' };
    expect(placeOfProcess(onOneNode)?.address).toEqual({ host: '127.0.0.1', port: 23456 });
  }
});

test('a process that nobody started as a rank is alone, and so is the only one', () => {
  expect(placeOfProcess({})).toBeUndefined();
  expect(placeOfProcess({ RANK: '0', WORLD_SIZE: '1' })).toBeUndefined();
  // A batch script has these, and is no rank.
  expect(placeOfProcess({ SLURM_PROCID: '0', SLURM_NTASKS: '8' })).toBeUndefined();
});

test('variables that make no sense are named', async () => {
  await expectError(
    () => placeOfProcess({ RANK: '2', WORLD_SIZE: '2' }),
    'usage',
    'RANK is 2, expected less than 2 as WORLD_SIZE says',
  );
  for (const RANK of ['', '-1', '1.5', 'two', '9'.repeat(20)]) {
    await expectError(
      () => placeOfProcess({ RANK, WORLD_SIZE: '2' }),
      'usage',
      `RANK is '${RANK}', expected a number`,
    );
  }
  await expectError(
    () => placeOfProcess({ RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: 'here' }),
    'usage',
    "MASTER_PORT is '', expected a number",
  );
  await expectError(
    () => placeOfProcess({ ...torchrun, MASTER_PORT: '65535' }),
    'usage',
    'MASTER_PORT is 65535, expected at most 65534, as ranks meet at the port after it',
  );
  for (const counts of ['', '4(x', '4(x2)']) {
    const step = { ...slurm, SLURM_STEP_TASKS_PER_NODE: counts, SLURM_NODEID: '2' };
    const message = `SLURM_STEP_TASKS_PER_NODE is '${counts}', expected the tasks of node 2 in it, as in 4(x2),3`;
    await expectError(() => placeOfProcess(step), 'usage', message);
  }
});

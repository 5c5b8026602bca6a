// What `leia doctor` says of machines that are not this one.
import { expect, test } from 'vitest';
import {
  describeLauncher,
  describePeers,
  describeSharedMemory,
  describeVariables,
} from '../../lib/cli/doctor-ranks.ts';

test('the shared memory of a container is too little for many ranks, and says how it gets more', () => {
  expect(describeSharedMemory({ total: 2 ** 26, free: 2 ** 23 + 7 })).toEqual({
    topic: 'shared memory',
    status: 'missing',
    text: '8.4 MB of 67.1 MB free in /dev/shm, enough for 2 ranks on CPUs; a container gets more by docker run --shm-size=1g',
  });
  expect(describeSharedMemory({ total: 2 ** 33, free: 2 ** 32 }).status).toBe('good');
  expect(describeSharedMemory(undefined).status).toBe('missing');
});

test('GPUs that do not reach each other are named', () => {
  const all = [
    [1, 2],
    [0, 2],
    [0, 1],
  ];
  expect(describePeers(all)).toMatchObject({
    status: 'good',
    text: 'each of 3 GPUs reaches the memory of the others',
  });
  expect(describePeers([[1], [0], []])).toMatchObject({
    status: 'missing',
    text: expect.stringMatching(/^GPU 0 not 2; GPU 1 not 2; GPU 2 not 0, 1: what they exchange/),
  });
  expect(describePeers([[]]).text).toBe('a single GPU');
});

test("a launcher's variables are shown as they are read", () => {
  expect(describeLauncher({})).toMatchObject({
    status: 'good',
    text: expect.stringMatching(/^none: /),
  });
  const torchrun = { RANK: '5', WORLD_SIZE: '8', LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '4' };
  const address = { MASTER_ADDR: 'node-a', MASTER_PORT: '29500' };
  expect(describeLauncher({ ...torchrun, ...address, HOME: '/root' })).toEqual({
    topic: 'launcher',
    status: 'good',
    text: 'torchrun: rank 5 of 8, 1 of 4 on this machine, rank 0 at node-a:29501 (RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 MASTER_ADDR=node-a MASTER_PORT=29500)',
  });
  // Half of what is needed is no launcher, but a sign of a mistake.
  expect(describeLauncher({ RANK: '5' }).text).toContain('(RANK=5)');
  expect(describeLauncher({ RANK: '9', WORLD_SIZE: '8' })).toMatchObject({
    status: 'broken',
    text: 'RANK is 9, expected less than 8 as WORLD_SIZE says',
  });
});

test('what changes how libraries connect ranks is shown, and nothing else', () => {
  expect(describeVariables({ HOME: '/root', LEIA_DEBUG: '1' }).text).toMatch(/^none of NCCL_/);
  expect(
    describeVariables({ UCX_TLS: 'tcp', NCCL_SOCKET_IFNAME: 'eth0', PATH: '/bin', LEIA_MPI: 'x' })
      .text,
  ).toBe('LEIA_MPI=x NCCL_SOCKET_IFNAME=eth0 UCX_TLS=tcp');
});

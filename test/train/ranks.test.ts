// Several ranks train as one does: over MPI, in processes of their own, as users start them.
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SequenceSource } from '../../lib/leia/batches.ts';
import { Dataset } from '../../lib/leia/dataset.ts';
import { countLabelTokens } from '../../lib/llama/batch.ts';
import { command, type Finished, leia } from '../cli/child.ts';
import { mpiexec, noMpi, overMpi, rankEnvironment } from '../distributed/ranks.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { isFull } from '../support/extent.ts';
import { processesOf } from '../support/rank-processes.ts';
import { expectClose, makeDataset, makeModel, metricsOf, withoutSpeed } from './runs.ts';

async function makeArguments(...more: string[]): Promise<{ args: string[]; output: string }> {
  const output = join(await temporaryFolder(), 'run');
  const args = ['train', '--model', await makeModel(), '--data', await makeDataset()];
  args.push('--output', output, '--sequence-length', '32', '--batch-size', '8', '--dtype');
  args.push('float32', '--learning-rate', '1e-3', '--no-loss-on-names', ...more);
  return { args, output };
}

const ranks = (args: readonly string[], nproc: number, onStart?: (child: ChildProcess) => void) =>
  leia([...args, '--nproc', `${nproc}`], {
    env: rankEnvironment,
    ...(onStart && { onStart }),
  });

/** Waits until the run in a folder has made some steps. */
async function begun(output: string): Promise<void> {
  while ((await metricsOf(output).catch(() => [])).length < 2) await setTimeout(20);
}

function processOf(output: string, rank: number): number {
  const found = processesOf(output).find((one) => one.rank === rank);
  if (found !== undefined) return found.id;
  throw new Error(`there is no process of rank ${rank}`);
}

/** Whether a rank has loaded what opens MPI, which it does before anything that takes long. */
function hasOpenedMpi(output: string, rank: number): boolean {
  try {
    return readFileSync(`/proc/${processOf(output, rank)}/maps`, 'utf8').includes('leia_mpi.so');
  } catch {
    return false;
  }
}

/** Two ranks, each with its own arguments. */
function twoCommands(first: readonly string[], second: readonly string[]): Promise<Finished> {
  const one = (args: readonly string[]) => ['-n', '1', process.execPath, ...command, ...args];
  return mpiexec([...one(first), ':', ...one(second)]);
}

describe.skipIf(noMpi !== undefined)(`ranks ${overMpi}`, () => {
  test('the ranks of these tests have unequal numbers of labels', async () => {
    const { args } = await makeArguments();
    using dataset = await Dataset.open(args[args.indexOf('--data') + 1]!);
    const source = new SequenceSource(dataset, {
      strategy: 'right',
      pSkip: 0.5,
      translateId: 512,
      endTranslateId: 513,
      sequenceLength: 32,
      lossOnNames: false,
      seed: 0,
    });
    const rows = Array.from({ length: 8 }, () => source.next().labels);
    const counts = [rows.slice(0, 4), rows.slice(4)].map((half) => countLabelTokens(half));
    expect(counts[0]).not.toBe(counts[1]);
  });

  test.each(
    isFull
      ? [2, 3, 4].flatMap((size) =>
          ['tokens', 'micro-batches'].map((mean) => [size, mean] as const),
        )
      : ([
          [3, 'tokens'],
          [2, 'micro-batches'],
        ] as const),
  )('%i ranks learn what one does, with the mean of %s', async (size, mean) => {
    const more = ['--max-steps', '5', '--loss-average', mean];
    const { args, output } = await makeArguments(...more, '--micro-batch-size', '1');
    expect(await leia(args)).toMatchObject({ code: 0 });
    const together = `${output}-ranks`;
    const inRanks = args.map((arg) => (arg === output ? together : arg));
    const run = await ranks([...inRanks, '--profile', '1'], size);
    expect(run.code, run.stderr).toBe(0);
    // Said once, not by each rank.
    expect(run.stdout.match(/The model is in/g)).toHaveLength(1);
    expect(run.stderr.match(/M parameters/g)).toHaveLength(1);
    await expectClose(together, output);
    for (const { ranks: number, communicationShare = -1 } of await metricsOf(together)) {
      expect(number).toBe(size);
      expect(communicationShare).toBeGreaterThan(0);
      expect(communicationShare).toBeLessThanOrEqual(1);
    }
    const profile = await readFile(join(together, 'profile.json'), 'utf8');
    // The loss of a step is one of its collectives.
    expect(profile).toContain(`"name":"all_reduce of 2 float32 for 'loss'","ph":"X"`);
    if (mean === 'tokens') {
      const atOnce = `${output}-once`;
      const whole = args.map((arg) => (arg === output ? atOnce : arg));
      await leia([...whole, '--micro-batch-size', '8']);
      await expectClose(atOnce, output);
    }
    if (!isFull) return;
    const again = `${output}-again`;
    await ranks(
      args.map((arg) => (arg === output ? again : arg)),
      size,
    );
    expect(withoutSpeed(await metricsOf(again))).toEqual(withoutSpeed(await metricsOf(together)));
    const file = (folder: string) => readFile(join(folder, 'model.safetensors'));
    expect(await file(again)).toEqual(await file(together));
  });

  test.each(isFull ? ['0', '1', '2', '3'] : ['2'])(
    'asked to stop at stage %s, all ranks stop at one step, and one process goes on from there',
    async (stage) => {
      const { args, output } = await makeArguments('--max-steps', '150', '--micro-batch-size', '1');
      args.push('--evaluate-steps', '10', '--held-out-articles', '2', '--zero', stage);
      const stopped = await ranks(args, 2, async (child) => {
        await begun(output);
        child.kill('SIGTERM');
      });
      expect(stopped.code).toBe(0);
      const steps = (await metricsOf(output)).length;
      expect(stopped.stderr).toContain(`interrupted after ${steps} of 150 steps`);
      expect(stopped.stderr).toMatch(/^2 ranks over .*: all_reduce of 8 bytes in [\d.]+ ms, of /m);
      expect(readdirSync(join(output, 'flight-recorder'))).toEqual(['rank-0.json', 'rank-1.json']);
      const resumed = await leia(args);
      expect(resumed).toMatchObject({ code: 0 });
      expect(resumed.stderr).toContain(`resuming after step ${steps} of 150`);
    },
  );

  test.each(isFull ? [0, 1, 2] : [1])(
    'when rank %i is killed, the others end and name it',
    async (rank) => {
      const { args, output } = await makeArguments('--max-steps', '100000');
      const run = await ranks([...args, '--micro-batch-size', '1'], 3, async () => {
        await begun(output);
        process.kill(processOf(output, rank), 'SIGKILL');
      });
      expect(run.code).not.toBe(0);
      const errors = run.stderr.split('\n').filter((line) => line.startsWith('leia: '));
      expect(errors.length).toBeGreaterThan(0);
      // One cause, on all that are left; without rank 0, each knows its own place only.
      const words = `^leia: rank ${rank} was lost: its connection ended(; .* collective \\d+, .*)?; the last collectives of each rank are in ${output}/flight-recorder$`;
      for (const error of errors) expect(error).toMatch(new RegExp(words));
      if (rank !== 0) expect(new Set(errors).size).toBe(1);
      const left = [0, 1, 2].filter((other) => other !== rank).map((other) => `rank-${other}.json`);
      expect(readdirSync(join(output, 'flight-recorder'))).toEqual(left);
    },
  );

  test('when a batch system stops one rank, all stop, and none has failed', async () => {
    const { args, output } = await makeArguments('--max-steps', '100000');
    const run = await ranks([...args, '--micro-batch-size', '1'], 2, async () => {
      await begun(output);
      process.kill(processOf(output, 1), 'SIGTERM');
    });
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr).toContain('another rank was interrupted');
  });

  test('ranks that are asked to stop while node loads them do so', async () => {
    const { args, output } = await makeArguments('--max-steps', '1000');
    const run = await ranks([...args, '--micro-batch-size', '1'], 2, async (child) => {
      while (!processesOf(output).some(({ rank }) => rank !== undefined)) await setTimeout(5);
      child.kill('SIGTERM');
    });
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr).toContain('interrupted');
  });

  const others: [string | string[], string][] = [
    [['--learning-rate', '2e-3'], 'learningRate 0.001, rank 1 has 0.002'],
    [['--seed', '1'], 'seed 0, rank 1 has 1'],
    [['--save-steps', '1'], 'saveSteps not set, rank 1 has 1'],
    [['--evaluate-steps', '2', '--held-out-articles', '1'], 'evaluateSteps not set, rank 1 has 2'],
    ['data', 'another dataset'],
  ];
  test.each(isFull ? others : others.slice(0, 1))(
    'a rank with other %o is named before the first step',
    async (more, difference) => {
      const { args, output } = await makeArguments('--max-steps', '2', '--micro-batch-size', '1');
      const other = more === 'data' ? await otherData(args) : [...args, ...more];
      const run = await twoCommands(args, other);
      expect(run.code).toBe(1);
      expect(run.stderr).toContain(
        `leia: rank 1 does not agree with rank 0, which would train with ${difference}`,
      );
      expect(existsSync(join(output, 'metrics.jsonl'))).toBe(false);
    },
  );

  async function otherData(args: readonly string[]): Promise<string[]> {
    const data = args[args.indexOf('--data') + 1];
    const other = await makeDataset(9);
    return args.map((arg) => (arg === data ? other : arg));
  }

  if (isFull) {
    test.each(['0', '1', '2', '3'])(
      'what is not finite is found by all ranks together, at stage %s',
      async (stage) => {
        const { args, output } = await makeArguments('--max-steps', '3', '--micro-batch-size', '1');
        const wrong = args.map((arg) => (arg === '1e-3' ? '1e30' : arg));
        const alone = await leia(wrong);
        expect(alone.stderr).toMatch(/^leia: step 2: .* NaN, first in micro-batch 1 of 8/m);
        const last = (text: string) => text.trim().split('\n').at(-1);
        const run = await ranks(
          [...wrong.map((arg) => (arg === output ? `${output}-ranks` : arg)), '--zero', stage],
          3,
        );
        expect(run.code).not.toBe(0);
        expect(run.stderr).toContain(last(alone.stderr));
      },
    );

    test('ranks that share see one output, or the first that does not is named', async () => {
      const { args, output } = await makeArguments('--max-steps', '2', '--micro-batch-size', '1');
      args.push('--zero', '1');
      const run = await twoCommands(
        args,
        args.map((arg) => (arg === output ? `${output}-elsewhere` : arg)),
      );
      expect(run.code).not.toBe(0);
      expect(run.stderr).toContain('rank 1 does not see in ');
      expect(existsSync(join(output, 'metrics.jsonl'))).toBe(false);
    });

    test('ranks that are asked to stop while they find each other do so', async () => {
      const { args, output } = await makeArguments('--max-steps', '2', '--micro-batch-size', '1');
      const run = await ranks(args, 2, async (child) => {
        while (![0, 1].every((rank) => hasOpenedMpi(output, rank))) await setTimeout(5);
        child.kill('SIGTERM');
      });
      expect(run.code, run.stderr).toBe(0);
      expect(run.stderr).toContain('interrupted');
      expect(run.stdout).not.toContain('The model is in');
    });

    test('ranks of a process that torchrun started alone are no such processes', async () => {
      const { args, output } = await makeArguments('--max-steps', '1', '--nproc', '2');
      const env = { ...rankEnvironment, RANK: '0', WORLD_SIZE: '1' };
      expect(await leia(args, { env })).toMatchObject({ code: 0 });
      expect(await metricsOf(output)).toMatchObject([{ ranks: 2 }]);
    });

    test('an error of one rank ends all, with its reason', async () => {
      const { args } = await makeArguments('--max-steps', '2', '--micro-batch-size', '1');
      const wrong = args.map((arg, i) => (args[i - 1] === '--model' ? '/nowhere' : arg));
      const run = await twoCommands(args, wrong);
      expect(run.code).not.toBe(0);
      expect(run.stderr).toMatch(/^leia: rank 1 failed: .*\/nowhere/m);
    });

    test('a second Ctrl-C ends ranks that do not come to a safe place', async () => {
      const { args, output } = await makeArguments('--max-steps', '100000');
      let stopped = 0;
      const run = await ranks([...args, '--micro-batch-size', '1'], 2, async (child) => {
        await begun(output);
        stopped = processOf(output, 1);
        process.kill(stopped, 'SIGSTOP');
        child.kill('SIGINT');
        await setTimeout(100);
        child.kill('SIGINT');
      });
      process.kill(stopped, 'SIGKILL');
      expect(run.code, run.stderr).toBe(130);
      expect(run.stderr).toContain('stopping at the next safe place (again to stop at once)');
    });

    // It waits for as long as a busy machine may keep a rank that is well from saying so.
    test('when a rank is stopped, the others end and name it', async () => {
      const { args, output } = await makeArguments('--max-steps', '100000');
      const run = await ranks([...args, '--micro-batch-size', '1'], 2, async () => {
        await begun(output);
        process.kill(processOf(output, 1), 'SIGSTOP');
      });
      expect(run.code).not.toBe(0);
      expect(run.stderr).toMatch(
        /^leia: rank 1 was lost: no sign of life for \d+ s; it was stopped.*; (it has not come to|rank 0 waits in) collective \d+, all_reduce of [\d,]+ float32 for '\S.*', (to which rank 0 came \d+ s ago|for \d+ s)/m,
      );
    });
  }
});

const emulated = {
  LEIA_ADDON: join(process.env.LEIA_BUILD ?? 'build', 'emulated/leia.node'),
  LEIA_NUM_THREADS: '1',
  LEIA_RANK_TIMEOUT: '60',
};
const gpuRanks = (
  args: readonly string[],
  nproc: number,
  onStart?: (child: ChildProcess) => void,
) =>
  leia([...args, '--device', 'emulated', '--nproc', `${nproc}`], {
    env: emulated,
    ...(onStart && { onStart }),
  });

test('ranks on GPUs are processes of their own, which find each other', async () => {
  const short = ['--max-steps', '1', '--batch-size', '2', '--micro-batch-size', '1'];
  const { args, output } = await makeArguments(...short);
  const run = await gpuRanks(args, 2);
  expect(run.code, run.stderr).toBe(0);
  expect(run.stderr).toContain('2 ranks over NCCL');
  // Said once, not by each rank.
  expect(run.stdout.match(/The model is in/g)).toHaveLength(1);
  expect(await metricsOf(output)).toHaveLength(1);
});

if (isFull) {
  describe('ranks on GPUs that end early', () => {
    const endless = ['--max-steps', '100000', '--batch-size', '3', '--micro-batch-size', '1'];

    test.each([0, 2])('when rank %i is killed, the others end and name it', async (rank) => {
      const { args, output } = await makeArguments(...endless, '--zero', '3');
      const run = await gpuRanks(args, 3, async () => {
        await begun(output);
        process.kill(processOf(output, rank), 'SIGKILL');
      });
      // That of the process that ended first.
      expect(run.code).toBe(137);
      const errors = run.stderr.split('\n').filter((line) => line.startsWith('leia: '));
      expect(errors).toHaveLength(2);
      for (const error of errors) {
        expect(error).toMatch(new RegExp(`^leia: rank ${rank} was lost: its connection ended`));
      }
    });

    test('asked to stop, all save what they have and end well', async () => {
      const { args, output } = await makeArguments(...endless);
      const run = await gpuRanks(args, 2, async (child) => {
        await begun(output);
        child.kill('SIGTERM');
      });
      expect(run.code, run.stderr).toBe(0);
      const steps = (await metricsOf(output)).length;
      expect(run.stderr).toContain(`interrupted after ${steps} of 100000 steps`);
    });
  });
}

test('a number of ranks that the launcher contradicts is refused', async () => {
  const { args } = await makeArguments('--nproc', '2');
  const place = { RANK: '0', WORLD_SIZE: '3' };
  expect(await leia(args, { env: place })).toMatchObject({
    code: 2,
    stderr: 'leia: --nproc 2, but torchrun started 3 ranks; leave --nproc out\n',
  });
});

test.skipIf(noMpi !== undefined)(
  'ranks that are not told which they are start no others',
  async () => {
    const mpiexec = join(await temporaryFolder(), 'mpiexec');
    await writeFile(mpiexec, '#!/bin/sh\nshift 2\nexec "$@"\n', { mode: 0o755 });
    const { args } = await makeArguments('--nproc', '2');
    expect(await leia(args, { env: { LEIA_MPIEXEC: mpiexec } })).toMatchObject({
      code: 1,
      stderr: `leia: ${mpiexec} started this process as one of several ranks, but says in none of RANK, OMPI_COMM_WORLD_RANK, PMI_RANK, SLURM_PROCID which it is; name another MPI's in LEIA_MPIEXEC\n`,
    });
  },
);

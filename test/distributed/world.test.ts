import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { World } from '../../lib/distributed/world.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { runChild } from '../support/child.ts';
import { isFull } from '../support/extent.ts';
import { mpiexec, noMpi, overMpi } from './ranks.ts';

const run = async (mode: string) => {
  const output = await temporaryFolder();
  const child = ['--import', 'tsx', 'test/distributed/children/world.ts', mode, output];
  const { code, stdout, stderr } = await mpiexec(['-n', '3', process.execPath, ...child]);
  return { code, error: stdout.trim(), stderr, output };
};

/** What the ranks wrote, by their names. */
function flights(output: string) {
  const folder = join(output, 'flight-recorder');
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
}

const ended: Record<string, RegExp> = {
  late: /^rank 2 has not come to collective (\d+), all_reduce of 3 float32 for 'gradient of c', to which ranks 0 and 1 came [\d.]+ s ago; the last collectives of each rank are in \//,
  other:
    /^(?:rank 1 failed: )?all_reduce of 3 float32 \(gradient of c\): rank 2 issued another collective than the other ranks: barrier as number (\d+), expected all_reduce of 3 float32 as number \1/,
  absent:
    /^rank 2 did not come within 1 s, or cannot be heard over \S.*; see whether each was started; this machine has /,
};

describe.skipIf(noMpi !== undefined)(`a world ${overMpi}`, () => {
  test.each(isFull ? Object.keys(ended) : ['late'])(
    'what ends it is said, and what each rank did last: %s',
    async (mode) => {
      const { error, output } = await run(mode);
      expect(error).toMatch(ended[mode]!);
      if (mode === 'absent') return;
      const number = Number(ended[mode]!.exec(error)![1]);
      const all = flights(output);
      expect(all.map(({ rank }) => rank)).toEqual([0, 1, 2]);
      for (const { rank, ranks, reason, collectives } of all) {
        expect(ranks).toBe(3);
        expect(error).toContain(reason.replace(/^rank \d failed: /, ''));
        const [before, one] = collectives.slice(number - 1);
        expect(before).toMatchObject({ number: number - 1, state: 'done', missing: [] });
        expect(before.milliseconds).toBeGreaterThan(0);
        // It never came there.
        if (mode === 'late' && rank === 2) expect(one).toBeUndefined();
        else expect(one).toMatchObject({ number, state: 'failed' });
        if (mode === 'late' && rank < 2) expect(one.missing).toEqual([2]);
      }
    },
  );

  test.runIf(isFull)('one that MPI waits for is missed', async () => {
    const { code, stderr } = await run('unborn');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^leia: rank [01] has waited 1 s for MPI to join 3 ranks; see whether each was started; this machine has .*; with a higher LEIA_RANK_TIMEOUT than 0\.5 it waits longer$/m,
    );
  });
});

test.each(['0', '-1', 'soon', '', '1e12', 'Infinity'])('%j is no time to wait', async (text) => {
  vi.stubEnv('LEIA_RANK_TIMEOUT', text);
  const place = { rank: 0, size: 2, localRank: 0, localSize: 2, launcher: 'a test', token: '' };
  await expect(World.open(place)).rejects.toMatchObject({
    code: 'usage',
    message: `LEIA_RANK_TIMEOUT is '${text}', expected a number of seconds, at most 1000000`,
  });
  vi.unstubAllEnvs();
});

test('a process that ends while it waits for another rank says nothing of that', async () => {
  const addon = join(process.env.LEIA_BUILD ?? 'build', 'emulated/leia.node');
  const variables = { LEIA_ADDON: addon, LEIA_NUM_THREADS: '1' };
  const { code, errors } = await runChild('distributed/children/leave.ts', variables);
  expect({ code, errors }).toEqual({ code: 130, errors: '' });
});

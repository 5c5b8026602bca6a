import { describe, expect, test } from 'vitest';
import { sliceOf } from '../../lib/distributed/communicator.ts';
import { isFull } from '../support/extent.ts';
import { mpiexec, noMpi, overMpi } from './ranks.ts';

test('slices follow each other, begin at multiples of 8, and cover all', () => {
  for (const ranks of [1, 2, 3, 4, 7]) {
    for (const elements of [0, 1, 8, 9, 63, 64, 1001, 2 ** 40 + 5]) {
      let next = 0;
      for (let rank = 0; rank < ranks; rank++) {
        const { begin, end } = sliceOf(elements, rank, ranks);
        expect([begin, begin % 8]).toEqual([next, 0]);
        next = end;
      }
      expect(next).toBe(elements);
    }
  }
});

const runRanks = (ranks: number) =>
  mpiexec([
    ...['-n', String(ranks), process.execPath, '--import', 'tsx'],
    'test/distributed/children/collectives.ts',
  ]);

describe.skipIf(noMpi !== undefined)(`collectives ${overMpi}`, () => {
  const counts = isFull ? [1, 2, 3, 4] : [3];
  test.each(counts)(
    '%i ranks: exact sums in the order of the ranks, and errors that name a rank',
    async (ranks) => {
      const { code, stdout, stderr } = await runRanks(ranks);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const heard = JSON.parse(stdout) as string[];
      const usual = ranks - 1;
      if (ranks > 2) {
        expect(heard[0]).toMatch(
          new RegExp(
            `^all_reduce of 3 float32 \\(gradient of x\\): rank ${usual} issued another collective than the other ranks: all_reduce of 2 float32 as number \\d+, expected all_reduce of 3 float32 as number \\d+$`,
          ),
        );
        expect(heard[1]).toContain(`rank ${usual} issued another collective`);
        expect(heard[1]).toContain('broadcast of 3 float32 from rank 0');
        expect(heard[2]).toContain('broadcast of 3 float32 from rank 1 as number');
      }
      expect(heard.slice(3)).toEqual([
        expect.stringMatching(/^all_gather: float32\[3\] is no slice of float32\[2\] for rank 0/),
        `broadcast: there is no rank ${ranks} among ${ranks}`,
        'all_reduce: the tensor is int32, expected float32',
      ]);
    },
  );
});

// States of ranks that share the memory of a run: each rank writes its part. Killed in the middle of it, the same command
// gives the same bits; what one rank finds damaged is used by none; and any number of ranks at any stage goes on from them.
import { cp, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noMpi, overMpi } from '../distributed/ranks.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { isFull } from '../support/extent.ts';
import { makeOddModel, type RankRun, startRanks, trainAlone, trainOverMpi } from './rank-runs.ts';
import { expectClose, makeDataset, resultOf } from './runs.ts';

async function makeRun(zero: number): Promise<RankRun> {
  return {
    model: await makeOddModel(),
    data: await makeDataset(),
    output: join(await temporaryFolder(), 'run'),
    settings: {
      ...{ maxSteps: 5, batchSize: 6, microBatchSize: 1, sequenceLength: 32, learningRate: 1e-3 },
      ...{ dtype: 'float32', saveSteps: 1, keepStates: 3, seed: 3, zero },
    },
  };
}

const elsewhere = (run: RankRun, name: string): RankRun => ({
  ...run,
  output: `${run.output}-${name}`,
});

async function statesOf({ output }: RankRun): Promise<string[]> {
  return (await readdir(join(output, 'resume'))).sort();
}

async function flipBit(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  const at = (await handle.stat()).size - 9;
  await handle.read(byte, 0, 1, at);
  byte[0]! ^= 4;
  await handle.write(byte, 0, 1, at);
  await handle.close();
}

/** Moments of saving the third state at which a rank may die: before something gets its name. */
const deaths = [
  { rank: 1, beforeNaming: '.step-3.tmp/shard-1.safetensors' },
  { rank: 1, beforeNaming: '.step-3.tmp/shard-1.json' },
  { rank: 0, beforeNaming: '.step-3.tmp/shard-0.safetensors' },
  { rank: 0, beforeNaming: '.step-3.tmp/state.json' },
  { rank: 0, beforeNaming: '/step-3' },
];

describe.skipIf(noMpi !== undefined)(`states of ranks ${overMpi}`, () => {
  const stages = isFull ? [1, 2, 3] : [2];
  test.each(stages)(
    'a rank is killed while it saves at stage %i, and the same command gives the same bits',
    async (zero) => {
      const whole = await makeRun(zero);
      const killed = (isFull ? deaths : deaths.slice(0, 1)).map((death, i) => ({
        ...elsewhere(whole, `killed-${i}`),
        death,
      }));
      for (const run of killed) {
        const { code, stderr } = await startRanks(2, [run]);
        expect(code).not.toBe(0);
        expect(stderr).toContain(`rank ${run.death.rank} was lost`);
        expect(await statesOf(run)).toEqual(['.step-3.tmp', 'step-1', 'step-2']);
      }
      // The last one's newest state is damaged as well.
      const last = killed.at(-1)!;
      await flipBit(join(last.output, 'resume/step-2/shard-1.safetensors'));
      const resumed = killed.map(({ death: _, ...run }) => run);
      const reports = await trainOverMpi(2, [whole, ...resumed]);
      const expected = await resultOf(whole.output);
      for (const run of resumed) expect(await resultOf(run.output)).toEqual(expected);
      const { warnings, stepsDone } = reports.at(-1)!;
      expect(stepsDone).toBe(1);
      expect(warnings).toEqual(
        expect.arrayContaining([
          expect.stringMatching(
            /step-2\/shard-1.safetensors is damaged: .*; resuming from the state before it, of step 1$/,
          ),
        ]),
      );
    },
  );

  if (!isFull) return;

  test('other numbers of ranks go on at other stages', async () => {
    const whole = await makeRun(1);
    const expected = await trainAlone(elsewhere(whole, 'alone'));
    const stopped = { ...elsewhere(whole, 'stopped'), death: deaths[0]! };
    await startRanks(3, [stopped]);
    const from = async (name: string, zero: number): Promise<RankRun> => {
      const run = elsewhere({ ...whole, settings: { ...whole.settings, zero } }, name);
      await cp(stopped.output, run.output, {
        recursive: true,
        filter: (path) => !path.endsWith('.lock'),
      });
      return run;
    };
    await expectClose(await trainAlone(await from('one', 0)), expected);
    for (const [ranks, zero] of [
      [2, 3],
      [4, 2],
      [2, 0],
      [4, 1],
    ] as const) {
      const run = await from(`${ranks}-${zero}`, zero);
      const [report] = await trainOverMpi(ranks, [run]);
      expect(report!.stepsDone).toBe(2);
      await expectClose(run.output, expected);
    }
    // From a state that is whole to slices of it.
    const alone = elsewhere(whole, 'was-alone');
    await startRanks(1, [{ ...alone, death: { rank: 0, beforeNaming: '/step-3' } }]);
    const shared = { ...alone, settings: { ...alone.settings, zero: 3 } };
    const [report] = await trainOverMpi(3, [shared]);
    expect(report!.stepsDone).toBe(2);
    await expectClose(alone.output, expected);
  });
});

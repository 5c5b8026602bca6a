// No kernel's result depends on the order in which a block's threads run between two barriers, nor on how
// many blocks run at once. The seed of the order is the environment's, so each runs in a child.
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { caseFiles, raggedSelection } from '../ops/run-case.ts';
import { runChild } from '../support/child.ts';
import { isFull } from '../support/extent.ts';

const root = resolve(import.meta.dirname, '../..');
const emulated = {
  LEIA_TEST_DEVICE: 'emulated',
  LEIA_ADDON: join(root, process.env.LEIA_BUILD ?? 'build', 'emulated/leia.node'),
};

async function bitsOfAllCases(environment: Record<string, string>): Promise<string[]> {
  const variables = { ...emulated, ...environment };
  const child = await runChild('ops/all-cases.ts', variables, [], ['bits', 'ragged']);
  expect(child.errors).toBe('');
  expect(child.code).toBe(0);
  return child.output.trim().split('\n');
}

if (isFull) {
  test('the bits of kernels for Hopper do not depend on it either', async () => {
    const hopper = { LEIA_HOPPER: '1', LEIA_TEST_OPERATION: 'flash-attention' };
    const first = await bitsOfAllCases({ ...hopper, LEIA_EMULATOR_ORDER: '1' });
    expect(await bitsOfAllCases({ ...hopper, LEIA_EMULATOR_ORDER: '77' })).toEqual(first);
  });
}

test('the bits do not depend on the order of threads', async () => {
  const first = await bitsOfAllCases({ LEIA_EMULATOR_ORDER: '1', LEIA_NUM_THREADS: '2' });
  const selected = (await caseFiles()).flatMap(({ cases }) => raggedSelection(cases));
  const wanted = selected.map(({ name }) => name).filter((name) => /attentionBackward/i.test(name));
  const run = first.map((line) => (JSON.parse(line) as { name: string }).name);
  expect(run.filter((name) => /attentionBackward/i.test(name))).toEqual(
    wanted.flatMap((name) => ['Query', 'Key', 'Value'].map((of) => `${name}: grad${of}`)),
  );
  expect(wanted.length).toBeGreaterThan(isFull ? 40 : 6);
  for (const order of isFull ? ['2', '1000000007'] : ['1000000007']) {
    const environment = { LEIA_EMULATOR_ORDER: order, LEIA_NUM_THREADS: order === '2' ? '1' : '3' };
    expect(await bitsOfAllCases(environment), `order ${order}`).toEqual(first);
  }
});

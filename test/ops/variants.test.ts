// Every case once per instruction set that this CPU has, and with other numbers of threads: the
// environment decides these for a whole process, so they run in children.
import { expect, test } from 'vitest';
import { addon } from '../../lib/core/addon.ts';
import { runChild } from '../support/child.ts';
import { isFull } from '../support/extent.ts';

interface Line {
  name: string;
  error?: number | null;
  tolerance?: number;
  bits?: string;
}

/** Of each kernel variant a ragged case, or all. */
async function allCases(environment: Record<string, string>, mode: string): Promise<Line[]> {
  const flags = isFull ? [mode] : [mode, 'ragged'];
  const { code, output, errors } = await runChild('ops/all-cases.ts', environment, [], flags);
  expect(errors).toBe('');
  expect(code).toBe(0);
  const lines = output.trim().split('\n');
  expect(lines.length).toBeGreaterThan(isFull ? 900 : 150);
  return lines.map((line) => JSON.parse(line) as Line);
}

const levels = ['baseline', 'avx2', 'avx512'];
const best = addon().cpuDescription().isa;
const lower = levels.slice(0, levels.indexOf(best));

test.skipIf(lower.length === 0)(
  `below ${best}: all cases are within their tolerances`,
  async () => {
    const variants: Record<string, string>[] = lower.map((isa) => ({ LEIA_CPU_ISA: isa }));
    if (addon().cpuDescription().bfloat16Dot) variants.push({ LEIA_CPU_BF16: '0' });
    for (const environment of variants) {
      const wrong = (await allCases(environment, 'errors')).filter(
        ({ error, tolerance = 0 }) => !(typeof error === 'number' && error <= tolerance),
      );
      expect(wrong, JSON.stringify(environment)).toEqual([]);
    }
  },
);

test('the bits do not depend on the number of threads', async () => {
  const one = await allCases({ LEIA_NUM_THREADS: '1' }, 'bits');
  for (const threads of isFull ? ['2', '5'] : ['5']) {
    expect(await allCases({ LEIA_NUM_THREADS: threads }, 'bits'), threads).toEqual(one);
  }
});

test.each([
  ['LEIA_CPU_ISA', 'mmx', 'LEIA_CPU_ISA=mmx, expected baseline, avx2 or avx512'],
  ['LEIA_NUM_THREADS', 'two', 'LEIA_NUM_THREADS=two, expected a number from 1 to 1024'],
  ['LEIA_NUM_THREADS', '0', 'LEIA_NUM_THREADS=0, expected a number from 1 to 1024'],
])('%s=%s is refused', async (variable, value, message) => {
  const { code, errors } = await runChild('core/children/begin.ts', { [variable]: value });
  expect(code).not.toBe(0);
  expect(errors).toContain(message);
});

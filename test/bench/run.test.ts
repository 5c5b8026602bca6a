// `leia bench` as its user runs it, at sizes that take no time; no number it prints is looked at.
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Results, Row } from '../../bench/results.ts';
import { rowLines } from '../../bench/table.ts';
import { ops } from '../../lib/index.ts';
import { run } from '../cli/in-process.ts';
import { runChild } from '../support/child.ts';

const quick = ['--sizes', 'tiny', '--rounds', '2', '--round-ms', '1'];
const bench = (...args: string[]) => run('bench', ...quick, ...args);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-bench-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('every operation, as JSON and in a file named by the device', async () => {
  // In a process of its own: nothing but JSON may come out of it.
  const args = ['bench', ...quick, '--json', '--output', `${folder}/`];
  const { code, output, errors } = await runChild('../lib/cli/main.ts', {}, [], args);
  expect(code, errors).toBe(0);
  const results = JSON.parse(output) as Results;
  const [file, ...others] = await readdir(folder);
  expect(others).toEqual([]);
  expect(file).toMatch(/^[a-z0-9-]+-threads\.json$/);
  expect(JSON.parse(await readFile(join(folder, file!), 'utf8'))).toEqual(results);

  const { environment, rows, ceilings, host, failures } = results;
  expect(failures).toEqual([]);
  expect(environment.leia).toMatchObject({ version: '0.1.0', commit: expect.any(String) });
  expect(environment.device).toMatchObject({ name: 'cpu', model: expect.any(String) });
  expect(Date.parse(environment.date)).toBeGreaterThan(0);
  expect(ceilings.map(({ unit, dtype }) => `${unit} ${dtype}`)).toEqual([
    'TFLOP/s float32',
    'TFLOP/s bfloat16',
    'GB/s bfloat16',
  ]);
  // Every public operation has a row of its own.
  const functions = Object.entries(ops).filter(([, value]) => typeof value === 'function');
  const alone = rows.flatMap(({ calls }: Row) => (calls.length === 1 ? calls : []));
  expect(functions.map(([name]) => name).filter((name) => !alone.includes(name))).toEqual([]);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  for (const row of rows) {
    expect(row.rate, row.name).toBeGreaterThan(0);
    expect(row.ofCeiling, row.name).toBeGreaterThan(0);
    expect(row.milliseconds.best).toBeLessThanOrEqual(row.milliseconds.median);
    if (row.operation !== 'layer') expect(row.error, row.name).toBeLessThan(2e-2);
    expect(row.rivals).toEqual([]);
  }
  expect(host).toHaveLength(3);
  expect(errors).toContain('ceiling copy');
});

test('a table', async () => {
  const { code, output } = await bench('swiglu', '--match', 'forward');
  expect(code).toBe(0);
  expect(output).toMatch(/^cpu: .*commit/);
  expect(output).toMatch(/\nswiglu forward 6x88 float32 .* GB\/s +\d+ % +\d\.\de-\d\n/);
  expect(output).toMatch(/ median ms +best ms +rate /);
  expect(output).not.toMatch(/backward|a call of/);
});

test('what cannot be measured is said, fails, and the rest goes on', async () => {
  const { code, error, output } = await bench('swiglu', '--device', 'cuda:99');
  expect(code).toBe(1);
  expect(error.trim().split('\n')).toHaveLength(1);
  expect(error).toMatch(/^leia: device 'cuda/);
  expect(output).toBe('');
});

test.each([
  [['conv'], /^leia: no benchmark 'conv', expected any of matmul, .*host$/],
  [['--match', 'x99x', 'matmul'], /^leia: --match: no workload's name contains 'x99x'; there are/],
  [['--match', 'matmul', 'host'], /^leia: --match: no workload's name contains 'matmul'; there/],
  [['--sizes', 'huge'], /Allowed choices are tiny, small, large/],
  [['--against', 'jax'], /Allowed choices are torch/],
  [['--rounds', '0'], /^leia: --rounds: expected a whole number above 0, got 0$/],
  [['--round-ms', '1.5'], /^leia: --round-ms: expected a whole number above 0, got 1.5$/],
  [['--limit-s', '0'], /^leia: --limit-s: expected a whole number above 0, got 0$/],
] as const)('refuses %j', async (args, message) => {
  const { code, error, output } = await bench(...args, '--json');
  expect([code, output]).toEqual([2, '']);
  expect(error).toMatch(new RegExp(message, 'm'));
});

test('a rival that is not there is an error, before anything is measured', async () => {
  const python = join(folder, 'no-python');
  const args = ['swiglu', '--json', '--against', 'torch', '--python', python];
  const { code, output, error } = await bench(...args);
  expect([code, output]).toEqual([1, '']);
  expect(error).toMatch(
    /^leia: no comparison with PyTorch: .*no-python does not start \(ENOENT\); name a Python/m,
  );
});

test('a rival says how many times as fast leia is', () => {
  const timing = { best: 1, median: 2, rounds: 3, runs: 1 };
  const rivals = [{ name: 'torch eager', milliseconds: timing, leiaTimesAsFast: 1.25 }];
  const row = { ...{ operation: 'swiglu', name: 'swiglu', calls: ['swigluForward'], rate: 1 } };
  const lines = rowLines({
    ...{ ...row, unit: 'GB/s', flops: 1, bytes: 1, milliseconds: timing, rivals },
  });
  expect(lines[1]).toMatch(/^ {2}torch eager +2\.00 +1\.00 {3}leia 1\.25 x as fast$/);
});

test('a rival that is too slow is said to be, and ours is measured all the same', async () => {
  const program = join(folder, 'slow-rival.cjs');
  await writeFile(
    program,
    `const answers = { begin: { variants: ['eager'] }, prepare: {}, time: { milliseconds: 40_000 } };
     const say = (value) => console.log(JSON.stringify(value));
     say({ torch: '2' });
     require('node:readline').createInterface({ input: process.stdin })
       .on('line', (line) => say(answers[JSON.parse(line).do]));`,
  );
  const python = join(folder, 'slow-rival');
  await writeFile(python, `#!/bin/sh\nexec "${process.execPath}" "${program}"\n`);
  await chmod(python, 0o755);
  const args = ['swiglu', '--match', 'forward', '--json', '--against', 'torch', '--python', python];
  const { code, output, error } = await bench(...args);
  expect(code, error).toBe(0);
  const { rows, ceilings, failures } = JSON.parse(output) as Results;
  expect(ceilings.map(({ by }) => Object.keys(by))).toEqual([['leia']]);
  expect(rows.map(({ rivals }) => rivals)).toEqual([[], []]);
  const reason = 'too slow to measure: one run takes 40 s, the limit for all is 30 s';
  expect(failures).toEqual(
    [...ceilings, ...rows].map(({ name }) => ({ name: `torch eager, ${name}`, reason })),
  );
  for (const { name } of failures) expect(error).toContain(`leia: ${name}: ${reason}\n`);
  // What is waited for is shown.
  expect(error).toContain('starting PyTorch\n');
});

test('bench:training makes steps, holds what it planned, and refuses what it does not know', async () => {
  const run = (...args: string[]) => runChild('../bench/training-step.ts', {}, [], args);
  const { output } = await run('--sequence', '32', '--steps', '2', '--dtype', 'float32');
  const [, planned, held] = /planned (\d\S* MB), held (\d\S* MB)/.exec(output) ?? [];
  expect(planned).toBeDefined();
  expect(held).toBe(planned);
  expect(output.match(/^step \d+: \d+ ms, loss 6\.\d{4}$/gm)).toHaveLength(3);
  expect(output).toMatch(/\d+ tokens\/s, \S+ TFLOP\/s/);
  for (const wrong of [['--steps', 'two'], ['--shape', '13b'], ['--dtype', 'fp8'], ['--gpu']]) {
    const { code, errors } = await run(...wrong);
    expect(code).toBe(2);
    expect(errors).toMatch(/^bench: [^\n]+; see npm run bench:training -- --help\n$/);
  }
});

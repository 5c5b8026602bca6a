import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { writeResults } from '../evaluate/tables/result-folders.ts';
import { find, parse, textOf } from '../report/parse.ts';

let folder: string;

/** So many of 40 right, other ones for another shift. */
function right(count: number, shift = 0): number[] {
  return Array.from({ length: 40 }, (_, i) => ((i + shift) % 40 < count ? 1 : 0));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-compare-'));
  for (const [i, extra] of [0, 1, -1].entries()) {
    const tasks = (base: number) => ({
      xcodah_ar: right(base + extra, i),
      xcodah_ja: right(base + 2 * extra, i),
    });
    await writeResults(join(folder, `leia-${i}`), tasks(30));
    await writeResults(join(folder, `plain-${i}`), tasks(15));
  }
  await writeResults(join(folder, 'llama'), { xcodah_ar: right(10), xcodah_ja: right(10) });
});
afterAll(() => rm(folder, { recursive: true }));

async function compare(...args: string[]) {
  const error = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const line = vi.spyOn(console, 'error').mockReturnValue();
  const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    const code = await main(['compare', ...args]);
    const text = (calls: unknown[][]) => calls.map(([chunk]) => String(chunk)).join('');
    return {
      code,
      output: text(output.mock.calls),
      error: text(error.mock.calls) + text(line.mock.calls),
    };
  } finally {
    error.mockRestore();
    line.mockRestore();
    output.mockRestore();
  }
}

const leia = () => ['--run', `LEIA=${folder}/leia-*`];
const baselines = () => [
  ...['--baseline', `plain=${folder}/plain-*`],
  ...['--baseline', `LLaMA=${folder}/llama`],
];

test('prints the table, and writes it in every form', async () => {
  const target = join(folder, 'out');
  const { code, output } = await compare(...leia(), ...baselines(), '--output', target);
  expect(code).toBe(0);
  expect(output).toMatch(/X-CODAH +ar +ja +Avg\.\n/);
  expect(output).toMatch(/LEIA +75\.0±6\.2\* +75\.0±12\.4\* +75\.0±9\.3\*/);
  expect((await readdir(target)).sort()).toEqual([
    ...['comparison.json', 'report.html', 'table.csv', 'table.md', 'table.tex', 'table.txt'],
  ]);
  const written = async (name: string) => readFile(join(target, name), 'utf8');
  expect(output.startsWith((await written('table.txt')).slice(0, 200))).toBe(true);
  expect(await written('table.tex')).toContain('\\textbf{75.0$\\pm$9.3\\textsuperscript{*}}');
  expect(await written('table.md')).toContain('LEIA right, plain wrong');
  const page = parse((await written('report.html')).replace('<!DOCTYPE html>', ''));
  expect(find(page, 'svg')).toHaveLength(3);
  expect(find(page, 'h2').map(textOf)).toContain('xcodah_ja: LEIA right, LLaMA wrong');
  const { comparisons } = JSON.parse(await written('comparison.json')) as {
    comparisons: { items?: { count: number } }[];
  };
  expect(comparisons.map(({ items }) => items?.count)).toEqual([
    40,
    40,
    undefined,
    40,
    40,
    undefined,
  ]);
});

test('takes a description and other runs after the name, and shows the columns of a layout', async () => {
  const config = join(folder, 'compare.yaml');
  await writeFile(
    config,
    `run: { LEIA: ${folder}/leia-* }\nbaseline: { LLaMA: [${folder}/llama] }\n`,
  );
  const described = await compare('--config', config, '--layout', 'table-1');
  expect(described.output).toMatch(/X-CODAH Avg\. of 2\nLLaMA +25\.0/);
  const listed = await compare(
    ...['--run', `LEIA=${folder}/leia-0`, `${folder}/leia-1`, `${folder}/leia-2`],
    ...['--baseline', `LLaMA=${folder}/llama`, '--layout', 'table-1'],
  );
  expect(listed.output).toBe(described.output);
});

test('published numbers stand beside one’s own', async () => {
  const list = join(folder, 'paper.csv');
  await writeFile(
    list,
    'method,task,percent,half_width,runs\nRandom,xcodah_ja,25,,\nFT,xcodah_ja,40,2,5\n',
  );
  const { output } = await compare(
    ...leia(),
    ...['--baseline', `Random=${list}`, '--baseline', `FT=${list}`, '--layout', 'table-3'],
  );
  expect(output).toMatch(/X-CODAH\nRandom +25\.0\nFT +40\.0±2\.0\nLEIA +75\.0±12\.4\*/);
  expect(output).toContain('Runs: Random 1, FT 5, LEIA 3.');
});

test('what was not evaluated alike is compared only if asked for', async () => {
  const other = join(folder, 'other');
  await writeResults(other, { xcodah_ja: right(10) }, { protocol: 'lm-eval' });
  const args = [...leia(), '--baseline', `other=${other}`, '--layout', 'table-3'];
  const refused = await compare(...args);
  expect(refused.code).toBe(1);
  expect(refused.error).toContain(`protocol is lm-eval in other (${other}), paper in LEIA`);
  expect(refused.error).toContain('--allow-differences');
  const allowed = await compare(...args, '--allow-differences');
  expect(allowed.code).toBe(0);
  expect(allowed.error).toContain('warning: xcodah_ja: protocol is lm-eval');
});

test('items that do not match are named and not tested', async () => {
  const other = join(folder, 'moved');
  await writeResults(other, { xcodah_ja: right(10) }, { firstItem: 1 });
  const { code, error } = await compare(
    ...leia(),
    '--baseline',
    `moved=${other}`,
    '--layout',
    'table-3',
  );
  expect(code).toBe(0);
  expect(error).toContain('X-CODAH: the items of LEIA and moved are not the same');
});

test.each([
  [[], '--run is missing'],
  [['--run', 'nothing'], "--run: expected NAME=VALUE, got 'nothing'"],
  [['--run', 'x=/nonexistent'], 'cannot read /nonexistent'],
  [['--run', 'x=/nonexistent/*'], 'nothing matches /nonexistent/*'],
  [['--run', 'x='], '--run'],
  [['--run', 'x=a', '--level', '2'], '--level'],
  [['--run', 'x=a', '--correction', 'fdr'], 'Allowed choices are holm, bonferroni, none'],
] as const)('refuses %j', async (args, text) => {
  const { code, error } = await compare(...args);
  expect(code).not.toBe(0);
  expect(error).toContain(text);
});

test('a layout of which there is nothing is refused', async () => {
  const list = join(folder, 'own.csv');
  await writeFile(list, 'task,score\nmine,0.5\n');
  const { code, error } = await compare('--run', `x=${list}`, '--layout', 'table-2');
  expect([code, error]).toEqual([2, 'leia: --layout table-2: no results of its tasks; found mine']);
});

// The rival's process: what it may do wrong is one clear line. Where a Python with torch is (LEIA_PYTHON, or python3),
// the real one runs, too.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { TorchRival } from '../../bench/rival.ts';
import { timeInTurns } from '../../bench/timer.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-rival-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A program that stands where Python should be. */
async function python(script: string): Promise<string> {
  const path = join(folder, 'python');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

function start(path: string) {
  return TorchRival.start({ python: path, device: 'cpu', threads: 1, limitMilliseconds });
}

const limitMilliseconds = 20_000;
const copy = { kind: 'copy', count: 1, dtype: 'float32' } as const;

/** Lets time pass as soon as a file is there: what is waited for then is late, however busy the machine is. */
async function passTimeWhen(path: string): Promise<void> {
  while (!existsSync(path)) await new Promise(setImmediate);
  vi.advanceTimersByTime(1e6);
}
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a rival that does not start', () => {
  test.each([
    [
      'has no torch',
      `printf 'Traceback:\\n  import torch\\nModuleNotFoundError: No module named torch\\n' >&2; exit 1`,
      'ModuleNotFoundError: No module named torch',
    ],
    ['has no such device', `echo '{"error": "no CUDA GPU"}'`, 'no CUDA GPU'],
    ['says nothing', 'echo > "$0.begun"; exec sleep 1000', 'no answer within 180 s'],
    ['says something else', 'echo hello', 'an answer that is no JSON object: hello'],
    ['just ends', 'exit 0', 'it ended'],
  ])('because it %s', async (_, script, reason) => {
    const path = await python(script);
    if (script.includes('begun')) void passTimeWhen(`${path}.begun`);
    await expect(start(path)).rejects.toThrow(
      expect.objectContaining({
        code: 'unavailable',
        message: `no comparison with PyTorch: ${path} was asked to start: ${reason}; name a Python with torch by --python or LEIA_PYTHON`,
      }),
    );
  });
});

test('a rival that ends on the way', async () => {
  const rival = await start(
    await python(`echo '{"torch": "2"}'; read line; echo oops >&2; exit 1`),
  );
  expect(rival.description).toEqual({ name: 'torch', torch: '2' });
  await expect(rival.prepare(copy)).rejects.toThrow(/was asked to prepare copy: oops$/);
  await expect(rival.prepare(copy)).rejects.toThrow(/oops/);
});

/** A rival of three variants; it never answers some requests, but says in a file that it was asked. */
const slowRival = `
const { appendFileSync, existsSync, writeFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const log = (line) => appendFileSync(__filename + '.log', line + '\\n');
const answer = (value) => console.log(JSON.stringify(value));
log('start');
answer({ torch: '2' });
createInterface({ input: process.stdin }).on('line', (line) => {
  const { do: what, variant, task } = JSON.parse(line);
  log([what, variant].filter(Boolean).join(' '));
  if (variant === 'slow' || (what === 'time' && variant === 'later')) {
    writeFileSync(__filename + '.' + variant, '');
  } else if (what === 'begin') answer({ variants: ['first', 'slow', 'broken', 'later'] });
  else if (variant === 'broken') answer({ error: 'no kernel' });
  else if (what === 'prepare') answer({});
  else answer({ milliseconds: 1 });
});
`;

test('a rival that is too slow in one of its ways goes on with the others', async () => {
  const program = join(folder, 'rival.cjs');
  await writeFile(program, slowRival);
  const path = await python(`exec "${process.execPath}" "${program}"`);
  const rival = await start(path);
  const passing = passTimeWhen(`${program}.slow`);
  const { contestants, failures } = await rival.prepare(copy);
  await passing;
  expect(failures).toEqual({
    slow: `too slow to measure: ${path} was asked to prepare copy, slow: no answer within 20 s`,
    broken: `${path} was asked to prepare copy, broken: no kernel`,
  });
  const [first, later] = contestants;
  expect([first?.name, later?.name]).toEqual(['torch first', 'torch later']);
  expect(await first!.time(1)).toBe(1);
  void passTimeWhen(`${program}.later`);
  await expect(later!.time(1)).rejects.toThrow(/asked to time later: no answer within 20 s$/);

  // The next workload finds it ready again.
  await rm(`${program}.slow`);
  void passTimeWhen(`${program}.slow`);
  expect((await rival.prepare(copy)).contestants.map(({ name }) => name)).toEqual([
    'torch first',
    'torch later',
  ]);
  rival.close();
  const prepared = ['begin', 'prepare first', 'prepare slow'];
  const resumed = ['start', 'begin', 'prepare first', 'prepare broken', 'prepare later'];
  const timed = ['time first', 'time later'];
  const log = (await readFile(`${program}.log`, 'utf8')).trim().split('\n');
  expect(log).toEqual([
    'start',
    ...prepared,
    ...resumed,
    ...timed,
    'start',
    ...prepared,
    ...resumed,
  ]);
});

const real = process.env.LEIA_PYTHON ?? 'python3';
const hasTorch = spawnSync(real, ['-c', 'import torch']).status === 0;
if (!hasTorch) console.warn(`${real} has no torch: the comparison with PyTorch itself is not run.`);

const withTorch = hasTorch ? describe : () => undefined;

withTorch('PyTorch', () => {
  const dtype = 'bfloat16';
  const shape = { batch: 1, heads: 2, kvHeads: 1, sequence: 8, headDim: 64, causal: true, dtype };
  const layer = { hidden: 64, intermediate: 96, heads: 2, vocabulary: 11, batch: 1, sequence: 8 };

  const matrix = { rows: 2, width: 8 };
  const table = { count: 3, vocabulary: 5, hidden: 8 };

  test('has an equivalent of every operation', async () => {
    const rival = await start(real);
    for (const [task, variants] of [
      [{ kind: 'copy', count: 10, dtype }, ['copy_']],
      [
        { kind: 'matmul', m: 2, k: 3, n: 4, transposeA: true, transposeB: false, dtype },
        ['matmul'],
      ],
      [
        {
          kind: 'matmul',
          m: 2,
          k: 3,
          n: 4,
          transposeA: false,
          transposeB: true,
          bias: true,
          dtype,
        },
        ['addmm'],
      ],
      [{ kind: 'attention', pass: 'forward', ...shape }, ['flash', 'math']],
      [{ kind: 'attention', pass: 'backward', ...shape }, ['flash', 'math']],
      [{ kind: 'adamw', count: 10 }, ['fused']],
      [{ kind: 'rms_norm', pass: 'backward', rows: 2, hidden: 8, epsilon: 1e-5, dtype }, ['eager']],
      [
        { kind: 'layer_norm', pass: 'backward', rows: 2, hidden: 8, epsilon: 1e-5, dtype },
        ['eager'],
      ],
      [{ kind: 'softmax', pass: 'backward', rows: 2, size: 8, dtype }, ['eager']],
      [{ kind: 'log_softmax', pass: 'backward', rows: 2, size: 8, dtype }, ['eager']],
      ...(['sum', 'mean', 'max', 'argmax'] as const).flatMap((name) =>
        (name === 'argmax' ? (['forward'] as const) : (['forward', 'backward'] as const)).map(
          (pass) =>
            [
              { kind: 'reduction', name, pass, shape: '2x3x4', dimension: 1, dtype },
              ['eager'],
            ] as const,
        ),
      ),
      [{ kind: 'top_k', pass: 'backward', rows: 2, size: 8, k: 2, dtype }, ['eager']],
      [{ kind: 'swiglu', pass: 'backward', rows: 2, width: 8, dtype }, ['eager']],
      ...['add', 'subtract', 'multiply', 'divide'].map(
        (name) =>
          [
            { kind: 'binary', name, pass: 'backward', ...matrix, bRows: 1, bWidth: 8, dtype },
            ['eager'],
          ] as const,
      ),
      [{ kind: 'compare', name: 'lessEqual', ...matrix, dtype }, ['le']],
      [{ kind: 'where', ...matrix, dtype }, ['where']],
      [{ kind: 'residual_add', ...matrix, dtype }, ['add']],
      [{ kind: 'cast', ...matrix, dtype, to: 'float32' }, ['copy_']],
      [{ kind: 'fill', ...matrix, dtype }, ['fill_']],
      [{ kind: 'random_normal', ...matrix, dtype }, ['normal_']],
      [{ kind: 'slice', ...matrix, start: 2, end: 6, dtype }, ['copy_']],
      [{ kind: 'write_slice', ...matrix, start: 2, end: 6, accumulate: true, dtype }, ['add_']],
      [{ kind: 'write_rows', ...matrix, dtype }, ['index_copy_']],
      [{ kind: 'embedding', pass: 'forward', ...table, dtype }, ['index_select']],
      [{ kind: 'embedding', pass: 'backward', ...table, dtype }, ['index_add_']],
      [{ kind: 'gradient_norm', count: 10 }, ['norm']],
      [{ kind: 'rope', pass: 'backward', shape: [1, 3, 2, 8], dtype }, ['eager']],
      [{ kind: 'sample_token', rows: 2, vocabulary: 9, temperature: 0, dtype }, ['eager']],
      [
        {
          ...{ kind: 'sample_token', rows: 2, vocabulary: 9, temperature: 1, dtype },
          topK: 3,
          topP: 0.5,
        },
        ['eager'],
      ],
      [
        { kind: 'activation', curve: 'geluTanh', pass: 'backward', rows: 2, width: 8, dtype },
        ['eager'],
      ],
      [{ kind: 'dropout', rows: 2, width: 8, p: 0.1, dtype }, ['eager']],
      [{ kind: 'add_bias', pass: 'backward', rows: 2, width: 8, dtype }, ['eager']],
      [{ kind: 'cross_entropy', pass: 'backward', rows: 2, vocabulary: 8, dtype }, ['eager']],
      [{ kind: 'permute', shape: [2, 3, 4], order: [0, 2, 1], dtype }, ['copy_']],
      [{ kind: 'concatenate', rows: 2, widths: [8, 16], dtype }, ['cat']],
      [{ kind: 'layer', ...layer, dtype }, ['flash']],
    ] as const) {
      const { contestants, failures } = await rival.prepare(task);
      expect(failures, task.kind).toEqual({});
      expect(contestants.map(({ name }) => name)).toEqual(variants.map((name) => `torch ${name}`));
      const rounds = { rounds: 1, roundMilliseconds: 1, limitMilliseconds: 1e9 };
      const { timings, left } = await timeInTurns(contestants, rounds);
      expect(left).toEqual(new Map());
      for (const { best } of timings.values()) expect(best).toBeGreaterThan(0);
    }
    await expect(rival.prepare({ kind: 'nonsense' })).rejects.toThrow(/nonsense/);
    rival.close();
  });
});

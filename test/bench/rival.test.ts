// The rival's process: what it may do wrong is one clear line. Where a Python with torch is (LEIA_PYTHON, or python3),
// the real one runs, too.
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

async function start(path: string, timeoutMilliseconds = 30_000) {
  return TorchRival.start({ python: path, device: 'cpu', threads: 1, timeoutMilliseconds });
}

describe('a rival that does not start', () => {
  test.each([
    [
      'has no torch',
      `printf 'Traceback:\\n  import torch\\nModuleNotFoundError: No module named torch\\n' >&2; exit 1`,
      'ModuleNotFoundError: No module named torch',
    ],
    ['has no such device', `echo '{"error": "no CUDA GPU"}'`, 'no CUDA GPU'],
    ['says nothing', 'exec sleep 10', 'no answer within 0.4 s'],
    ['says something else', 'echo hello', 'an answer that is no JSON object: hello'],
    ['just ends', 'exit 0', 'it ended'],
  ])('because it %s', async (_, script, reason) => {
    const path = await python(script);
    const patience = reason.includes('0.4 s') ? 400 : undefined;
    await expect(start(path, patience)).rejects.toThrow(
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
  await expect(rival.prepare({ kind: 'copy', count: 1, dtype: 'float32' })).rejects.toThrow(
    /was asked to prepare copy: oops$/,
  );
  await expect(rival.drop()).rejects.toThrow(/oops/);
});

const real = process.env.LEIA_PYTHON ?? 'python3';
const hasTorch = spawnSync(real, ['-c', 'import torch']).status === 0;
if (!hasTorch) console.warn(`${real} has no torch: the comparison with PyTorch itself is not run.`);

const withTorch = hasTorch ? describe : () => undefined;

withTorch('PyTorch', () => {
  const dtype = 'bfloat16';
  const shape = { batch: 1, heads: 2, kvHeads: 1, sequence: 8, headDim: 64, causal: true, dtype };
  const layer = { hidden: 64, intermediate: 96, heads: 2, vocabulary: 11, batch: 1, sequence: 8 };

  test('has an equivalent of every operation', async () => {
    const rival = await TorchRival.start({ python: real, device: 'cpu', threads: 1 });
    for (const [task, variants] of [
      [{ kind: 'copy', count: 10, dtype }, ['copy_']],
      [
        { kind: 'matmul', m: 2, k: 3, n: 4, transposeA: true, transposeB: false, dtype },
        ['matmul'],
      ],
      [{ kind: 'attention', pass: 'forward', ...shape }, ['flash', 'math']],
      [{ kind: 'attention', pass: 'backward', ...shape }, ['flash', 'math']],
      [{ kind: 'adamw', count: 10 }, ['fused']],
      [{ kind: 'rms_norm', pass: 'backward', rows: 2, hidden: 8, epsilon: 1e-5, dtype }, ['eager']],
      [{ kind: 'swiglu', pass: 'backward', rows: 2, width: 8, dtype }, ['eager']],
      [{ kind: 'cross_entropy', pass: 'backward', rows: 2, vocabulary: 8, dtype }, ['eager']],
      [{ kind: 'layer', ...layer, dtype }, ['flash']],
    ] as const) {
      const { contestants, failures } = await rival.prepare(task);
      expect(failures, task.kind).toEqual({});
      expect(contestants.map(({ name }) => name)).toEqual(variants.map((name) => `torch ${name}`));
      const timings = await timeInTurns(contestants, { rounds: 1, roundMilliseconds: 1 });
      for (const { best } of timings.values()) expect(best).toBeGreaterThan(0);
      await rival.drop();
    }
    await expect(rival.prepare({ kind: 'nonsense' })).rejects.toThrow(/nonsense/);
    rival.close();
  });
});

// The replication as its user runs it, in its smallest size: killed, gone on with, found finished, and refused.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../llama/fixtures.ts';
import { find, parse } from '../report/parse.ts';
import { metricsOf } from '../train/runs.ts';
import { leia } from './child.ts';

async function present(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function modified(path: string): Promise<number> {
  return (await stat(path)).mtimeMs;
}

/** The runs that have been measured. */
async function finishedRuns(output: string): Promise<string[]> {
  const folders = await readdir(join(output, 'runs')).catch(() => []);
  const runs = folders.map((arm) => join(output, 'runs', arm, 'seed-1'));
  const done = await Promise.all(runs.map((run) => present(join(run, 'diagnostics.json'))));
  return runs.filter((_, i) => done[i]);
}

/** Waits until no process writes a run's folder: those of a killed replication end by themselves. */
async function allEnded(output: string): Promise<void> {
  for (;;) {
    const names = await readdir(join(output, 'runs'), { recursive: true });
    if (!names.some((name) => name.endsWith('.leia.lock'))) return;
    await setTimeout(50);
  }
}

const arms = ['plain', 'right-0.5', 'right-0.5-shuffled'];

describe('leia replicate', () => {
  test('goes from a seed to tables and a plot, also when killed between runs', async () => {
    const output = join(await temporaryFolder(), 'replication');
    const args = [
      'replicate',
      '--preset',
      'quick',
      '--output',
      output,
      '--seeds',
      '1',
      '--jobs',
      '1',
    ];
    const killed = await leia(args, {
      onStart: async (child) => {
        while ((await finishedRuns(output)).length === 0 && child.exitCode === null) {
          await setTimeout(20);
        }
        child.kill('SIGKILL');
      },
    });
    expect(killed.code).toBeNull();
    expect(await present(join(output, 'results.md'))).toBe(false);
    await allEnded(output);
    const done = await finishedRuns(output);
    expect(done.length).toBeGreaterThan(0);
    expect(done.length).toBeLessThan(arms.length);
    const base = join(output, 'base', 'model.safetensors');
    const files = [
      base,
      ...done.flatMap((run) =>
        ['model.safetensors', 'results.json'].map((name) => join(run, name)),
      ),
    ];
    const before = await Promise.all(files.map(modified));

    const run = await leia(args);
    expect(run).toMatchObject({ code: 0 });
    expect(await Promise.all(files.map(modified))).toEqual(before);
    expect((await finishedRuns(output)).length).toBe(arms.length);
    expect((await readdir(join(output, 'runs'))).sort()).toEqual(arms);
    expect(run.stderr).toMatch(/3 of 3 runs/);
    expect(run.stdout).toContain('Table 1 of this world');
    expect(run.stdout).toMatch(/LEIA right, p_skip 0\.5 +\d+\.\d/);

    // Each arm was trained as its name says, by the ordinary trainer.
    const settings = await Promise.all(
      arms.map(async (arm) =>
        JSON.parse(await readFile(join(output, 'runs', arm, 'seed-1', 'run.json'), 'utf8')),
      ),
    );
    expect(settings.map(({ strategy }) => strategy)).toEqual(['none', 'right', 'right']);
    const rows = await metricsOf(join(output, 'runs', 'plain', 'seed-1'));
    expect(rows.at(-1)!.loss).toBeLessThan(rows[0]!.loss);
    // The base model has learned what English text states: far beyond chance.
    const results = JSON.parse(await readFile(join(output, 'base', 'results.json'), 'utf8'));
    expect(results.results.held_in_english['acc,none']).toBeGreaterThan(0.4);

    const markdown = await readFile(join(output, 'results.md'), 'utf8');
    expect(markdown).not.toMatch(/NaN|undefined/);
    for (const title of ['Table 1', 'Table 2', 'Control', 'Diagnostics', 'One held fact']) {
      expect(markdown).toContain(title);
    }
    const plot = await readFile(join(output, 'held-facts.svg'), 'utf8');
    expect(find(parse(plot), 'g').length).toBe(arms.length + 1);

    // The same questions from the command line give the same score.
    const model = join(output, 'runs', 'right-0.5', 'seed-1');
    const asked = await leia([
      'eval',
      '--model',
      model,
      '--tasks',
      join(output, 'questions', 'held.yaml'),
    ]);
    expect(asked).toMatchObject({ code: 0 });
    const own = JSON.parse(await readFile(join(model, 'results.json'), 'utf8'));
    expect(asked.stdout).toContain(own.results.held['acc,none'].toFixed(4));

    const other = await leia([...args, '--world-seed', '2']);
    expect(other).toMatchObject({ code: 2 });
    expect(other.stderr).toMatch(/another worldSeed \(1 there, 2 here\); choose another --output/);
  });

  test.each([
    [['--preset', 'huge'], 'Allowed choices are quick, mini, large'],
    [['--seeds', '0'], '--seeds'],
    [['--seeds', '1e9'], '--seeds'],
    [['--jobs', '0'], '--jobs'],
    [['--world-seed', '-1'], '--world-seed'],
    [['--device', 'gpu'], '--device'],
  ])('refuses %j in a line', async (wrong, message) => {
    const output = join(await temporaryFolder(), 'replication');
    const run = await leia(['replicate', '--output', output, ...wrong]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(message);
    expect(await present(output)).toBe(false);
  });
});

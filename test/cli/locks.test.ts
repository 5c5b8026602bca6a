// Two commands that write to one place: the second is refused in one line while the first lives, and says so when it
// takes over from one that is dead.
import type { ChildProcess } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { adaptCheckpoint } from '../../lib/leia/adapt.ts';
import { writeConverted } from '../../lib/leia/export.ts';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { lockFile, lockFolder } from '../../lib/system/lock.ts';
import { dumpXml, PAGES, writeDump } from '../corpus/small-wiki.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { makeDataset, makeModel, metricsOf } from '../train/runs.ts';
import { leia } from './child.ts';
import { errorLine, smallWiki, withOptions } from './small-datasets.ts';

/** Where each command writes, with arguments that would do so. */
const commands = {
  async train() {
    const output = join(await temporaryFolder(), 'run');
    const args = ['train', '--model', await makeModel(), '--data', await makeDataset()];
    args.push('--sequence-length', '32', '--batch-size', '2', '--micro-batch-size', '2');
    return { output, args: [...args, '--max-steps', '1', '--output', output] };
  },
  async export() {
    const model = join(await temporaryFolder(), 'adapted');
    await using base = await Checkpoint.open(await makeModel());
    await writeConverted(model, await adaptCheckpoint(base));
    const output = `${model}-exported`;
    return { output, args: ['export', '--model', model, '--output', output] };
  },
  async prepare() {
    const { output, args } = await smallWiki();
    return { output, args: [...args] };
  },
  async extract() {
    const folder = await temporaryFolder();
    const output = join(folder, 'out', 'pt.jsonl');
    await mkdir(dirname(output));
    return { output, args: ['extract', '--dump', await writeDump(folder), '--output', output] };
  },
  async demo() {
    const output = join(await temporaryFolder(), 'demo');
    return { output, args: ['demo', '--output', output, '--steps', '8'] };
  },
} as const;

test.each(['train', 'export', 'prepare', 'extract', 'demo'] as const)(
  '%s waits for nobody who writes to its output, and writes nothing',
  async (command) => {
    const { output, args } = await commands[command]();
    const lock = command === 'extract' ? lockFile : lockFolder;
    const folder = command === 'extract' ? dirname(output) : output;
    await using _ = await lock(output);
    const { code, stderr } = await leia(args);
    expect(code).toBe(2);
    expect(errorLine(stderr)).toMatch(
      new RegExp(
        `^leia: ${output} is being written by process ${process.pid} on ${hostname()} since \\d{4}-[-:T\\d]+Z; wait until it has ended, or write elsewhere$`,
      ),
    );
    expect(await readdir(folder)).toHaveLength(1);
  },
);

test.each(['train', 'export', 'prepare', 'extract'] as const)(
  '%s takes over from a dead process, says so, and removes what that left',
  async (command) => {
    const { output, args } = await commands[command]();
    const isFile = command === 'extract';
    const folder = isFile ? dirname(output) : output;
    const lockPath = isFile
      ? join(folder, `.${basename(output)}.lock`)
      : join(folder, '.leia.lock');
    const lock = await (isFile ? lockFile : lockFolder)(output);
    const content = JSON.parse(await readFile(lockPath, 'utf8'));
    await lock.release();
    // No process of today began when the machine did.
    await writeFile(lockPath, JSON.stringify({ ...content, started: '0' }));
    const part = { train: 'model.safetensors', export: 'model-00001-of-00003.safetensors' };
    const target = { ...part, prepare: 'articles-00007.bin', extract: basename(output) }[command];
    await writeFile(join(folder, `.${target}.4194303-0123abcd.tmp`), 'half');
    const run = await leia(args);
    expect(run.code).toBe(0);
    expect(run.stderr).toContain(
      `warning: ${output}: process ${process.pid} on ${hostname()}, which wrote here since ${content.since}, has died; its lock is taken over\n`,
    );
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  },
);

test('a second run with other settings leaves the first as it was', async () => {
  const { output, args } = await commands.train();
  const first = [...args, '--max-steps', '100000', '--save-minutes', '0'];
  const other = [...args, '--max-steps', '3'];
  let child: ChildProcess | undefined;
  const killed = leia(first, {
    onStart: (started) => {
      child = started;
    },
  });
  while ((await metricsOf(output).catch(() => [])).length < 1) await setTimeout(10);
  const identity = await readFile(join(output, 'run.json'), 'utf8');
  const second = await leia(other);
  expect(second.code).toBe(2);
  expect(errorLine(second.stderr)).toContain(`written by process ${child?.pid} on ${hostname()}`);
  expect(await readFile(join(output, 'run.json'), 'utf8')).toBe(identity);
  child?.kill('SIGKILL');
  expect((await killed).code).toBeNull();
  // It had saved nothing, so the folder may now become that of the other.
  const third = await leia(other);
  expect(third.code).toBe(0);
  expect(third.stderr).toContain(`process ${child?.pid} on ${hostname()}, which wrote here since`);
  expect(JSON.parse(await readFile(join(output, 'run.json'), 'utf8')).maxSteps).toBe(3);
  expect((await readdir(output)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('extract that is killed leaves a part that the next one removes', async () => {
  const { output, args } = await commands.extract();
  const long = join(dirname(output), 'long.xml');
  await writeFile(long, dumpXml(Array.from({ length: 20_000 }, () => PAGES[0]!)));
  const temporary = async () =>
    (await readdir(dirname(output))).filter(
      (name) => name.startsWith('.pt.jsonl.') && name.endsWith('.tmp'),
    );
  const killed = await leia(withOptions(args, ['--dump', long]), {
    onStart: async (child) => {
      while ((await temporary()).length === 0) await setTimeout(1);
      child.kill('SIGKILL');
    },
  });
  expect(killed.code).toBeNull();
  expect(await temporary()).toHaveLength(1);
  await rm(long);
  const again = await leia(args);
  expect(again.code).toBe(0);
  expect(again.stderr).toContain('has died; its lock is taken over');
  expect(await readdir(dirname(output))).toEqual(['pt.jsonl']);
});

// `leia prepare` interrupted, killed and out of disk: the same command goes on to the same bytes.
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { shardFileName } from '../../lib/leia/dataset-format.ts';
import { dumpXml, PAGES } from '../corpus/small-wiki.ts';
import { plainEnvironment } from '../support/child.ts';
import { isFull } from '../support/extent.ts';
import { command, root } from './child.ts';
import {
  contents,
  errorLine,
  expectNoDataset,
  keep,
  type Small,
  smallWiki,
  withOptions,
} from './small-datasets.ts';

describe('an interrupted run', () => {
  // One thread: they take longer to start than this little takes to do.
  const shards = ['--shard-size', '0.2', '--workers', '1'];
  let whole = new Map<string, Buffer>();
  let dump = '';
  let wholeTime = 0;
  beforeAll(async () => {
    const { folder, output, prepare } = await smallWiki(keep);
    const pages = Array.from({ length: 300 }, (_, i) => ({
      title: `Página ${i}`,
      text: `${PAGES[0]!.text}\n${'mais palavras '.repeat(100)}[[Lisboa]]`,
    }));
    dump = join(folder, 'ptwiki-long.xml');
    await writeFile(dump, dumpXml(pages));
    const began = performance.now();
    expect(await prepare(['--dump', dump, ...shards])).toMatchObject({ code: 0 });
    wholeTime = performance.now() - began;
    whole = await contents(output);
    expect(whole.size).toBeGreaterThan(3 * 5);
  });

  /** Starts the long run and sends it a signal once some shards are complete, and one is being written. */
  async function interrupt({ output, prepare }: Small, signal: NodeJS.Signals) {
    const second = shardFileName('articles', 1);
    const complete = async () =>
      (await readdir(output).catch(() => [] as string[])).includes(second);
    return await prepare(['--dump', dump, ...shards], {
      onStart: async (child) => {
        while (!(await complete())) await setTimeout(2);
        child.kill(signal);
      },
    });
  }

  // A kill at any moment is tested below; after the second shard it is another one of those.
  const signals: [NodeJS.Signals, number | null][] = [['SIGINT', 130]];
  if (isFull) signals.push(['SIGKILL', null]);
  test.each(signals)('%s: the same command goes on to the same bytes', async (signal, code) => {
    const small = await smallWiki();
    const stopped = await interrupt(small, signal);
    expect(stopped.code).toBe(code);
    if (code !== null) {
      expect(errorLine(stopped.stderr)).toBe(
        'leia: interrupted; run the same command again to resume',
      );
    }
    const begun = await contents(small.output);
    expect(begun.has('manifest.json')).toBe(false);
    if (code !== null) expect([...begun.keys()].join()).not.toContain('.tmp');
    expect(begun.get('articles-00000.bin')).toEqual(whole.get('articles-00000.bin'));
    await expectNoDataset(small.output);
    // A kill in the middle of a write leaves a file like this; it does not stay.
    await writeFile(join(small.output, '.passages-00099.jsonl.7-0a1b2c3d.tmp'), 'half');

    expect(await small.prepare(['--dump', dump, ...shards])).toMatchObject({ code: 0 });
    expect(await contents(small.output)).toEqual(whole);
  });

  test('killed again and again, at any time and with any number of threads, it ends in the same bytes', async () => {
    const small = await smallWiki();
    const began = performance.now();
    let kills = 0;
    for (const workers of ['1', '2', '3']) {
      // A run begun anew takes as long as the whole one, so some are killed before the first shard is written.
      const wait = Math.random() * 1.2 * wholeTime;
      const { code } = await small.prepare(['--dump', dump, ...shards, '--workers', workers], {
        onStart: (child) => {
          const timer = globalThis.setTimeout(() => child.kill('SIGKILL'), wait);
          child.on('exit', () => clearTimeout(timer));
        },
      });
      if (code === 0) break;
      expect(code).toBe(null);
      kills++;
    }
    const message = `${kills} kills in ${performance.now() - began} ms`;
    expect(await small.prepare(['--dump', dump, ...shards]), message).toMatchObject({ code: 0 });
    expect(await contents(small.output), message).toEqual(whole);
  });

  // A small file system of one's own needs no rights, but some machines do not allow it.
  const namespace = ['--map-root-user', '--mount'];
  const canMount = spawnSync('unshare', [...namespace, 'mount', '-t', 'tmpfs', 'x', tmpdir()]);
  if (canMount.status !== 0) console.warn('skipped: a real full disk (unshare may not mount here)');

  test.skipIf(canMount.status !== 0)(
    'stopped by a full disk: with more room the same command goes on to the same bytes',
    async () => {
      const { folder, args } = await smallWiki();
      const bytes = [...whole.values()].reduce((sum, { length }) => sum + length, 0);
      const script = `
        mount -t tmpfs -o size=${Math.round(bytes / 2048)}k leia "$DISK" || exit 90
        "$@"; first=$?
        cp -r "$DISK/data" "$KEEP/full"
        [ $first = 1 ] || exit 91
        mount -o remount,size=${Math.round(bytes / 256)}k "$DISK" || exit 92
        "$@" > "$KEEP/second" 2>&1 || exit 93
        cp -r "$DISK/data" "$KEEP/whole"`;
      const disk = join(folder, 'disk');
      await mkdir(disk);
      const here = ['--dump', dump, ...shards, '--output', join(disk, 'data')];
      const line = [process.execPath, ...command, ...withOptions(args, here)];
      const { status, stderr } = spawnSync(
        'unshare',
        [...namespace, 'bash', '-c', script, 'bash', ...line],
        { cwd: root, env: { ...plainEnvironment, DISK: disk, KEEP: folder }, encoding: 'utf8' },
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(errorLine(stderr)).toMatch(/^leia: cannot write .*: the disk is full/);
      const full = await contents(join(folder, 'full'));
      expect(full.has('manifest.json')).toBe(false);
      expect([...full.keys()].filter((name) => name.endsWith('.tmp'))).toEqual([]);
      // What was whole stays, and is not made again.
      expect(JSON.parse(String(full.get('progress.json'))).shards.length).toBeGreaterThan(0);
      expect(full.get('articles-00000.bin')).toEqual(whole.get('articles-00000.bin'));
      await expectNoDataset(join(folder, 'full'));
      expect(await contents(join(folder, 'whole'))).toEqual(whole);
    },
  );

  test('other input is refused and the difference named', async () => {
    const small = await smallWiki();
    await interrupt(small, 'SIGKILL');
    const { code, stderr } = await small.prepare(['--dump', dump, '--language', 'gl']);
    expect(code).toBe(2);
    expect(errorLine(stderr)).toMatch(
      /begun with other input or options \(language: "pt" there, "gl" here\); remove it or write/,
    );
  });
});

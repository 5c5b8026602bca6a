// An output in several files: what each holds, and that a run that fails leaves none.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeShards } from '../../lib/system/shards.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';

const pieces = ['a\nbb\n', 'ccc\ndddd\n', 'e\n'].map((text) => Buffer.from(text));

/** What is in a folder, by name. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const texts = names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')]);
  return Object.fromEntries(await Promise.all(texts));
}

test('each shard has the lines that fit, and an earlier set goes', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'x.jsonl');
  const paths = await writeShards(path, pieces, { shardBytes: 5 });
  const names = [0, 1, 2, 3].map((i) => `x-0000${i}-of-00004.jsonl`);
  expect(paths).toEqual(names.map((name) => join(folder, name)));
  const texts = ['a\nbb\n', 'ccc\n', 'dddd\n', 'e\n'];
  expect(Object.entries(await contents(folder))).toEqual(names.map((name, i) => [name, texts[i]]));
  await writeShards(path, pieces, { shardBytes: 100 });
  expect(await contents(folder)).toEqual({ 'x-00000-of-00001.jsonl': pieces.join('') });
});

test('whatever the lines and the pieces, nothing is lost and no shard is too large', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'y');
  const lines = fc.array(
    fc.string({ maxLength: 12 }).map((line) => `${line.replace(/\n/g, '')}\n`),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(lines, { maxLength: 6 }),
      fc.integer({ min: 1, max: 30 }),
      async (all, shardBytes) => {
        const memory = Buffer.alloc(4096); // used again for every piece, as its next one is asked for
        const source = async function* () {
          for (const piece of all) yield memory.subarray(0, memory.write(piece.join('')));
        };
        const paths = await writeShards(path, source(), { shardBytes });
        const texts = await Promise.all(paths.map((shard) => readFile(shard)));
        expect(Buffer.concat(texts).toString()).toBe(all.flat().join(''));
        expect((await readdir(folder)).length).toBe(paths.length);
        expect(paths).toEqual([...paths].sort());
        for (const [i, text] of texts.entries()) {
          const isOneLine = text.indexOf('\n') === text.length - 1;
          expect(text.length <= shardBytes || isOneLine).toBe(true);
          // It could not have taken the next line.
          const next = texts[i + 1];
          const line = next === undefined ? shardBytes : next.indexOf('\n') + 1;
          expect(text.length + line > shardBytes || next === undefined).toBe(true);
        }
      },
    ),
    { numRuns: 20 },
  );
});

test('shards are packed, each by itself', async () => {
  const folder = await temporaryFolder();
  const [first, second] = await writeShards(join(folder, 'a.b.gz'), pieces, { shardBytes: 9 });
  expect(first).toBe(join(folder, 'a-00000-of-00002.b.gz'));
  expect(gunzipSync(await readFile(first!)).toString()).toBe('a\nbb\nccc\n');
  expect(gunzipSync(await readFile(second!)).toString()).toBe('dddd\ne\n');
});

test('a run that fails leaves what was there, and nothing else', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'x.jsonl');
  await writeShards(path, pieces, { shardBytes: 100 });
  const before = await contents(folder);
  const failing = async function* () {
    yield* pieces;
    throw new Error('no more');
  };
  await expect(writeShards(path, failing(), { shardBytes: 4 })).rejects.toThrow('no more');
  expect(await contents(folder)).toEqual(before);
  // What a killed run left is removed by the next; other files stay.
  await writeFile(join(folder, '.x-00007.jsonl.123-0a1b2c3d.tmp'), 'half');
  await writeFile(join(folder, 'x-1-of-2.jsonl'), 'mine');
  await writeFile(join(folder, 'xx-00000-of-00001.jsonl'), 'mine');
  await writeShards(path, pieces, { shardBytes: 9 });
  expect(await contents(folder)).toEqual({
    'x-00000-of-00002.jsonl': 'a\nbb\nccc\n',
    'x-00001-of-00002.jsonl': 'dddd\ne\n',
    'x-1-of-2.jsonl': 'mine',
    'xx-00000-of-00001.jsonl': 'mine',
  });
});

test('an input is never a shard, and shards are never a device or a folder', async () => {
  const folder = await temporaryFolder();
  const input = join(folder, 'x-00001-of-00009.jsonl');
  await writeFile(input, 'precious');
  await symlink(folder, join(folder, 'link'));
  for (const given of [input, join(folder, 'link', 'x-00001-of-00009.jsonl')]) {
    const work = () =>
      writeShards(join(folder, 'x.jsonl'), pieces, { shardBytes: 9, inputs: [given] });
    await expectError(work, 'usage', `${given} is read as input and has the name of a shard`);
  }
  expect(await readFile(input, 'utf8')).toBe('precious');
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of ['-', '/dev/null', pipe]) {
    const work = () => writeShards(path, pieces, { shardBytes: 9 });
    await expectError(work, 'usage', `it must be a file's name; got ${path}`);
  }
  await mkdir(join(folder, 'f'));
  const work = () => writeShards(join(folder, 'f'), pieces, { shardBytes: 9 });
  await expectError(work, 'io', 'it is a folder');
});
